"""Returns of a curve and what describes them: risk, ratios, tails, moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bt_lake.metrics.segments import NONE, ROUNDING, Bools, Floats, Ints, Segments


@dataclass(frozen=True, slots=True)
class Returns:
    """What was gained from each `before` to each `ts`."""

    before: Ints
    ts: Ints
    r: Floats


FEWEST = 4  # returns; what fewer say of a year leads every list and means nothing


def simple_returns(
    points: Segments, equity: Floats, capital: Floats, void: Bools
) -> tuple[Segments, Floats]:
    """Each point over the one before, minus 1, until equity is gone; none for void runs.

    The first point has a return where the capital before it is known.
    """
    size = len(equity)
    given = ~np.isnan(capital)
    gone = points.min(np.where(equity > 0, size, np.arange(size)), size)
    heads = points.starts + ~given
    counts = np.where(void, 0, np.maximum(np.minimum(gone + 1, points.ends) - heads, 0))
    returns = Segments.of_counts(counts)
    here = returns.spread(heads - returns.starts)
    here += np.arange(len(here))
    before = equity[here - 1]
    first = given & (counts > 0)
    before[returns.starts[first]] = capital[first]
    return returns, equity[here] / before - 1.0


def returns_of(ts: Ints, equity: Floats, capital: float, since: int = NONE) -> Returns:
    """Those of one curve. A capital before the first point was there one usual step earlier, unless
    `since` says when; none where equity was ever below 0."""
    given = bool(np.isfinite(capital))
    start = capital if given else equity[0] if equity.size else np.nan
    void = np.array([bool((equity < 0).any()) or not start > 0])
    points = Segments(np.array([0, ts.size]))
    counted, r = simple_returns(points, equity, np.array([capital]), void)
    ends = ts[int(not given) :][: int(counted.counts[0])]
    if since == NONE and ts.size:
        since = int(ts[0]) - (int(np.median(np.diff(ts))) if ts.size > 1 else 0)
    before = np.concatenate([np.array([since]), ts])[int(not given) :][: ends.size]
    return Returns(before, ends, r)


def describe(returns: Segments, r: Floats, periods_per_year: Floats) -> dict[str, Floats]:
    """The metrics that rest on returns alone."""
    n = returns.counts
    year = np.sqrt(periods_per_year)
    worst, best = returns.min(r), returns.max(r)
    varied = best - worst > ROUNDING  # a constant growth has no Sharpe ratio
    mean = returns.sum(r) / n
    off = r - returns.spread(mean)
    square = off * off
    squares = returns.sum(square)
    deviation = np.where(n > 1, np.sqrt(squares / (n - 1)), np.nan)
    sharpe = np.where(varied, mean / deviation, np.nan)
    loss = np.minimum(r, 0.0)
    downside = np.where(worst < 0, np.sqrt(returns.sum(loss * loss) / n), np.nan)
    variance = squares / n
    skew = returns.sum(square * off) / n / (variance * np.sqrt(variance))
    kurtosis = returns.sum(square * square) / n / (variance * variance)
    ordered = returns.sorted(r)
    low, high = returns.quantile(ordered, 0.05), returns.quantile(ordered, 0.95)
    tail = r <= returns.spread(low)
    return {
        "volatility": deviation * year,
        "sharpe_ratio": np.where(n < FEWEST, np.nan, sharpe * year),
        "sortino_ratio": np.where(n < FEWEST, np.nan, mean / downside * year),
        "var_95": low,
        "cvar_95": returns.sum(np.where(tail, r, 0.0)) / returns.count(tail),
        "tail_ratio": np.where(varied, np.abs(high) / np.abs(low), np.nan),
        "skew": np.where(varied, skew, np.nan),
        "kurtosis": np.where(varied, kurtosis, np.nan),
        "sharpe_period": sharpe,
        "best_period": best,
        "worst_period": worst,
    }
