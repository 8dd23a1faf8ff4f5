"""Trials on their common dates: one matrix of returns, and what fell out on the way and why.

Of all trials with a curve, those are kept that leave the most cells (trials x common dates) when
trials join in the order of how widely their dates are shared; trials that share equally join
together, so the order of the input does not matter. One odd trial neither empties the matrix nor
stays in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bt_lake.overfit.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class Curves:
    """Equity curves laid end to end: trial i owns the points offsets[i] to offsets[i + 1].

    Cleaned: times ascend and equity is finite. `base` is the capital before the first point, NaN
    where none was given.
    """

    ts: Ints
    equity: Floats
    offsets: Ints
    base: Floats


@dataclass(frozen=True, slots=True)
class Aligned:
    """`returns` is rows x kept trials; NaN follows ruin. `left_out` says why trials are missing."""

    kept: Ints
    ts: Ints
    returns: Floats
    dates: int  # distinct dates of all comparable trials
    left_out: dict[str, int]

    @property
    def dates_left_out(self) -> int:
        return self.dates - self.ts.size


NO_CURVE = "fewer than two points of equity"
NEGATIVE = "equity went negative"
OTHER_DATES = "too few dates in common with the others"


def align(curves: Curves) -> Aligned:
    lengths = np.diff(curves.offsets)
    able = comparable(curves)
    negative = (lengths > 1) & ~able
    points = np.repeat(able, lengths)
    dates, date = np.unique(curves.ts[points], return_inverse=True)
    joined, common = _largest_block(date, np.cumsum([0, *lengths[able]]), dates.size)
    equity = curves.equity[points][np.repeat(joined, lengths[able]) & common[date]]
    kept = np.flatnonzero(able)[joined]
    ts, returns = _returns(curves, kept, dates[common], equity.reshape(kept.size, common.sum()))
    left_out = {
        NO_CURVE: int(np.count_nonzero(lengths <= 1)),
        NEGATIVE: int(np.count_nonzero(negative)),
        OTHER_DATES: int(np.count_nonzero(~joined)),
    }
    return Aligned(kept, ts, returns, dates.size, {why: n for why, n in left_out.items() if n})


def comparable(curves: Curves) -> Bools:
    """Trials with two points or more, whose equity never falls below zero."""
    lengths = np.diff(curves.offsets)
    return (lengths > 1) & ~((_lowest(curves, lengths) < 0) | (curves.base <= 0))


def _lowest(curves: Curves, lengths: Ints) -> Floats:
    lowest = np.full(lengths.shape, np.inf)
    some = lengths > 0
    if some.any():
        lowest[some] = np.minimum.reduceat(curves.equity, curves.offsets[:-1][some])
    return lowest


def _largest_block(date: Ints, offsets: Ints, dates: int) -> tuple[Bools, Bools]:
    """The trials and their common dates that make the most cells; `date` is each point's."""
    shared = np.add.reduceat(np.bincount(date, minlength=dates)[date], offsets[:-1])
    order = np.argsort(-shared, kind="stable")
    common, own = np.arange(dates), np.zeros(dates, bool)
    joined, block, cells = 0, common[:0], 0
    for count, trial in enumerate(order, start=1):
        mine = date[offsets[trial] : offsets[trial + 1]]
        own[mine] = True
        common = common[own[common]]
        own[mine] = False
        tied = count < order.size and shared[order[count]] == shared[trial]
        found = count * common.size
        if not tied and found and found >= cells:
            joined, block, cells = count, common, found
    trials, kept = np.zeros(order.size, bool), own
    trials[order[:joined]] = True
    kept[block] = True
    return trials, kept


def _returns(curves: Curves, kept: Ints, dates: Ints, equity: Floats) -> tuple[Ints, Floats]:
    """Returns between the common dates, rows x trials, and the date each ends on."""
    if equity.size == 0:
        return dates, np.zeros((0, kept.size))
    # The first common date has a return of its own only where it follows every trial's base.
    from_base = np.isfinite(curves.base[kept]) & (curves.ts[curves.offsets[kept]] == dates[0])
    if from_base.all():
        equity = np.column_stack([curves.base[kept], equity])
    else:
        dates = dates[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = equity[:, 1:] / equity[:, :-1] - 1.0
    returns[np.logical_or.accumulate(equity[:, :-1] <= 0, axis=1)] = np.nan  # after ruin
    return dates, np.ascontiguousarray(returns.T)
