"""Each trial's returns on its own dates, and the table of all of them over all dates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics.returns import simple_returns
from bt_lake.metrics.segments import ROUNDING, Segments
from bt_lake.overfit.align import Curves, comparable
from bt_lake.overfit.arrays import Bools, Floats, Ints
from bt_lake.overfit.memory import inflation
from bt_lake.overfit.single import FEW_RETURNS


@dataclass(frozen=True, slots=True)
class Own:
    """The returns of trial i are those from points.starts[i] to points.ends[i]; none where its
    curve is missing or negative. They end with ruin."""

    points: Segments
    ts: Ints  # when each return ends
    returns: Floats

    @classmethod
    def of(cls, curves: Curves) -> Own:
        whole = Segments(curves.offsets)
        able = comparable(curves)
        points, returns = simple_returns(whole, curves.equity, curves.base, ~able)
        heads = whole.starts + np.isnan(curves.base)
        at = points.spread(heads - points.starts) + np.arange(returns.size)
        return cls(points, curves.ts[at], returns)

    def able(self) -> Bools:
        """Trials with enough returns to be judged, which vary."""
        spread = self.points.max(self.returns, 0.0) - self.points.min(self.returns, 0.0)
        able: Bools = (self.points.counts >= FEW_RETURNS) & (spread > ROUNDING)
        return able

    def memory(self) -> Floats:
        """How much memory inflates the variance of each trial's mean; 1 for those without any."""
        return inflation(self.points, self.returns)

    def mean_and_deviation(self) -> tuple[Floats, Floats]:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.points.sum(self.returns) / self.points.counts
            off = self.returns - self.points.spread(mean)
            return mean, np.sqrt(self.points.sum(off * off) / (self.points.counts - 1.0))


@dataclass(frozen=True, slots=True)
class Standardised:
    """Standardised returns, dates x trials; 0 on the dates that a trial does not have."""

    values: NDArray[np.float32]
    here: NDArray[np.float32] | None  # 1 on the dates that a trial has; None: it has them all


def table(
    own: Own, trials: Ints, mean: Floats, deviation: Floats, most: int
) -> Standardised | None:
    """The returns of some trials, less their means, over their deviations.

    None where it would have more than `most` cells.
    """
    counts, starts = own.points.counts[trials], own.points.starts[trials]
    rows = int(counts[0])
    if (counts == rows).all():
        cells = starts[:, None] + np.arange(rows)
        if (own.ts[cells] == own.ts[cells[0]]).all():
            if cells.size > most:
                return None
            values = (own.returns[cells] - mean[:, None]) / deviation[:, None]
            return Standardised(np.ascontiguousarray(values.T, np.float32), None)
    mine = Segments.of_counts(counts)
    cells = mine.spread(starts - mine.starts) + np.arange(int(mine.ends[-1]))
    dates, date = np.unique(own.ts[cells], return_inverse=True)
    if dates.size * trials.size > most:
        return None
    column = mine.spread(np.arange(trials.size))
    values = np.zeros((dates.size, trials.size), np.float32)
    here = np.zeros_like(values)
    values[date, column] = (own.returns[cells] - mine.spread(mean)) / mine.spread(deviation)
    here[date, column] = 1.0
    return Standardised(values, here)
