"""A grid of parameters in the terminal: numbers on coloured ground, or beside a shaded map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bt_lake.cli.style import PLAIN, Style
from bt_lake.drawing.cells import Cells
from bt_lake.drawing.theme import colour_of
from bt_lake.wording.widths import columns_of, padded

if TYPE_CHECKING:
    from bt_lake.queries.sweeping import Grid

SHADES = "░▒▓█"
_STRIP_GAP = 4


@dataclass(frozen=True)
class Heatmap(Cells):
    """Cells as lines of a terminal."""

    style: Style = PLAIN

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
    return Heatmap(**vars(grid.cells()), style=style)


def shade_of(share: float | None) -> str:
    return " " if share is None else SHADES[min(3, int(share * 4))]
