"""Parallel coordinates: each run as a line over its parameters, coloured by how good it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bt_lake.drawing.charts import WIDTH, shortened, width_of
from bt_lake.drawing.picture import Anchor, Line, Picture, Rect, Text
from bt_lake.drawing.theme import FAINT, PAPER, RULE, colour_of
from bt_lake.drawing.thinning import Floats

_MOST = 1000  # lines
_TICKS = 8
_BRIGHTEST = 0.9  # yellow would be lost on white
_TOP, _BOTTOM = 34.0, 16.0


@dataclass(frozen=True, slots=True)
class Upright:
    """An axis: its name, the place of each run from 0 (bottom) to 1, and labels at places."""

    name: str
    places: Floats
    labels: Sequence[tuple[float, str]]


def parallel(title: str, axes: Sequence[Upright], good: Floats, *, height: float = 340) -> Picture:
    """`good` is from 0 (the worst) to 1; the best lie on top. Of very many, every n-th."""
    order = np.argsort(good, kind="stable")
    if order.size > _MOST:
        order = order[np.unique(np.linspace(0, order.size - 1, _MOST).round().astype(np.int64))]
    room = 16 + max((width_of(text) for _, text in axes[0].labels), default=0.0)
    last = max((width_of(text) for _, text in axes[-1].labels), default=0.0)
    step = (WIDTH - room - last - 40) / max(1, len(axes) - 1)
    xs = [room + 12 + step * place for place in range(len(axes))]
    bottom = height - _BOTTOM
    drawn = Picture(title, WIDTH, height)

    def y(place: float) -> float:
        return bottom - place * (bottom - _TOP)

    thick = 0.8 if order.size > 200 else 1.4
    for run in order.tolist():
        points = [(x, y(float(axis.places[run]))) for x, axis in zip(xs, axes, strict=True)]
        drawn.add(Line(points, colour_of(_BRIGHTEST * float(good[run])), thick))
    for number, (x, axis) in enumerate(zip(xs, axes, strict=True)):
        drawn.add(Line([(x, _TOP), (x, bottom)], RULE, 2))
        anchor: Anchor = "end" if number == 0 else "start"
        beside = x - 6 if number == 0 else x + 6
        every = max(1, -(-len(axis.labels) // _TICKS))
        for place, label in axis.labels[::every]:
            text = shortened(label, 14)
            wide = width_of(text, 11)
            ground = Rect(beside - 1, y(place) - 7, wide, 14, PAPER, opacity=0.75)
            drawn.add(*(() if number == 0 else (ground,)))
            drawn.add(Text(beside, y(place) + 4, text, 11, anchor, FAINT))
        middle: Anchor = "start" if number == 0 else "end" if number == len(axes) - 1 else "middle"
        at = 16 if number == 0 else WIDTH - 12 if number == len(axes) - 1 else x
        drawn.add(Text(at, 16, shortened(axis.name, max(8, int(step / 8))), 12, middle, bold=True))
    return drawn
