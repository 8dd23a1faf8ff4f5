"""What share of the variance over a full grid each axis brings, alone and in pairs (ANOVA)."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bt_lake.metrics.segments import Floats


def variance_shares(cells: Floats) -> dict[tuple[int, ...], float]:
    """By axes: each alone, each two together beyond what they bring alone; the rest is of more.

    Each cell counts alike. Empty where the cells do not differ.
    """
    total = float(cells.var())
    if not total > 0:
        return {}
    axes = range(cells.ndim)
    found: dict[tuple[int, ...], float] = {}
    for axis in axes:
        found[axis,] = float(_mean_over(cells, (axis,)).var()) / total
    for one, other in combinations(axes, 2):
        both = float(_mean_over(cells, (one, other)).var()) / total
        found[one, other] = max(0.0, both - found[one,] - found[other,])
    return found


def _mean_over(cells: Floats, kept: tuple[int, ...]) -> Floats:
    others = tuple(axis for axis in range(cells.ndim) if axis not in kept)
    return np.asarray(cells.mean(axis=others) if others else cells)
