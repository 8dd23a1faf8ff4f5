"""A grid of numbers as colours."""

from __future__ import annotations

import numpy as np

from bt_lake.drawing.cells import Cells
from bt_lake.drawing.charts import GLYPH, SIZE, WIDTH, width_of
from bt_lake.drawing.picture import Fill, Picture, Rect, Text
from bt_lake.drawing.theme import BAD, FAINT, GOOD, INK, colour_of, is_dark


def heatmap(title: str, grid: Cells, *, cell: float = 30.0, most: float = WIDTH) -> Picture:
    """A cell of a grid as a colour with its number; without numbers where they do not fit."""
    rows, columns, texts = grid.down.labels, grid.across.labels, grid.numbers
    longest = max((len(text) for row in texts for text in row), default=1)
    left = 16 + max(map(width_of, [grid.down.name, *rows]))
    wide = max(40.0, *(width_of(each) + 12 for each in ("x" * longest, *columns)))
    wide = min(wide, max(6.0, (most - left - 16) / max(1, len(columns))))
    numbered = wide >= longest * GLYPH * 11 + 4
    size = cell if numbered else max(8.0, min(cell, wide))
    top = 44.0 if grid.across.name else 26.0
    bottom = top + size * len(rows)
    drawn = Picture(title, max(left + wide * len(columns) + 16, 320.0), bottom + 40)
    middle = left + wide * len(columns) / 2
    drawn.add(Text(middle, 14, grid.across.name, SIZE, "middle", bold=True))
    drawn.add(Text(left - 8, top - 8, grid.down.name, SIZE, "end", bold=True))
    every = max(1, int(np.ceil((max(map(width_of, columns), default=1) + 4) / wide)))
    for place, name in enumerate(columns[::every]):
        x = left + wide * (place * every + 0.5)
        drawn.add(Text(x, top - 8, name, SIZE, "middle", FAINT))
    for row, name in enumerate(rows):
        y = top + row * size
        if size >= 13 or row % 2 == 0:
            drawn.add(Text(left - 8, y + size / 2 + 4, name, SIZE, "end", FAINT))
        for column, share in enumerate(grid.shares[row]):
            if share is None:
                continue
            places = (f"{grid.down.name} {name}", f"{grid.across.name} {columns[column]}")
            tip = f"{', '.join(map(str.strip, places))}: {texts[row][column]}"
            x = left + column * wide
            fill, opacity, ink = _ground(share, grid.signed)
            drawn.add(Rect(x, y, wide - 1, size - 1, fill, tip, opacity))
            if numbered:
                drawn.add(
                    Text(x + wide / 2, y + size / 2 + 4, texts[row][column], 11, "middle", ink)
                )
    if not grid.signed:
        _ramp(drawn, left, bottom + 16, grid.ends)
    return drawn


def _ground(share: float, signed: bool) -> tuple[Fill, float, Fill]:
    """The colour of a cell, how strong, and what is legible on it."""
    if signed:
        return (GOOD if share >= 0 else BAD), min(0.06 + 0.5 * abs(share), 0.55), INK
    colour = colour_of(share)
    return colour, 1.0, (255, 255, 255) if is_dark(colour) else (20, 24, 28)


def _ramp(drawn: Picture, x: float, y: float, ends: tuple[str, str]) -> None:
    start, steps = x + width_of(ends[0]) + 8, 40
    drawn.add(Text(x, y + 10, ends[0], SIZE, fill=FAINT))
    drawn.add(*(Rect(start + n * 3, y, 3.5, 12, colour_of(n / (steps - 1))) for n in range(steps)))
    drawn.add(Text(start + steps * 3 + 8, y + 10, ends[1], SIZE, fill=FAINT))
