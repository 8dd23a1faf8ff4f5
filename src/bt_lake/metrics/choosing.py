"""Choosing by several numbers at once: what nothing else beats, and weighted sums."""

from __future__ import annotations

import numpy as np

from bt_lake.metrics.segments import Bools, Floats


def front(values: Floats) -> Bools:
    """The rows that no other is as good as in every column and better in one; more is better."""
    order = np.lexsort(values.T[::-1])[::-1]
    kept = np.zeros(len(values), bool)
    left = values[order]
    while len(left):
        best = left[0]
        kept[order[0]] = True
        beaten = (left <= best).all(axis=1) & (left < best).any(axis=1)
        beaten[0] = True
        left, order = left[~beaten], order[~beaten]
    return kept


def ranks(values: Floats) -> Floats:
    """Each column as places from 0 (the worst) to 1 (the best); equal values share their mean."""
    if len(values) < 2:
        return np.full(values.shape, 0.5)
    found = np.empty(values.shape)
    for column in range(values.shape[1]):
        _, place, often = np.unique(values[:, column], return_inverse=True, return_counts=True)
        last = np.cumsum(often) - 1
        found[:, column] = (last - (often - 1) / 2)[place]
    return found / (len(values) - 1)


def z_scores(values: Floats) -> Floats:
    """Each column less its mean, over its standard deviation (ddof 1); 0 where nothing differs."""
    if len(values) < 2:
        return np.zeros(values.shape)
    deviation = values.std(axis=0, ddof=1)
    off = values - values.mean(axis=0)
    return np.asarray(np.divide(off, deviation, out=np.zeros(values.shape), where=deviation > 0))
