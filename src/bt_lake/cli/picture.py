"""Pictures of a few plain shapes, as SVG or as a page that holds one; nothing to install."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Literal

from bt_lake.cli.wholefile import whole_file
from bt_lake.warehouse.errors import BadInput

Colour = tuple[int, int, int]
Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

INK: Colour = (34, 40, 49)
FAINT: Colour = (120, 128, 140)
RULE: Colour = (222, 226, 232)
PAPER: Colour = (255, 255, 255)
_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
KINDS = (".svg", ".html")


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    fill: Colour
    tip: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    points: Sequence[Point]
    stroke: Colour
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Area:
    points: Sequence[Point]
    fill: Colour


@dataclass(frozen=True, slots=True)
class Text:
    x: float
    y: float
    text: str
    size: float = 13
    anchor: Anchor = "start"
    fill: Colour = INK
    bold: bool = False


@dataclass
class Picture:
    title: str
    width: float
    height: float
    shapes: list[Rect | Line | Area | Text] = field(default_factory=list)

    def add(self, *shapes: Rect | Line | Area | Text) -> None:
        self.shapes += shapes

    def svg(self) -> str:
        size = f'width="{self.width:g}" height="{self.height:g}"'
        body = "\n".join(map(_svg, self.shapes))
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
            f'viewBox="0 0 {self.width:g} {self.height:g}" font-family="{_FONT}" role="img">\n'
            f"<title>{escape(self.title)}</title>\n"
            f'<rect width="100%" height="100%" fill="{_hex(PAPER)}"/>\n{body}\n</svg>\n'
        )

    def html(self) -> str:
        return (
            f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
            f"<title>{escape(self.title)}</title>\n"
            "<style>body { margin: 2rem; display: grid; place-items: center }\n"
            "svg { max-width: 100%; height: auto } "
            "rect:has(title):hover { stroke: #222831; stroke-width: 2 }</style>\n"
            f"{self.svg()}</html>\n"
        )


def check_kind(path: Path) -> None:
    """Refuse a name we cannot draw to, before anything is asked of the lake."""
    if path.suffix.lower() not in KINDS:
        raise BadInput(f"cannot draw {path.name}: end it with {', '.join(KINDS)}")


def save(picture: Picture, path: Path) -> None:
    """Draw to a file; its ending tells how."""
    check_kind(path)
    drawn = picture.svg() if path.suffix.lower() == ".svg" else picture.html()
    with whole_file(path) as file:
        file.write(drawn.encode("utf-8"))


def _svg(shape: Rect | Line | Area | Text) -> str:
    match shape:
        case Rect():
            place = f'x="{shape.x:g}" y="{shape.y:g}"'
            size = f'width="{shape.width:g}" height="{shape.height:g}"'
            tip = f"<title>{escape(shape.tip)}</title>" if shape.tip else ""
            return f'<rect {place} {size} fill="{_hex(shape.fill)}">{tip}</rect>'
        case Line():
            stroke = f'stroke="{_hex(shape.stroke)}" stroke-width="{shape.width:g}"'
            return f'<polyline points="{_points(shape.points)}" fill="none" {stroke}/>'
        case Area():
            return f'<polygon points="{_points(shape.points)}" fill="{_hex(shape.fill)}"/>'
        case Text():
            bold = ' font-weight="600"' if shape.bold else ""
            return (
                f'<text x="{shape.x:g}" y="{shape.y:g}" font-size="{shape.size:g}" '
                f'text-anchor="{shape.anchor}" fill="{_hex(shape.fill)}"{bold}>'
                f"{escape(shape.text)}</text>"
            )


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
