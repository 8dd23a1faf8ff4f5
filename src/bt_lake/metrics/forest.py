"""What axes bring where not all combinations were tried: functional ANOVA over a forest.

Each tree of bagged regression trees cuts the grid of all combinations into boxes of one value, so
that means over any axes, and the variance that they bring, are exact for the tree (Hutter, Hoos and
Leyton-Brown 2014, "An efficient approach for assessing hyperparameter importance").
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bt_lake.metrics.segments import ROUNDING, Floats, Ints

TREES = 32
_LEAVES = 200  # about, so that a tree of many runs stays quick


@dataclass(frozen=True, slots=True)
class Forest:
    """Shares of the variance by axes, the mean over the trees, and the mean at each place."""

    shares: dict[tuple[int, ...], float]
    means: list[Floats]


@dataclass(frozen=True, slots=True)
class _Boxes:
    """Leaf i holds the places from low[i] to before high[i] of each axis."""

    low: Ints
    high: Ints
    value: Floats


def forest(places: Ints, y: Floats, sizes: Ints, seed: int = 0) -> Forest:
    """`places` has a row a run and a column an axis: which of its `sizes` values the run has.

    Empty shares where the values do not differ.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    found: dict[tuple[int, ...], list[float]] = {}
    means = [np.zeros(size) for size in sizes]
    for _ in range(TREES):
        taken = rng.integers(len(y), size=len(y))
        boxes = _grown(places[taken], y[taken], sizes)
        for axis, mean in enumerate(means):
            mean += _marginal(boxes, sizes, (axis,)) / TREES
        for axes, share in _shares(boxes, sizes).items():
            found.setdefault(axes, []).append(share)
    return Forest({axes: float(np.mean(each)) for axes, each in found.items()}, means)


def _grown(places: Ints, y: Floats, sizes: Ints) -> _Boxes:
    """A tree whose every cut takes away as much of the squares as one can."""
    fewest = max(2, len(y) // _LEAVES)
    wide = int(sizes.max())
    starts = np.arange(sizes.size) * wide
    rows: list[tuple[Ints, Ints, float]] = []
    waiting = [(np.arange(len(y)), np.zeros(sizes.size, np.int64), sizes.copy())]
    while waiting:
        here, low, high = waiting.pop()
        cut = None
        own = y[here]
        if here.size >= fewest and np.ptp(own) > ROUNDING:
            cut = _cut(places[here] + starts, own, wide)
        if cut is None:
            rows.append((low, high, float(own.mean())))
            continue
        axis, place = cut
        below = places[here, axis] < place
        inner_high, inner_low = high.copy(), low.copy()
        inner_high[axis] = inner_low[axis] = place
        waiting += [(here[below], low, inner_high), (here[~below], inner_low, high)]
    low, high = (np.array([row[n] for row in rows]) for n in (0, 1))
    return _Boxes(low, high, np.array([value for *_, value in rows]))


def _cut(cells: Ints, y: Floats, wide: int) -> tuple[int, int] | None:
    """The axis and the place before which it is cut; halfway over places that nobody has."""
    axes = cells.shape[1]
    flat = cells.ravel()
    counts = np.bincount(flat, minlength=axes * wide).reshape(axes, wide)
    centred = y - y.mean()
    sums = np.bincount(flat, np.repeat(centred, axes), axes * wide).reshape(axes, wide)
    left, total = counts.cumsum(axis=1)[:, :-1], sums.cumsum(axis=1)[:, :-1]
    right = y.size - left
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where((left > 0) & (right > 0), total**2 / left + total**2 / right, -1.0)
    axis, after = divmod(int(gain.argmax()), wide - 1)
    if gain[axis, after] <= 0:
        return None
    following = after + 1 + int(np.flatnonzero(counts[axis, after + 1 :])[0])
    return axis, (after + 1 + following) // 2


def _shares(boxes: _Boxes, sizes: Ints) -> dict[tuple[int, ...], float]:
    weight = np.prod((boxes.high - boxes.low) / sizes, axis=1)
    mean = float(weight @ boxes.value)
    total = float(weight @ (boxes.value - mean) ** 2)
    if not total > 0:
        return {}
    found: dict[tuple[int, ...], float] = {}
    for axis in range(sizes.size):
        found[axis,] = float(_marginal(boxes, sizes, (axis,)).var()) / total
    for one, other in combinations(range(sizes.size), 2):
        both = float(_marginal(boxes, sizes, (one, other)).var()) / total
        found[one, other] = max(0.0, both - found[one,] - found[other,])
    return found


def _marginal(boxes: _Boxes, sizes: Ints, axes: tuple[int, ...]) -> Floats:
    """The mean over all other axes at each place of these: what each box adds, by its corners."""
    shares = (boxes.high - boxes.low) / sizes
    others = [axis for axis in range(sizes.size) if axis not in axes]
    adds = boxes.value * np.prod(shares[:, others], axis=1)
    changes = np.zeros([sizes[axis] + 1 for axis in axes])
    for corner in np.ndindex(*[2] * len(axes)):
        at = tuple(
            (boxes.high if up else boxes.low)[:, a] for up, a in zip(corner, axes, strict=True)
        )
        np.add.at(changes, at, adds * (-1.0) ** sum(corner))
    for place in range(len(axes)):
        changes = changes.cumsum(axis=place)
    return changes[tuple(slice(-1) for _ in axes)]
