"""A family above a benchmark: what its trials gained beyond another curve, or beyond a rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bt_lake.metrics.beside import gained
from bt_lake.metrics.returns import describe
from bt_lake.metrics.segments import Segments
from bt_lake.overfit.align import Curves
from bt_lake.overfit.arrays import Floats, Ints
from bt_lake.overfit.family import Family
from bt_lake.overfit.own import Own

_MOMENTS = ("sharpe_period", "skew", "kurtosis")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Levels in order of time, or a rate a year where there are none."""

    name: str
    rate: float = 0.0
    ts: Ints | None = None
    level: Floats | None = None

    def gained(self, before: Ints, ts: Ints, periods_per_year: Floats) -> Floats:
        """Its return over the time of each of these returns; NaN where it is not known."""
        if self.ts is None or self.level is None:
            return np.asarray((1.0 + self.rate) ** (1.0 / periods_per_year) - 1.0)
        return gained(self.ts, self.level, before, ts)


def above(family: Family, benchmark: Benchmark) -> Family:
    """The same trials, each return less that of the benchmark over the same time.

    Returns outside of the benchmark's dates go, and so do trials without a curve.
    """
    own = Own.of(family.curves or _none(len(family)))
    periods = own.points.spread(family.periods_per_year)
    theirs = benchmark.gained(_before(own), own.ts, periods)
    known = np.isfinite(theirs)
    points = Segments.of_counts(own.points.count(known))
    returns, ts = (own.returns - theirs)[known], own.ts[known]
    with np.errstate(divide="ignore", invalid="ignore"):
        found = describe(points, returns, family.periods_per_year)
    sharpe, skew, kurtosis = (np.where(points.counts > 1, found[name], np.nan) for name in _MOMENTS)
    lost = int(np.count_nonzero(np.isfinite(family.sharpe_period) & (points.counts == 0)))
    notes = family.notes
    if lost:
        notes += (f"{lost:,} trials have no returns at the times of {benchmark.name}",)
    outside = known.size - int(known.sum())
    if outside:
        notes += (f"{outside:,} returns outside the dates of {benchmark.name} do not count",)
    return replace(
        family,
        sharpe_period=sharpe,
        skew=skew,
        kurtosis=kurtosis,
        n_returns=np.where(points.counts > 0, points.counts, np.nan),
        curves=_curves(points, ts, returns),
        notes=notes,
        deviation=None,
        spans=None,
    )


def _none(trials: int) -> Curves:
    nothing = np.zeros(0)
    offsets = np.zeros(trials + 1, np.int64)
    return Curves(offsets[:0], nothing, offsets, np.full(trials, np.nan))


def _before(own: Own) -> Ints:
    """When each return begins: where the one before ends; the first is as long as the second."""
    before = np.concatenate([np.zeros(1, np.int64), own.ts])[:-1]
    some = own.points.counts > 1
    first = own.points.starts[some]
    before[first] = 2 * own.ts[first] - own.ts[first + 1]
    single = own.points.starts[own.points.counts == 1]
    before[single] = own.ts[single]
    return before


def _curves(points: Segments, ts: Ints, returns: Floats) -> Curves:
    """Curves that have these returns, each from 1."""
    equity = np.empty_like(returns)
    for start, end in zip(points.starts.tolist(), points.ends.tolist(), strict=True):
        np.cumprod(1.0 + returns[start:end], out=equity[start:end])
    offsets = np.concatenate([points.starts, points.ends[-1:]])
    return Curves(ts, equity, offsets, np.ones(points.counts.size))
