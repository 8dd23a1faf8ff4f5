"""Where in a sweep's grid it is good all around: better founded than its best single cell."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from statistics import median
from typing import TYPE_CHECKING

from bt_lake.queries.names import metric

if TYPE_CHECKING:
    from bt_lake.queries.sweeping import Grid, Value

_SIDE = 3  # a cell and its neighbours
_LEVELS = ("mean", "median", "min", "max")  # a spread or a count is no better for being large


@dataclass(frozen=True)
class Block:
    """A square of neighbouring cells: its first and last value on each axis."""

    x: tuple[Value, Value]
    y: tuple[Value, Value]
    median: float


def plateau(grid: Grid) -> Block | None:
    """The square of cells with the best median; None where the grid has hardly more than one."""
    xs, ys = grid.xs, grid.ys
    numeric = all(isinstance(value, (int, float)) for value in (*xs, *ys))
    enough = min(len(xs), len(ys)) >= _SIDE and max(len(xs), len(ys)) > _SIDE
    if grid.how not in _LEVELS or not numeric or not enough:
        return None
    cells = grid.pivot()
    sign = -1 if metric(grid.metric).better == "lower" else 1
    found: list[tuple[float, int, int]] = []
    for left, top in product(range(len(xs) - _SIDE + 1), range(len(ys) - _SIDE + 1)):
        inside = [cell for row in cells[left : left + _SIDE] for cell in row[top : top + _SIDE]]
        known = [cell for cell in inside if cell is not None]
        if len(known) == len(inside):
            found.append((sign * median(known), left, top))
    if not found:
        return None
    best, left, top = max(found, key=lambda block: block[0])
    last = _SIDE - 1
    return Block((xs[left], xs[left + last]), (ys[top], ys[top + last]), sign * best)
