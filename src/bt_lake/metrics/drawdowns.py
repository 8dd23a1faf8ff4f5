"""Falls from the running peak: how deep, when, how long."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bt_lake.metrics.periods import DAY
from bt_lake.metrics.segments import NONE, Bools, Floats, Ints, Segments


def drawdown_floats_and_times(
    points: Segments, ts: Ints, equity: Floats, base: Floats
) -> tuple[dict[str, Floats], dict[str, Ints]]:
    """The drawdown metrics; without a base above 0 there is no drawdown to speak of."""
    sound = base > 0
    peak = points.running_max(equity)
    np.maximum(peak, points.spread(np.where(sound, base, np.inf)), out=peak)
    depth = equity / peak - 1.0
    at_peak = equity == peak
    deepest = points.min(depth)
    fell = sound & (deepest < 0)
    peak_at, trough_at, recovered_at = _worst(points, ts, depth, at_peak, deepest)
    floats = {
        "max_drawdown": np.where(sound, deepest, np.nan),
        "max_underwater_days": np.where(sound, _underwater(points, ts, at_peak) / DAY, np.nan),
        "ulcer_index": np.where(sound, np.sqrt(points.sum(depth * depth) / points.counts), np.nan),
    }
    times = {
        "drawdown_peak_at": np.where(fell, peak_at, NONE),
        "drawdown_trough_at": np.where(fell, trough_at, NONE),
        "drawdown_recovered_at": np.where(fell, recovered_at, NONE),
    }
    return floats, times


def _worst(
    points: Segments, ts: Ints, depth: Floats, at_peak: Bools, deepest: Floats
) -> tuple[Ints, Ints, Ints]:
    """Times of the last point at the peak, the first at the bottom, the first back at the peak."""
    size = len(ts)
    index = np.arange(size)
    trough = points.min(np.where(depth == points.spread(deepest), index, size), size)
    later = index > points.spread(trough)
    peak = points.max(np.where(at_peak & ~later, index, -1), -1)
    recovered = points.min(np.where(at_peak & later, index, size), size)
    return (
        np.where(peak < 0, NONE, ts[peak]),
        ts[trough],
        np.where(recovered == size, NONE, ts[np.minimum(recovered, size - 1)]),
    )


def _underwater(points: Segments, ts: Ints, at_peak: Bools) -> Ints:
    """The longest time from a point at the peak to the next one, or to the end of the run."""
    since = np.where(at_peak, np.arange(len(ts)), 0)
    since[points.starts] = points.starts
    # Each run starts with its own mark, so the global maximum never reaches into the run before.
    np.maximum.accumulate(since, out=since)
    below = np.zeros(len(ts), np.int64)
    below[1:] = ts[1:] - ts[since[:-1]]
    below[1:][at_peak[1:] & at_peak[:-1]] = 0
    below[points.starts] = 0
    return points.max(below, 0)


class Fall(NamedTuple):
    """Places in the curve; no peak: from the capital before it, no recovery: not yet."""

    depth: float
    peak: int | None
    trough: int
    recovered: int | None


def deepest_falls(equity: Floats, base: float, n: int) -> list[Fall]:
    """The n deepest falls of one curve, from the highest point so far, or a base above it."""
    peak = np.fmax(np.maximum.accumulate(equity), base)
    under = (equity < peak) & (peak > 0)
    edges = np.flatnonzero(np.diff(under, prepend=False, append=False)).reshape(-1, 2)
    depth = equity[under] / peak[under] - 1.0
    lowest = Segments.of_counts(edges[:, 1] - edges[:, 0]).min(depth)
    found = []
    for place in np.argsort(lowest, kind="stable")[:n].tolist():
        start, stop = edges[place].tolist()
        trough = start + int(np.argmin(equity[start:stop]))
        before = start - 1 if start > 0 else None
        found.append(
            Fall(float(lowest[place]), before, trough, stop if stop < equity.size else None)
        )
    return found
