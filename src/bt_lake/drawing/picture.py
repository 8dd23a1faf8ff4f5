"""Pictures of a few plain shapes, as SVG or as a page that holds one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Literal, TypeAlias

from bt_lake.drawing.kinds import check_kind
from bt_lake.drawing.theme import INK, PAPER, STYLE, Colour, Paint, hexadecimal
from bt_lake.warehouse.errors import NotFound
from bt_lake.warehouse.wholefile import whole_file
from bt_lake.wording.values import one_line

Point: TypeAlias = tuple[float, float]
Anchor: TypeAlias = Literal["start", "middle", "end"]
Fill: TypeAlias = Paint | Colour
FONT = "system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif"


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    fill: Fill
    tip: str = ""
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    points: Sequence[Point]
    stroke: Fill
    width: float = 1.0
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    points: Sequence[Point]
    fill: Fill
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    radius: float
    fill: Fill
    tip: str = ""
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Text:
    x: float
    y: float
    text: str
    size: float = 12
    anchor: Anchor = "start"
    fill: Fill = INK
    bold: bool = False


Shape: TypeAlias = Rect | Line | Area | Dot | Text


class Shown:
    """What a notebook shows by itself, in each form that it may want."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """As text, as HTML, and where there is a picture as SVG."""
        bundle = {"text/plain": repr(self), "text/html": self._repr_html_()}  # type: ignore[attr-defined]
        try:
            drawn = self if isinstance(self, Picture) else self.plot()  # type: ignore[attr-defined]
        except NotFound:
            return bundle
        return {**bundle, "image/svg+xml": drawn.svg()}


@dataclass
class Picture(Shown):
    """Shapes on a ground: `svg()`, `save("x.svg")`; notebooks show it by themselves."""

    title: str
    width: float
    height: float
    shapes: list[Shape] = field(default_factory=list, repr=False)

    def add(self, *shapes: Shape) -> None:
        self.shapes += shapes

    def svg(self, *, alone: bool = True) -> str:
        """With its own colours and ground, or as a part of a page that has `theme.STYLE`."""
        label = escape(one_line(self.title))
        body = "\n".join(map(_svg, self.shapes))
        head = ""
        if alone:
            ground = f'<rect width="100%" height="100%" {_paint("fill", PAPER)}/>'
            head = f"<title>{label}</title>\n<style>\n{STYLE}</style>\n{ground}\n"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:g}" '
            f'height="{self.height:g}" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'font-family="{FONT}" role="img" aria-label="{label}">\n{head}{body}\n</svg>\n'
        )

    def html(self) -> str:
        """A page of its own."""
        return (
            f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(one_line(self.title))}</title>\n<style>\n{STYLE}"
            "body{margin:2rem;display:grid;place-items:center;background:var(--bt-paper)}\n"
            "svg{max-width:100%;height:auto}\n"
            "rect:has(title):hover{stroke:var(--bt-ink);stroke-width:2}\n</style>\n"
            f"{self.svg(alone=False)}</html>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Draw to a file; its ending tells how."""
        target = Path(path)
        check_kind(target)
        drawn = self.svg() if target.suffix.lower() == ".svg" else self.html()
        with whole_file(target) as file:
            file.write(drawn.encode("utf-8"))
        return target

    def _repr_html_(self) -> str:
        return self.svg()


def _svg(shape: Shape) -> str:
    match shape:
        case Rect():
            place = f'x="{_n(shape.x)}" y="{_n(shape.y)}"'
            size = f'width="{_n(max(shape.width, 0))}" height="{_n(max(shape.height, 0))}"'
            look = _paint("fill", shape.fill) + _opacity(shape.opacity)
            return _tipped("rect", f"{place} {size} {look}", shape.tip)
        case Dot():
            place = f'cx="{_n(shape.x)}" cy="{_n(shape.y)}" r="{shape.radius:g}"'
            look = _paint("fill", shape.fill) + _opacity(shape.opacity)
            return _tipped("circle", f"{place} {look}", shape.tip)
        case Line():
            dashes = ' stroke-dasharray="4 3"' if shape.dashed else ""
            stroke = f'{_paint("stroke", shape.stroke)} stroke-width="{shape.width:g}"{dashes}'
            joined = ' stroke-linejoin="round"' if len(shape.points) > 2 else ""
            return f'<path d="{_path(shape.points)}" fill="none" {stroke}{joined}/>'
        case Area():
            look = _paint("fill", shape.fill) + _opacity(shape.opacity)
            return f'<path d="{_path(shape.points)}z" {look}/>'
        case Text():
            bold = ' font-weight="600"' if shape.bold else ""
            anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
            return (
                f'<text x="{_n(shape.x)}" y="{_n(shape.y)}" font-size="{shape.size:g}"{anchor} '
                f"{_paint('fill', shape.fill)}{bold}>{escape(one_line(shape.text))}</text>"
            )


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _tipped(tag: str, attributes: str, tip: str) -> str:
    if not tip:
        return f"<{tag} {attributes}/>"
    return f"<{tag} {attributes}><title>{escape(one_line(tip))}</title></{tag}>"


def _paint(kind: Literal["fill", "stroke"], fill: Fill) -> str:
    if isinstance(fill, Paint):
        return f'class="bt-{kind[0]}-{fill.name}" {kind}="{fill.light}"'
    return f'{kind}="{hexadecimal(fill)}"'


def _opacity(share: float) -> str:
    return "" if share >= 1 else f' fill-opacity="{share:.2g}"'


def _path(points: Sequence[Point]) -> str:
    """Steps in tenths of a pixel: a third of the size of whole coordinates."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    parts, before = [], (0, 0)
    for x, y in tenths:
        dx, dy = _tenth(x - before[0]), _tenth(y - before[1])
        parts.append(dx + (dy if dy[0] == "-" else f" {dy}"))
        before = x, y
    return "m" + " ".join(parts)


def _tenth(value: int) -> str:
    whole, part = divmod(abs(value), 10)
    text = f"{whole or ''}.{part}" if part else str(whole)
    return f"-{text}" if value < 0 else text
