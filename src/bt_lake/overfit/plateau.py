"""Is the winner on a plateau of good parameters or on a lone peak? A diagnostic, never a gate.

Neighbours are the cells of the parameter grid one step away in any numeric parameters (a Moore
neighbourhood: up to 3^k - 1 of them), with every other parameter equal. Steps go from one value
that was tried to the next. A label such as the symbol belongs among the parameters, so that
neighbours share it. Trials with the same parameters are one cell, at their median.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bt_lake.overfit.arrays import Bools, Floats

Cell = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plateau:
    axes: tuple[str, ...]  # numeric parameters with more than one value
    value: float  # the winner's own
    neighbours: int
    median: float
    mean: float
    lowest: float
    share_near: float | None  # of the neighbours with at least 80 % of the winner's value
    share_positive: float  # of all cells in the winner's grid
    good: int | None  # neighbours that are better than luck themselves; None: it is not known


def plateau(
    params: Sequence[Mapping[str, Any] | None],
    metric: Floats,
    winner: int,
    better: Bools | None = None,
) -> Plateau | None:
    """The winner's neighbourhood; None where it has no parameters or no neighbours.

    `better` says which trials are better than luck.
    """
    own = params[winner]
    if not own:
        return None
    numeric = [name for name, value in own.items() if _is_number(value)]
    fixed = {name: value for name, value in own.items() if name not in numeric}
    grid = [
        (place, trial)
        for place, trial in enumerate(params)
        if trial is not None and _same_grid(trial, own, numeric, fixed)
    ]
    axes = {name: _steps(trial[name] for _, trial in grid) for name in numeric}
    cells: dict[Cell, list[int]] = defaultdict(list)
    for place, trial in grid:
        if not np.isnan(metric[place]):
            cells[_cell(trial, axes)].append(place)
    centre = _cell(own, axes)
    medians = {cell: float(np.median(metric[places])) for cell, places in cells.items()}
    near = np.array([value for cell, value in medians.items() if _is_neighbour(cell, centre)])
    if not near.size:
        return None
    best = float(metric[winner])
    return Plateau(
        axes=tuple(name for name, steps in axes.items() if len(steps) > 1),
        value=best,
        neighbours=near.size,
        median=float(np.median(near)),
        mean=float(near.mean()),
        lowest=float(near.min()),
        share_near=float(np.mean(near >= 0.8 * best)) if best > 0 else None,
        share_positive=float(np.mean(np.array(list(medians.values())) > 0)),
        good=None
        if better is None
        else sum(bool(better[cells[cell]].any()) for cell in cells if _is_neighbour(cell, centre)),
    )


def _same_grid(
    trial: Mapping[str, Any],
    own: Mapping[str, Any],
    numeric: Sequence[str],
    fixed: Mapping[str, Any],
) -> bool:
    return (
        trial.keys() == own.keys()
        and all(_is_number(trial[name]) for name in numeric)
        and all(trial[name] == value for name, value in fixed.items())
    )


def _steps(values: Iterable[float]) -> dict[float, int]:
    return {value: step for step, value in enumerate(sorted(set(values)))}


def _cell(trial: Mapping[str, Any], axes: Mapping[str, Mapping[float, int]]) -> Cell:
    return tuple(steps[trial[name]] for name, steps in axes.items())


def _is_neighbour(cell: Cell, centre: Cell) -> bool:
    return cell != centre and all(abs(a - b) <= 1 for a, b in zip(cell, centre, strict=True))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
