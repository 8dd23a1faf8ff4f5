"""Runs beside the benchmark in their curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bt_lake.metrics.relative import STORED, relative
from bt_lake.metrics.returns import returns_of
from bt_lake.metrics.segments import Floats, Ints, Segments
from bt_lake.metrics.zones import local_months


@dataclass(frozen=True, slots=True)
class Levels:
    """The benchmark of run i is from offsets[i] to offsets[i + 1], NaN where it is not known."""

    ts: Ints
    level: Floats
    offsets: Ints


def gained(ts: Ints, level: Floats, before: Ints, after: Ints) -> Floats:
    """What such a benchmark gained from each `before` to each `after`; NaN where not known."""
    start, end = (np.searchsorted(ts, at, side="right") - 1 for at in (before, after))
    known = (start >= 0) & (after <= ts[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        change = level[np.maximum(end, 0)] / level[np.maximum(start, 0)] - 1.0
    return np.asarray(np.where(known, change, np.nan))


def benchmark_metrics(
    ts: Ints,
    equity: Floats,
    offsets: Ints,
    initial_capital: Floats,
    periods_per_year: Floats,
    base_at: Ints,
    levels: Levels,
    zones: Sequence[str | None],
) -> dict[str, Floats]:
    """The columns of `runs` that a benchmark fills; NaN for a run without one."""
    table = np.full((len(offsets) - 1, len(STORED)), np.nan)
    for run in np.flatnonzero(Segments(levels.offsets).count(levels.level > 0) > 1).tolist():
        here = slice(*offsets[run : run + 2].tolist())
        there = slice(*levels.offsets[run : run + 2].tolist())
        if here.start == here.stop:
            continue
        own = returns_of(ts[here], equity[here], float(initial_capital[run]), int(base_at[run]))
        known = levels.level[there] > 0
        b = gained(levels.ts[there][known], levels.level[there][known], own.before, own.ts)
        both = np.isfinite(b)
        months = local_months(own.ts[both], zones[run])
        found = relative(own.r[both], b[both], months, float(periods_per_year[run]))
        table[run] = [found[name] for name in STORED]
    return dict(zip(STORED, table.T.copy(), strict=True))
