"""Trials on their common dates: one matrix of returns, and what fell out on the way and why.

Of all trials with a curve, those are kept that leave the most cells (trials x common dates) when
trials join in the order of how widely their dates are shared; trials that share equally join
together, so the order of the input does not matter. One odd trial neither empties the matrix nor
stays in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bt_lake.queries.overfit.arrays import Bools, Floats, Ints


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


NO_CURVE = "no equity curve"
NEGATIVE = "equity went negative"
OTHER_DATES = "too few dates in common with the others"


def align(curves: Curves) -> Aligned:
    lengths = np.diff(curves.offsets)
    lowest = np.full(lengths.shape, np.inf)
    some = lengths > 0
    if some.any():
        lowest[some] = np.minimum.reduceat(curves.equity, curves.offsets[:-1][some])
    negative = (lengths > 1) & ((lowest < 0) | (curves.base <= 0))
    able = (lengths > 1) & ~negative
    dates, present = _presence(curves, able)
    joined = _largest_block(present)
    comparable = np.flatnonzero(able)
    kept = comparable[joined]
    common = present[joined].all(axis=0) if kept.size else np.zeros(dates.size, bool)
    ts, returns = _returns(curves, kept, dates[common])
    left_out = {
        NO_CURVE: int(np.count_nonzero(lengths <= 1)),
        NEGATIVE: int(np.count_nonzero(negative)),
        OTHER_DATES: comparable.size - kept.size,
    }
    return Aligned(kept, ts, returns, dates.size, {why: n for why, n in left_out.items() if n})


def _presence(curves: Curves, able: Bools) -> tuple[Ints, Bools]:
    """All dates, and which of the `able` trials has which."""
    trials = int(able.sum())
    if trials == 0:
        return np.zeros(0, np.int64), np.zeros((0, 0), bool)
    lengths = np.diff(curves.offsets)
    points = np.repeat(able, lengths)
    ts = curves.ts[points]
    length = lengths[able]
    if (length == length[0]).all():  # the common sweep: every trial has the same dates
        same = ts.reshape(trials, -1)
        if (same == same[0]).all():
            return same[0], np.ones((trials, same.shape[1]), bool)
    dates = np.unique(ts)
    present = np.zeros((trials, dates.size), bool)
    present[np.repeat(np.arange(trials), length), np.searchsorted(dates, ts)] = True
    return dates, present


def _largest_block(present: Bools) -> Ints:
    """The trials whose common dates make the largest block of cells."""
    if not present.size:
        return np.zeros(0, np.int64)
    trials_of = present.sum(axis=0)
    shared = np.array([trials_of[own].sum() for own in present])
    order = np.argsort(-shared, kind="stable")
    common = np.ones(present.shape[1], bool)
    best, until = 0, 0
    for joined, trial in enumerate(order, start=1):
        common &= present[trial]
        complete = joined == order.size or shared[order[joined]] != shared[trial]
        cells = joined * int(np.count_nonzero(common)) if complete else 0
        if cells and cells >= best:
            best, until = cells, joined
    return np.sort(order[:until])


def _returns(curves: Curves, kept: Ints, dates: Ints) -> tuple[Ints, Floats]:
    if kept.size == 0 or dates.size == 0:
        return dates[:0], np.zeros((0, kept.size))
    lengths = np.diff(curves.offsets)
    chosen = np.zeros(lengths.size, bool)
    chosen[kept] = True
    points = np.repeat(chosen, lengths)
    points[points] = np.isin(curves.ts[points], dates)
    equity = curves.equity[points].reshape(kept.size, dates.size)
    # The first common date has a return of its own only where it follows every trial's base.
    from_base = np.isfinite(curves.base[kept]) & (curves.ts[curves.offsets[kept]] == dates[0])
    if from_base.all():
        equity = np.column_stack([curves.base[kept], equity])
    else:
        dates = dates[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = equity[:, 1:] / equity[:, :-1] - 1.0
    ruined = np.cumsum(equity <= 0, axis=1)[:, :-1] > 0
    returns[ruined] = np.nan
    return dates, np.ascontiguousarray(returns.T)
