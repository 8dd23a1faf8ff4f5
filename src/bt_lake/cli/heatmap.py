"""A grid of parameters in the terminal: numbers on coloured ground, or beside a shaded map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bt_lake.cli.fields import metric_text
from bt_lake.cli.style import PLAIN, Style
from bt_lake.cli.table import columns_of, padded
from bt_lake.cli.values import one_line, text
from bt_lake.queries.names import metric

if TYPE_CHECKING:
    from bt_lake.queries.sweeping import Grid

SHADES = "░▒▓█"
# From poor to good; legible for the colour-blind, and dark to bright in grey.
RAMP = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_STRIP_GAP = 4

Cells = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Axis:
    name: str
    values: Sequence[Any]

    @property
    def labels(self) -> list[str]:
        return [text(value) for value in self.values]


@dataclass(frozen=True)
class Heatmap:
    """`cells[row][column]` is the metric at that value of `down` and of `across`."""

    down: Axis
    across: Axis
    cells: Cells
    show: Callable[[Any], str]
    lower_is_better: bool = False
    style: Style = PLAIN

    @cached_property
    def numbers(self) -> list[list[str]]:
        return [["" if cell is None else self.show(cell) for cell in row] for row in self.cells]

    @cached_property
    def shares(self) -> list[list[float | None]]:
        """Each cell as its place between the worst (0) and the best (1)."""
        known = [cell for row in self.cells for cell in row if cell is not None]
        low, high = (min(known), max(known)) if known else (0.0, 0.0)

        def share(cell: float | None) -> float | None:
            if cell is None:
                return None
            place = (cell - low) / (high - low) if high > low else 0.5
            return 1 - place if self.lower_is_better else place

        return [[share(cell) for cell in row] for row in self.cells]

    def lines(self, width: int | None = None) -> list[str]:
        """Numbers with a map where both fit the width, else what does."""
        numbers = self.numbers
        cell = 2 + max(map(columns_of, [*self.across.labels, *(n for r in numbers for n in r)]))
        left = 2 + max(map(columns_of, [self.down.name, *self.down.labels]))
        count = len(self.across.values)
        room = width or 1 << 30
        if left + cell * count > room:
            return self._map_alone(left, room)
        strip = not self.style.colour and left + (cell + 2) * count + _STRIP_GAP <= room
        return self._numbered(left, cell, strip=strip)

    def _numbered(self, left: int, cell: int, *, strip: bool) -> list[str]:
        paint, shares = self.style, self.shares
        middle = (cell * len(self.across.values) - columns_of(self.across.name)) // 2
        heads = "".join(padded(label, cell, right=True) for label in self.across.labels)
        lines = [
            " " * (left + max(0, middle)) + paint(self.across.name, "bold"),
            paint(padded(self.down.name, left - 2, right=True), "bold")
            + "  "
            + paint(heads, "dim"),
        ]
        for place, label in enumerate(self.down.labels):
            line = paint(padded(label, left - 2, right=True), "dim") + "  "
            for number, share in zip(self.numbers[place], shares[place], strict=True):
                shown = number.rjust(cell)
                line += shown if share is None else paint.cell(shown, colour_of(share))
            if strip:
                line += " " * _STRIP_GAP + "".join(shade_of(s) * 2 for s in shares[place])
            lines.append(line.rstrip())
        return lines

    def _map_alone(self, left: int, room: int) -> list[str]:
        """No room for numbers: two columns a cell, or one."""
        labels = self.across.labels
        size = 2 if left + 2 * len(labels) <= room else 1
        most = max(1, min(len(labels), (room - left) // size))
        lines = [
            " " * left + f"{self.across.name}: {labels[0]} to {labels[most - 1]}",
            padded(self.down.name, left - 2, right=True),
        ]
        for label, row in zip(self.down.labels, self.shares, strict=True):
            cells = "".join(self._block(share, size) for share in row[:most])
            lines.append((padded(label, left - 2, right=True) + "  " + cells).rstrip())
        if most < len(labels):
            lines.append(" " * left + f"({len(labels) - most} more do not fit)")
        return lines

    def _block(self, share: float | None, size: int) -> str:
        if self.style.colour and share is not None:
            return self.style.cell(" " * size, colour_of(share))
        return shade_of(share) * size


def heatmap_of(grid: Grid, style: Style = PLAIN) -> Heatmap:
    across = Axis(short(grid.y), grid.ys) if grid.y else Axis("", [grid.metric])
    counted = grid.how == "count"
    return Heatmap(
        Axis(short(grid.x), grid.xs),
        across,
        grid.pivot(),
        str if counted else metric_text(grid.metric),
        lower_is_better=not counted and metric(grid.metric).better == "lower",
        style=style,
    )


def short(name: str) -> str:
    return one_line(name.removeprefix("param."))


def shade_of(share: float | None) -> str:
    return " " if share is None else SHADES[min(3, int(share * 4))]


def colour_of(share: float) -> tuple[int, int, int]:
    place = share * (len(RAMP) - 1)
    start = min(int(place), len(RAMP) - 2)
    part = place - start
    red, green, blue = (
        round(a + (b - a) * part) for a, b in zip(RAMP[start], RAMP[start + 1], strict=True)
    )
    return red, green, blue
