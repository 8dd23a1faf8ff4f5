"""A grid of values between its worst and its best, for a terminal or a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bt_lake.wording.values import text

Rows = Sequence[Sequence[float | None]]


@dataclass(frozen=True)
class Axis:
    name: str
    values: Sequence[Any]

    @property
    def labels(self) -> list[str]:
        return [text(value) for value in self.values]


@dataclass(frozen=True)
class Cells:
    """`cells[row][column]` is the value at that place of `down` and of `across`.

    Where `signed`, 0 is the middle: gains on one side, losses on the other.
    """

    down: Axis
    across: Axis
    cells: Rows
    show: Callable[[Any], str]
    lower_is_better: bool = False
    signed: bool = False

    @cached_property
    def numbers(self) -> list[list[str]]:
        return [["" if cell is None else self.show(cell) for cell in row] for row in self.cells]

    @property
    def known(self) -> list[float]:
        return [cell for row in self.cells for cell in row if cell is not None]

    @property
    def ends(self) -> tuple[str, str]:
        """The worst and the best value."""
        worst, best = sorted(
            (min(self.known), max(self.known)), reverse=self.lower_is_better and not self.signed
        )
        return self.show(worst), self.show(best)

    @cached_property
    def shares(self) -> list[list[float | None]]:
        """Each cell as its place between the worst (0) and the best (1), or from -1 to 1."""
        return [[None if cell is None else self._share(cell) for cell in row] for row in self.cells]

    def _share(self, cell: float) -> float:
        low, high = self._range
        if self.signed:
            return cell / max(-low, high) if max(-low, high) > 0 else 0.0
        place = (cell - low) / (high - low) if high > low else 0.5
        return 1 - place if self.lower_is_better else place

    @cached_property
    def _range(self) -> tuple[float, float]:
        return min(self.known), max(self.known)
