"""The pictures of the lake on two axes: lines over time, bars, points, distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bt_lake.drawing.picture import Area, Dot, Line, Picture, Point, Rect, Text
from bt_lake.drawing.scales import Linear, Log, Time
from bt_lake.drawing.theme import (
    BAD,
    FAINT,
    MARK,
    RULE,
    SERIES,
    Paint,
    series_paint,
)
from bt_lake.drawing.thinning import Floats, Ints, thinned

Show = Callable[[float], str]
WIDTH = 920.0
GLYPH = 0.62  # of the size of a text: the width of an average letter
SIZE = 12.0
_RIGHT = 12.0
_LEFT = 62.0  # at least, so that pictures one below the other have their times in line


@dataclass(frozen=True, slots=True)
class Series:
    """Values at ascending places; a NaN is a gap."""

    name: str
    x: Floats | Ints
    y: Floats
    paint: Paint | None = None
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time that is shaded, and why."""

    start: float
    end: float
    tip: str = ""


@dataclass
class _Frame:
    """A picture with its scales drawn; what comes next lies upon them."""

    drawn: Picture
    across: Linear | Time
    up: Linear | Log
    left: float
    right: float
    top: float
    bottom: float
    show: Show = field(repr=False)

    def rules(self, ticks: Sequence[float]) -> None:
        for value in ticks:
            y = self.up(value)
            self.drawn.add(
                Line([(self.left, y), (self.right, y)], RULE),
                Text(self.left - 8, y + 4, self.show(value), SIZE, "end", FAINT),
            )

    def dates(self, ticks: Sequence[tuple[float, str]], *, ruled: bool = True) -> None:
        free = -np.inf
        for at, label in ticks:
            x, half = self.across(at), width_of(label) / 2
            if ruled:
                self.drawn.add(Line([(x, self.top), (x, self.bottom)], RULE))
            if x - half > free and x + half < self.drawn.width:
                self.drawn.add(Text(x, self.bottom + 17, label, SIZE, "middle", FAINT))
                free = x + half + 10


def width_of(text: str, size: float = SIZE) -> float:
    return len(text) * GLYPH * size


def lines(
    title: str,
    series: Sequence[Series],
    *,
    show: Show,
    height: float = 250,
    width: float = WIDTH,
    log: bool = False,
    base: float | None = None,
    filled: bool = False,
    bands: Sequence[Band] = (),
    dates: bool = True,
    within: tuple[float, float] | None = None,
) -> Picture:
    """Series over time (microseconds UTC), or over numbers where not `dates`.

    `base` is a value that is always in view, with a line; `filled` paints from it to the first
    series. `log` is for positive values. `within` is what the picture spans, else all.
    """
    known = [each.y[np.isfinite(each.y)] for each in series]
    values = np.concatenate([np.zeros(0), *known])
    if log:
        values = values[values > 0]
        log = values.size > 0
    low, high = _bounds(values, None if log else base)
    top = 12.0 + (22.0 if len(series) > 1 else 0.0)
    bottom = height - 24
    up: Linear | Log = Log(low, high, bottom, top) if log else Linear(low, high, bottom, top)
    ticks = up.ticks(max(2, int((bottom - top) / 38)))
    left = max([_LEFT, *(width_of(show(tick)) + 16 for tick in ticks)])
    right = width - _RIGHT
    firsts = [float(each.x[0]) for each in series if each.x.size]
    lasts = [float(each.x[-1]) for each in series if each.x.size]
    first, last = within or (min(firsts, default=0.0), max(lasts, default=1.0))
    across = (Time if dates else Linear)(first, last, left, right)
    drawn = Picture(title, width, height)
    frame = _Frame(drawn, across, up, left, right, top, bottom, show)
    for band in bands:
        start, end = across(band.start), across(band.end)
        drawn.add(Rect(start, top, max(end - start, 1.0), bottom - top, BAD, band.tip, 0.12))
    frame.rules(ticks)
    frame.dates(_across_ticks(across))
    if base is not None and not log:
        drawn.add(Line([(left, up(base)), (right, up(base))], FAINT))
    for place, each in enumerate(series):
        _draw(frame, each, each.paint or series_paint(place), log, base if filled else None)
    if len(series) > 1:
        legend(
            drawn,
            [(s.name, s.paint or series_paint(n)) for n, s in enumerate(series) if s.name],
            left,
        )
    return drawn


def _across_ticks(across: Linear | Time) -> list[tuple[float, str]]:
    if isinstance(across, Time):
        return across.ticks()
    return [(tick, f"{tick:g}") for tick in across.ticks(8)]


def _draw(frame: _Frame, each: Series, paint: Paint, log: bool, base: float | None) -> None:
    good = np.isfinite(each.y) & ((each.y > 0) | (not log))
    edges = np.flatnonzero(np.diff(good, prepend=False, append=False))
    for start, stop in edges.reshape(-1, 2).tolist():
        x, y = each.x[start:stop].astype(np.float64), each.y[start:stop]
        share = (x[-1] - x[0]) / ((frame.across.high - frame.across.low) or 1.0)
        columns = max(1, int((frame.right - frame.left) / 2 * share))
        kept = thinned(x, y, columns)
        points: list[Point] = [
            (frame.across(a), frame.up(b))
            for a, b in zip(x[kept].tolist(), y[kept].tolist(), strict=True)
        ]
        if base is not None:
            ground = frame.up(base)
            ends = (points[0][0], ground), (points[-1][0], ground)
            frame.drawn.add(Area([ends[0], *points, ends[1]], paint, 0.15))
        if len(points) == 1:
            frame.drawn.add(Dot(*points[0], 2, paint))
        else:
            frame.drawn.add(Line(points, paint, 1.5, each.dashed))


def legend(drawn: Picture, names: Sequence[tuple[str, Paint]], left: float) -> None:
    """A line of names above; those that do not fit are counted."""
    x = left
    for place, (name, paint) in enumerate(names):
        name = shortened(name, 40)
        if x + 30 + width_of(name) > drawn.width - 60 and place < len(names) - 1:
            drawn.add(Text(x, 16, f"and {len(names) - place} more", SIZE, fill=FAINT))
            return
        drawn.add(Rect(x, 10, 14, 3, paint), Text(x + 20, 16, name, SIZE))
        x += 36 + width_of(name)


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _bounds(values: Floats, base: float | None) -> tuple[float, float]:
    if base is not None:
        values = np.append(values, base)
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if low == high:
        room = abs(low) * 0.05 or 1.0
        return low - room, high + room
    return low, high


def bars(
    title: str,
    labels: Sequence[str],
    values: Sequence[float | None],
    *,
    show: Show,
    axis: str = "",
    height: float = 250,
    width: float = WIDTH,
    tips: Sequence[str] = (),
) -> Picture:
    """A bar for each label, from 0; gains and losses in their colours."""
    known = np.array([value for value in values if value is not None], np.float64)
    low, high = _bounds(known, 0.0)
    top, bottom = 14.0, height - (44 if axis else 26)
    up = Linear(low, high, bottom, top)
    ticks = up.ticks(max(2, int((bottom - top) / 38)))
    left = max([_LEFT, *(width_of(show(tick)) + 16 for tick in ticks)])
    drawn = Picture(title, width, height)
    frame = _Frame(drawn, Linear(0, 1, left, width), up, left, width - _RIGHT, top, bottom, show)
    frame.rules(ticks)
    step = (frame.right - left) / max(1, len(labels))
    every = max(1, int(np.ceil((max(map(width_of, labels), default=1) + 8) / step)))
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        x = left + place * step
        if place % every == 0:
            drawn.add(Text(x + step / 2, bottom + 17, label, SIZE, "middle", FAINT))
        if value is not None:
            edge, ground = up(value), up(0.0)
            tip = tips[place] if tips else f"{label}: {show(value)}"
            paint = SERIES[0] if value >= 0 else BAD
            size = max(step * 0.8, 1.0)
            drawn.add(
                Rect(x + (step - size) / 2, min(edge, ground), size, abs(edge - ground), paint, tip)
            )
    drawn.add(Line([(left, up(0.0)), (frame.right, up(0.0))], FAINT))
    if axis:
        drawn.add(Text((left + frame.right) / 2, height - 8, axis, SIZE, "middle", bold=True))
    return drawn


def distribution(
    title: str,
    values: Floats,
    *,
    show: Show,
    marks: Sequence[tuple[float, str]] = (),
    height: float = 230,
    width: float = WIDTH,
    bins: int = 60,
) -> Picture:
    """How often values of each size are there; `marks` are values with a name."""
    values = values[np.isfinite(values)]
    low, high = _bounds(np.append(values, [at for at, _ in marks]), None)
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    top, bottom, left = 16.0 + 16 * len(marks), height - 24, 16.0
    right = width - _RIGHT
    up, across = (
        Linear(0, float(counts.max(initial=1)), bottom, top),
        Linear(low, high, left, right),
    )
    drawn = Picture(title, width, height)
    frame = _Frame(drawn, across, up, left, right, top, bottom, show)
    frame.dates([(tick, show(tick)) for tick in across.ticks(9)])
    for count, start, end in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        if count:
            tip = f"{show(float(start))} to {show(float(end))}: {count:,}"
            x, size = across(float(start)), across(float(end)) - across(float(start))
            drawn.add(Rect(x + 0.5, up(count), size - 1, bottom - up(count), SERIES[0], tip, 0.75))
    drawn.add(Line([(left, bottom), (right, bottom)], FAINT))
    for place, (at, name) in enumerate(marks):
        x, y = across(at), 14.0 + 16 * place
        end = x + width_of(name) + 12 > right
        drawn.add(Line([(x, y + 4), (x, bottom)], MARK, 1.5, dashed=True))
        drawn.add(Text(x - 4 if end else x + 4, y + 2, name, SIZE, "end" if end else "start"))
    return drawn


def scatter(
    title: str,
    points: Sequence[tuple[float, float, str]],
    *,
    across: tuple[str, Show],
    up: tuple[str, Show],
    height: float = 340,
    width: float = WIDTH,
    labelled: bool = True,
    paints: Sequence[Paint] = (),
) -> Picture:
    """Points with their names beside them, or only on hover where they are many."""
    xs = np.array([point[0] for point in points], np.float64)
    ys = np.array([point[1] for point in points], np.float64)
    top, bottom = 28.0, height - 44
    vertical = Linear(*_padded(*_bounds(ys, None)), bottom, top)
    ticks = vertical.ticks(6)
    left = max([_LEFT, *(width_of(up[1](tick)) + 16 for tick in ticks)])
    right = width - _RIGHT
    horizontal = Linear(*_padded(*_bounds(xs, None)), left, right)
    drawn = Picture(title, width, height)
    frame = _Frame(drawn, horizontal, vertical, left, right, top, bottom, up[1])
    frame.rules(ticks)
    frame.dates([(tick, across[1](tick)) for tick in horizontal.ticks(8)])
    drawn.add(
        Text(left, 14, up[0], SIZE, bold=True),
        Text(right, height - 8, across[0], SIZE, "end", bold=True),
    )
    taken: list[tuple[float, float, float]] = []
    for place, (x, y, name) in enumerate(points):
        paint = paints[place] if paints else series_paint(place) if labelled else SERIES[0]
        at = horizontal(x), vertical(y)
        tip = f"{name}: {across[0]} {across[1](x)}, {up[0]} {up[1](y)}"
        drawn.add(Dot(*at, 5 if labelled else 3, paint, tip, 1.0 if labelled else 0.6))
        if labelled:
            _beside(drawn, at, shortened(name, 40), taken, right)
    return drawn


def _beside(
    drawn: Picture, at: Point, name: str, taken: list[tuple[float, float, float]], right: float
) -> None:
    """A name beside its point, where no other name stands; else it is left to the hover."""
    size = width_of(name)
    for anchor, x in (("start", at[0] + 9), ("end", at[0] - 9)):
        start = x if anchor == "start" else x - size
        inside = start > 0 and start + size < right + _RIGHT
        apart = all(
            abs(at[1] - y) > 12 or start > b + 4 or start + size < a - 4 for a, b, y in taken
        )
        if inside and apart:
            taken.append((start, start + size, at[1]))
            drawn.add(Text(x, at[1] + 4, name, SIZE, anchor))  # type: ignore[arg-type]
            return


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.06
    return low - room, high + room
