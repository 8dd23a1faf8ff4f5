"""A curve in order: sorted by time, one point a time, no gaps of NaN."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bt_lake.metrics.segments import Floats, Ints, Segments


def clean(
    ts: Ints, equity: Floats, offsets: Ints, extras: Mapping[str, Floats]
) -> tuple[Ints, Floats, Ints, dict[str, Floats]]:
    """Sort each run by time, keep the last of equal times, then drop the points that are NaN."""
    points = Segments(offsets)
    run = points.spread(np.arange(len(points.counts)))
    same_run = run[1:] == run[:-1]
    order = np.arange(len(ts))
    if (same_run & (ts[1:] < ts[:-1])).any():
        order = np.lexsort((ts, run))  # stable: the last of equal times stays the last
    at = ts[order]
    keep = ~np.isnan(equity[order])
    keep[:-1] &= ~(same_run & (at[1:] == at[:-1]))
    kept = order[keep]
    offsets = np.concatenate((np.zeros(1, np.int64), points.count(keep).cumsum()))
    return ts[kept], equity[kept], offsets, {name: extra[kept] for name, extra in extras.items()}
