"""Everything that the trades of a run say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics.periods import HOUR
from bt_lake.metrics.segments import (
    NONE,
    ROUNDING,
    Bools,
    Floats,
    Ints,
    Segments,
    undefined,
)


@dataclass(frozen=True, slots=True)
class Told:
    """The trade columns of `runs`, and the runs `where` each follows from the trades.

    In `untold` runs a closed trade has no profit: what does not follow a source may know.
    """

    columns: dict[str, NDArray[Any]]
    where: dict[str, Bools]
    untold: Bools


def told_by_trades(
    offsets: Ints,
    given: Bools,
    pnl: Floats,
    ret: Floats,
    entry_at: Ints,
    exit_at: Ints,
    span_start: Ints,
    span_end: Ints,
) -> Told:
    """What follows from the trades of the runs that have some, or `given` none.

    Trades that all have a profit and no exit were not told whole: they count as nothing.
    """
    trades = Segments(offsets)
    closed = trades.any(are_closed(pnl, entry_at, exit_at))
    usable = given & (closed | ~trades.any(marked_to_market(pnl, entry_at, exit_at)))
    untold = usable & trades.any(are_closed(pnl, entry_at, exit_at) & np.isnan(pnl))
    columns = trade_metrics(offsets, pnl, ret, entry_at, exit_at, span_start, span_end)
    where = {name: usable & ~(untold & undefined(column)) for name, column in columns.items()}
    return Told(columns, where, untold)


def marked_to_market(pnl: Floats, entry_at: Ints, exit_at: Ints) -> Bools:
    """Open trades with a profit: an engine marked them to the market."""
    marked: Bools = (entry_at != NONE) & (exit_at == NONE) & ~np.isnan(pnl)
    return marked


def trade_metrics(
    offsets: Ints,
    pnl: Floats,
    ret: Floats,
    entry_at: Ints,
    exit_at: Ints,
    span_start: Ints,
    span_end: Ints,
) -> dict[str, NDArray[Any]]:
    """The trade columns of `runs`, one value a run, from the trades that are closed.

    Which were won and lost needs the profit or the return of each, and amounts need the profit of
    each: a mean of some of them would be another number. Only `exposure` counts open trades too,
    up to the end of the span: a position that is held is a position. Without a span (`NONE`)
    there is no share of it.
    """
    trades = Segments(offsets)
    with np.errstate(all="ignore"):
        exposure = _exposure(trades, entry_at, exit_at, span_start, span_end)
    closed = are_closed(pnl, entry_at, exit_at)
    if not closed.all():
        trades = Segments.of_counts(trades.count(closed))
        pnl, ret = pnl[closed], ret[closed]
        entry_at, exit_at = entry_at[closed], exit_at[closed]
    outcome = np.where(np.isnan(pnl), ret, pnl)
    won, lost = outcome > 0, outcome < 0
    counts = {
        "winning_trades": trades.count(won),
        "losing_trades": trades.count(lost),
        "max_consecutive_losses": _longest_row(trades, lost, exit_at),
    }
    unclear = trades.any(np.isnan(outcome))
    with np.errstate(all="ignore"):
        floats = _amounts(trades, pnl) | {
            "win_rate": np.where(unclear, np.nan, counts["winning_trades"] / trades.counts),
            "avg_trade_return": _mean_known(trades, ret),
            "avg_trade_hours": _mean_known(trades, _hours(entry_at, exit_at)),
            "exposure": exposure,
        }
    table = np.array(list(floats.values()))
    table[np.isinf(table)] = np.nan
    return {
        "total_trades": trades.counts,
        **{name: np.where(unclear, NONE, column) for name, column in counts.items()},
        **dict(zip(floats, table, strict=True)),
    }


def are_closed(pnl: Floats, entry_at: Ints, exit_at: Ints) -> Bools:
    """Trades that ended: by their exit, or by a profit where nobody says any time."""
    closed: Bools = (exit_at != NONE) | ((entry_at == NONE) & ~np.isnan(pnl))
    return closed


def _amounts(trades: Segments, pnl: Floats) -> dict[str, Floats]:
    """What is counted in money; a run that has a trade without it has NaN throughout."""
    n = trades.counts
    pnl = np.where(trades.spread(trades.any(np.isnan(pnl))), np.nan, pnl)
    won, lost = pnl > 0, pnl < 0
    wins, losses = trades.count(won), trades.count(lost)
    profit, loss = trades.sum(np.where(won, pnl, 0.0)), trades.sum(np.where(lost, pnl, 0.0))
    best, worst = trades.max(pnl), trades.min(pnl)
    mean = trades.sum(pnl) / n
    off = pnl - trades.spread(mean)
    deviation = np.sqrt(trades.sum(off * off) / (n - 1))
    varied = best - worst > ROUNDING * np.maximum(np.abs(best), np.abs(worst))
    return {
        "profit_factor": np.where(losses > 0, profit / -loss, np.nan),
        "expectancy": mean,
        "avg_win": profit / wins,
        "avg_loss": loss / losses,
        "best_trade": best,
        "worst_trade": worst,
        "sqn": np.where(varied, np.sqrt(n) * (mean / deviation), np.nan),
    }


def _hours(entry_at: Ints, exit_at: Ints) -> Floats:
    unknown = (entry_at == NONE) | (exit_at == NONE)
    return np.where(unknown, np.nan, (exit_at - entry_at) / HOUR)


def _mean_known(trades: Segments, values: Floats) -> Floats:
    known = ~np.isnan(values)
    return trades.sum(np.where(known, values, 0.0)) / trades.count(known)


def _in_order_of(trades: Segments, times: Ints) -> Ints:
    run = trades.spread(np.arange(len(trades.counts)))
    return np.lexsort((times, run))


def _longest_row(trades: Segments, lost: Bools, exit_at: Ints) -> Ints:
    """Losses one after the other, as they were taken."""
    lost = lost[_in_order_of(trades, exit_at)]
    index = np.arange(len(lost))
    before = np.where(lost, -1, index)
    heads = trades.starts[trades.counts > 0]
    before[heads] = np.where(lost[heads], heads - 1, heads)
    # Each run starts with its own mark, so the global maximum never reaches into the run before.
    return trades.max(index - np.maximum.accumulate(before), 0)


def _exposure(
    trades: Segments, entry_at: Ints, exit_at: Ints, span_start: Ints, span_end: Ints
) -> Floats:
    """Share of the span with a trade open: the union of the intervals, overlaps counted once.

    Undefined where the span or an entry is unknown.
    """
    exit_at = np.where(exit_at == NONE, trades.spread(span_end), exit_at)
    order = _in_order_of(trades, entry_at)
    opened = np.maximum(entry_at[order], trades.spread(span_start))
    closed = np.minimum(exit_at[order], trades.spread(span_end))
    covered_to = trades.running_max(closed)
    fresh = opened.copy()
    np.maximum(opened[1:], covered_to[:-1], out=fresh[1:])
    heads = trades.starts[trades.counts > 0]
    fresh[heads] = opened[heads]
    covered = trades.sum(np.maximum(closed - fresh, 0).astype(np.float64))
    known = (span_start != NONE) & (span_end > span_start) & ~trades.any(entry_at == NONE)
    return np.where(known, covered / (span_end - span_start), np.nan)
