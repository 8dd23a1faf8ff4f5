"""Everything that a cleaned equity curve says about a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics.drawdowns import drawdown_floats_and_times
from bt_lake.metrics.periods import DAY, YEAR, infer_periods_per_year, usual_step
from bt_lake.metrics.returns import describe, simple_returns
from bt_lake.metrics.segments import NONE, Bools, Floats, Ints, Segments

SHORTEST = 30 * DAY  # growth over less says nothing about a year


def curve_metrics(
    ts: Ints,
    equity: Floats,
    offsets: Ints,
    initial_capital: Floats,
    periods_per_year: Floats,
    base_at: Ints | None = None,
) -> dict[str, NDArray[Any]]:
    """The columns of `runs` that a curve fills, one value a run; `clean` comes first.

    A NaN in `initial_capital` or `periods_per_year` means not given. `base_at` is when a run had
    its initial capital, `NONE` where only that it was before the first point. Undefined floats
    are NaN, undefined times and counts `NONE`; a run without points is undefined throughout.
    """
    some = np.diff(offsets) > 0
    if base_at is None:
        base_at = np.full(len(some), NONE)
    filled = offsets[np.append(some, True)]
    with np.errstate(all="ignore"):
        floats, whole = _metrics(
            ts,
            equity,
            Segments(filled),
            initial_capital[some],
            periods_per_year[some],
            base_at[some],
        )
    table = np.full((len(floats), len(some)), np.nan)
    table[:, some] = list(floats.values())
    table[np.isinf(table)] = np.nan
    counts = np.full((len(whole), len(some)), NONE)
    counts[:, some] = list(whole.values())
    return dict(zip(floats, table, strict=True)) | dict(zip(whole, counts, strict=True))


def _metrics(
    ts: Ints,
    equity: Floats,
    points: Segments,
    capital: Floats,
    given_periods: Floats,
    base_at: Ints,
) -> tuple[dict[str, Floats], dict[str, Ints]]:
    first, last = points.starts, points.ends - 1
    base = np.where(np.isnan(capital), equity[first], capital)
    lowest = points.min(equity)
    negative = lowest < 0
    void = negative | ~(base > 0)
    ruined = (lowest == 0) & ~void
    periods = given_periods
    if np.isnan(periods).any():
        periods = np.where(np.isnan(periods), infer_periods_per_year(points, ts), periods)
    returns, r = simple_returns(points, equity, capital, void)
    drawdowns, drawdown_times = drawdown_floats_and_times(points, ts, equity, base)
    growth = np.where(base > 0, equity[last] / base, np.nan)
    growth = np.where(ruined, 0.0, growth)
    span = ts[last] - _begin(points, ts, ~np.isnan(capital), base_at, periods)
    yearly = np.power(np.where(void, np.nan, growth), YEAR / span) - 1.0
    cagr = np.where(span >= SHORTEST, yearly, np.where(ruined, -1.0, np.nan))
    depth = np.abs(drawdowns["max_drawdown"])
    floats = {
        "periods_per_year": periods,
        "initial_capital": base,
        "final_equity": equity[last],
        "total_return": growth - 1.0,
        "cagr": cagr,
        "calmar_ratio": np.where(depth > 0, cagr / depth, np.nan),
        **drawdowns,
        **describe(returns, r, periods),
    }
    whole = {
        "start_at": ts[first],
        "end_at": ts[last],
        "bars": points.counts,
        "n_returns": np.where(void, NONE, returns.counts),
        **drawdown_times,
    }
    return floats, whole


def _begin(
    points: Segments, ts: Ints, given: Bools, base_at: Ints, periods_per_year: Floats
) -> Floats:
    """When the growth began: at the first point, or with a capital that was there before it.

    Where nobody says when, that was one usual step earlier: n returns take n periods.
    """
    first = ts[points.starts]
    if not (given & (base_at == NONE)).any():
        return np.where(given, base_at, first)
    step = usual_step(points, ts)
    period = np.where(step == NONE, YEAR / periods_per_year, step)
    return np.where(given, np.where(base_at == NONE, first - period, base_at), first)
