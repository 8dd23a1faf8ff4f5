"""Metrics at their edges, against plain Python; alone and in a crowd, to the last bit."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bt_lake.metrics import (
    NONE,
    clean,
    curve_metrics,
    timeframe_of,
    trade_metrics,
    undefined,
)
from bt_lake.warehouse.schema import RUNS

MINUTE = 60_000_000
HOUR, DAY = 60 * MINUTE, 24 * 60 * MINUTE
MONDAY = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
nan = float("nan")

Row = dict[str, Any]


def daily(n: int, start: int = MONDAY) -> list[int]:
    """Every day of the week."""
    return [start + i * DAY for i in range(n)]


def weekdays(n: int, start: int = MONDAY) -> list[int]:
    return [start + (i // 5 * 7 + i % 5) * DAY for i in range(n)]


def plain_row(columns: dict[str, np.ndarray], i: int) -> Row:
    return {name: None if undefined(c)[i] else c[i].item() for name, c in columns.items()}


def curve(
    equity: Sequence[float], ts: Sequence[int] | None = None, capital: float = nan, ppy: float = nan
) -> Row:
    ts = weekdays(len(equity)) if ts is None else ts
    columns = curve_metrics(
        np.array(ts, np.int64),
        np.array(equity, np.float64),
        np.array([0, len(ts)]),
        np.array([capital]),
        np.array([ppy]),
    )
    return plain_row(columns, 0)


def trades(
    pnl: Sequence[float],
    entry: Sequence[int] | None = None,
    exit: Sequence[int] | None = None,
    span: tuple[int, int] = (NONE, NONE),
    ret: Sequence[float] | None = None,
) -> Row:
    n = len(pnl)
    columns = trade_metrics(
        np.array([0, n]),
        np.array(pnl, np.float64),
        np.array([nan] * n if ret is None else ret, np.float64),
        np.array(daily(n) if entry is None else entry, np.int64),
        np.array([at + DAY for at in daily(n)] if exit is None else exit, np.int64),
        np.array([span[0]]),
        np.array([span[1]]),
    )
    return plain_row(columns, 0)


# --- columns


def test_the_columns_are_those_of_the_schema() -> None:
    groups = {
        name: {c.name for c in RUNS.columns if c.group == name} for name in ("curve", "trade")
    }
    period_and_money = {"start_at", "end_at", "bars", "periods_per_year"}
    period_and_money |= {"initial_capital", "final_equity"}
    assert set(curve([1.0, 2.0])) == groups["curve"] | period_and_money
    assert set(trades([1.0])) == groups["trade"]


def test_counts_and_times_are_integers_and_the_rest_floats() -> None:
    nothing = np.array([0]), np.array([nan])
    columns = curve_metrics(
        np.array([MONDAY]), np.array([1.0]), np.array([0, 1]), *[nothing[1]] * 2
    )
    columns |= trade_metrics(
        np.array([0, 0]), np.zeros(0), np.zeros(0), *[np.zeros(0, np.int64)] * 2, *[nothing[0]] * 2
    )
    for name, column in columns.items():
        assert column.dtype == (np.float64 if RUNS[name].kind == "double" else np.int64), name


# --- curves, against plain Python


def reference(ts: Sequence[int], equity: Sequence[float], capital: float, ppy: float) -> Row:
    """METRICS.md in plain loops, for curves that stay above 0."""
    given = not math.isnan(capital)
    base = capital if given else equity[0]
    path = [base, *equity] if given else list(equity)
    r = [b / a - 1 for a, b in pairwise(path)]
    n = len(r)
    peak, depths, peaks = base, [], []
    for value in equity:
        peak = max(peak, value)
        depths.append(value / peak - 1)
        peaks.append(value == peak)
    trough = depths.index(min(depths))
    fell = depths[trough] < 0
    before = [i for i in range(trough) if peaks[i]]
    after = [i for i in range(trough + 1, len(equity)) if peaks[i]]
    longest, since = 0, ts[0]
    for i in range(len(equity)):
        if not (peaks[i] and (i == 0 or peaks[i - 1])):
            longest = max(longest, ts[i] - since)
        if peaks[i]:
            since = ts[i]
    steps = sorted(b - a for a, b in pairwise(ts))
    step = steps[(len(steps) - 1) // 2] if steps else 365.25 * DAY / ppy
    years = (ts[-1] - ts[0] + given * step) / (365.25 * DAY)
    cagr = (equity[-1] / base) ** (1 / years) - 1 if years * 365.25 >= 30 else None
    row: Row = {
        "bars": len(equity),
        "start_at": ts[0],
        "end_at": ts[-1],
        "initial_capital": base,
        "final_equity": equity[-1],
        "total_return": equity[-1] / base - 1,
        "cagr": cagr,
        "max_drawdown": depths[trough],
        "calmar_ratio": cagr / -depths[trough] if fell and cagr is not None else None,
        "drawdown_peak_at": ts[before[-1]] if fell and before else None,
        "drawdown_trough_at": ts[trough] if fell else None,
        "drawdown_recovered_at": ts[after[0]] if fell and after else None,
        "max_underwater_days": longest / DAY,
        "ulcer_index": math.sqrt(statistics.fmean(d * d for d in depths)),
        "n_returns": n,
        "best_period": max(r, default=None),
        "worst_period": min(r, default=None),
    }
    varied = n > 1 and max(r) - min(r) > 4 * 2**-52
    losing = [x for x in r if x < 0]
    downside = math.sqrt(sum(x * x for x in losing) / n) if losing else None
    mean = statistics.fmean(r) if r else nan
    row["volatility"] = statistics.stdev(r) * math.sqrt(ppy) if n > 1 else None
    row["sharpe_period"] = mean / statistics.stdev(r) if varied else None
    row["sharpe_ratio"] = row["sharpe_period"] * math.sqrt(ppy) if varied and n > 3 else None
    row["sortino_ratio"] = mean / downside * math.sqrt(ppy) if downside and n > 3 else None
    moments = [statistics.fmean((x - mean) ** k for x in r) if r else nan for k in (2, 3, 4)]
    row["skew"] = moments[1] / moments[0] ** 1.5 if varied else None
    row["kurtosis"] = moments[2] / moments[0] ** 2 if varied else None
    row["var_95"] = quantile(r, 0.05) if r else None
    row["cvar_95"] = statistics.fmean(x for x in r if x <= row["var_95"]) if r else None
    tails = (quantile(r, 0.95), row["var_95"]) if varied else (0, 0)
    row["tail_ratio"] = abs(tails[0]) / abs(tails[1]) if tails[1] else None
    return row


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    place = (len(values) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def same(got: Row, expected: Row) -> None:
    for name, value in expected.items():
        if value is None or got[name] is None:
            assert got[name] is value, (name, got[name], value)
        else:
            assert got[name] == pytest.approx(value, rel=1e-9, abs=1e-11), name


cents = st.integers(1_00, 1_000_00).map(lambda n: n / 100)


@settings(deadline=None)
@given(st.lists(cents, min_size=1, max_size=120), st.none() | cents)
def test_a_curve_equals_plain_loops(equity: list[float], capital: float | None) -> None:
    ts = weekdays(len(equity))
    base = nan if capital is None else capital
    same(curve(equity, ts, base, 252), reference(ts, equity, base, 252))


def test_one_point_has_no_ratios() -> None:
    got = curve([100.0])
    assert got["bars"] == 1
    assert got["n_returns"] == 0
    assert got["total_return"] == got["max_drawdown"] == got["ulcer_index"] == 0
    assert got["start_at"] == got["end_at"] == MONDAY
    for name in ("periods_per_year", "cagr", "volatility", "sharpe_ratio", "var_95", "best_period"):
        assert got[name] is None, name


def test_one_point_with_capital_has_one_return() -> None:
    got = curve([90.0], capital=100.0)
    assert got["n_returns"] == 1
    assert got["total_return"] == got["worst_period"] == got["best_period"] == got["var_95"]
    assert got["total_return"] == got["max_drawdown"] == pytest.approx(-0.1)
    assert got["drawdown_peak_at"] is None  # the peak was the capital, before the first point
    assert got["drawdown_trough_at"] == MONDAY
    assert got["volatility"] is got["sharpe_ratio"] is got["cagr"] is None


@pytest.mark.parametrize("rate", [1e-5, 0.0003, 0.01, 0.1, -0.01])
def test_a_constant_growth_has_no_sharpe_ratio(rate: float) -> None:
    equity = [12_345.67 * (1 + rate) ** i for i in range(252)]
    got = curve(equity, weekdays(252))
    for name in ("sharpe_ratio", "sharpe_period", "skew", "kurtosis", "tail_ratio"):
        assert got[name] is None, name
    assert got["volatility"] == pytest.approx(0, abs=1e-12)
    assert (got["sortino_ratio"] is None) == (rate > 0)


def test_a_flat_curve() -> None:
    got = curve([100.0] * 60)
    assert got["total_return"] == got["cagr"] == got["volatility"] == got["max_drawdown"] == 0
    assert got["max_underwater_days"] == got["var_95"] == got["cvar_95"] == 0
    for name in ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "tail_ratio", "skew"):
        assert got[name] is None, name
    assert got["drawdown_peak_at"] is got["drawdown_trough_at"] is None


def test_no_losing_period_has_no_sortino_and_no_calmar() -> None:
    got = curve([100.0, 101.0, 101.0, 103.0] * 1 + [104.0 + i for i in range(40)])
    assert got["sharpe_ratio"] > 0
    assert got["sortino_ratio"] is got["calmar_ratio"] is None


def test_a_handful_of_returns_has_no_annual_ratio() -> None:
    """Three points that rise would lead every list."""
    for few, known in (([100, 101, 103], False), ([100, 101, 103, 102, 105], True)):
        got = curve(few, ppy=252)
        assert (got["sharpe_ratio"] is not None) == known
        assert (got["sortino_ratio"] is not None) == known
        assert got["sharpe_period"] is not None


def test_ruin_ends_the_returns() -> None:
    got = curve([100.0, 110.0, 0.0, 0.0, 0.0], ppy=252)
    assert got["n_returns"] == 2
    assert got["bars"] == 5
    assert got["total_return"] == got["cagr"] == got["worst_period"] == got["max_drawdown"] == -1
    assert got["calmar_ratio"] == -1
    assert got["best_period"] == pytest.approx(0.1)
    assert got["sharpe_period"] == pytest.approx(-0.45 / math.sqrt(0.605))
    assert got["max_underwater_days"] == 3


def test_money_after_ruin_does_not_count() -> None:
    ruined = curve([100.0, 110.0, 0.0])
    revived = curve([100.0, 110.0, 0.0, 500.0, 600.0])
    assert revived["total_return"] == -1
    for name in ("n_returns", "sharpe_ratio", "best_period", "cagr"):
        assert revived[name] == ruined[name], name


def test_ruin_on_the_first_point() -> None:
    got = curve([0.0, 0.0], capital=100.0)
    assert got["n_returns"] == 1
    assert got["total_return"] == got["worst_period"] == got["max_drawdown"] == -1


def test_negative_equity_has_no_ratios() -> None:
    got = curve([100.0, 50.0, -20.0, 30.0] + [40.0] * 40)
    assert got["total_return"] == pytest.approx(-0.6)
    assert got["max_drawdown"] == pytest.approx(-1.2)
    assert got["max_underwater_days"] > 40
    for name in ("cagr", "calmar_ratio", "volatility", "sharpe_ratio", "var_95", "worst_period"):
        assert got[name] is None, name
    assert got["n_returns"] is None


@pytest.mark.parametrize("start", [0.0, -100.0])
def test_without_a_base_above_zero_nothing_is_a_fraction(start: float) -> None:
    got = curve([start, 50.0, 60.0])
    for name in ("total_return", "cagr", "max_drawdown", "ulcer_index", "sharpe_ratio"):
        assert got[name] is None, name
    assert got["final_equity"] == 60


def test_a_gain_too_large_to_annualise_is_undefined() -> None:
    assert curve([1e-300] + [1e300] * 40)["cagr"] is None


def test_drawdown_dates() -> None:
    ts = daily(9)
    got = curve([100, 110, 110, 99, 105, 99, 110, 111, 100], ts)
    assert got["max_drawdown"] == pytest.approx(-0.1)
    assert got["drawdown_peak_at"] == ts[2]  # the last point at the peak
    assert got["drawdown_trough_at"] == ts[3]  # the first at the bottom
    assert got["drawdown_recovered_at"] == ts[6]
    assert got["max_underwater_days"] == 4


def test_a_drawdown_still_running_counts_as_long_as_it_lasts() -> None:
    got = curve([100, 90, 100, 95, 96, 97], daily(6))
    assert got["max_underwater_days"] == 3
    assert got["drawdown_recovered_at"] == daily(6)[2]


def test_a_capital_above_the_first_point_is_a_peak() -> None:
    ts = daily(4)
    got = curve([90, 95, 100, 99], ts, capital=100.0)
    assert got["max_drawdown"] == pytest.approx(-0.1)
    assert got["drawdown_peak_at"] is None
    assert got["drawdown_recovered_at"] == ts[2]
    assert got["max_underwater_days"] == 2


def test_capital_adds_the_first_return() -> None:
    without, capital = curve([110, 121, 133.1]), curve([110, 121, 133.1], capital=100.0)
    assert (without["n_returns"], capital["n_returns"]) == (2, 3)
    assert without["initial_capital"] == 110
    assert capital["initial_capital"] == 100
    assert without["total_return"] == pytest.approx(0.21)
    assert capital["total_return"] == pytest.approx(0.331)


@pytest.mark.parametrize(("days", "annual"), [(30, True), (29.99, False)])
def test_growth_is_annualised_from_thirty_days(days: float, annual: bool) -> None:
    got = curve([100.0, 90.0, 110.0], [MONDAY, MONDAY + DAY, MONDAY + round(days * DAY)])
    assert (got["cagr"] is not None) == (got["calmar_ratio"] is not None) == annual


# --- periods a year


def periods(ts: Sequence[int]) -> float | None:
    got = curve([100.0 + i % 7 for i in range(len(ts))], ts)["periods_per_year"]
    assert got is None or isinstance(got, float)
    return got


def months(n: int) -> list[int]:
    first = [date(2020 + i // 12, i % 12 + 1, 1) for i in range(n)]
    return [MONDAY + (day - date(2024, 1, 1)).days * DAY for day in first]


def sessions(days: Sequence[int], bars: int, step: int) -> list[int]:
    return [day + 14 * HOUR + i * step for day in days for i in range(bars)]


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        (weekdays(100), 252),
        (daily(100), 365),
        (weekdays(4), 252),
        (weekdays(100, MONDAY - 9 * HOUR), 252),  # midnight in Tokyo: Sundays in UTC
        (weekdays(100, MONDAY + 25 * HOUR), 252),  # evening in Chicago: Saturdays in UTC
        ([MONDAY - DAY, *weekdays(50)], 252),  # capital put in on the Sunday before
        ([*weekdays(700), weekdays(700)[-1] + DAY, weekdays(700)[-1] + 2 * DAY], 252),  # once
        (daily(9), 365),
        ([MONDAY + i * 7 * DAY for i in range(60)], 52),
        (months(30), 12),
        ([MONDAY + i * HOUR for i in range(24 * 60)], 24 * 365.25),
        (sessions(weekdays(10), 7, HOUR), 252 * 7),
        (sessions(daily(10), 7, HOUR), 365 * 7),
        (sessions(weekdays(5), 390, MINUTE), 252 * 390),
        ([MONDAY], None),
    ],
)
def test_periods_a_year(ts: list[int], expected: float | None) -> None:
    assert periods(ts) == (expected if expected is None else pytest.approx(expected))


def test_intraday_periods_are_counted_over_a_long_span() -> None:
    ts = sessions(weekdays(251), 7, HOUR)
    years = (ts[-1] - ts[0]) / (365.25 * DAY)
    assert periods(ts) == pytest.approx((len(ts) - 1) / years)
    assert periods(ts) == pytest.approx(260.9 * 7, rel=0.01)


def test_given_periods_are_used_and_kept() -> None:
    points = [100, 110, 105, 107, 106]
    got, other = curve(points, ppy=252), curve(points, ppy=1008)
    assert got["periods_per_year"] == 252
    assert other["sharpe_ratio"] == pytest.approx(2 * got["sharpe_ratio"])
    assert other["sharpe_period"] == got["sharpe_period"]


@pytest.mark.parametrize(
    ("ts", "name"),
    [
        (weekdays(100), "1d"),
        (daily(3), "1d"),
        ([MONDAY + i * 7 * DAY for i in range(9)], "1w"),
        (months(30), "1mo"),
        ([MONDAY + i * 4 * HOUR for i in range(9)], "4h"),
        (sessions(weekdays(5), 78, 5 * MINUTE), "5m"),
        (sessions(weekdays(5), 10, 90 * MINUTE), "90m"),
        ([MONDAY + i * 15_000_000 for i in range(9)], "15s"),
        ([MONDAY + i * 3 * DAY for i in range(9)], "3d"),
        ([MONDAY + i * i * HOUR + i for i in range(9)], None),  # no rule in the steps
        ([MONDAY + i * 1_000 for i in range(9)], None),
        ([MONDAY], None),
        ([], None),
    ],
)
def test_timeframe(ts: list[int], name: str | None) -> None:
    assert timeframe_of(np.array(ts, np.int64), np.array([0, len(ts)])) == [name]


def test_timeframes_of_many_runs() -> None:
    curves = [weekdays(9), [], [MONDAY], sessions(weekdays(2), 9, HOUR), []]
    offsets = np.cumsum([0, *map(len, curves)])
    ts = np.array([at for one in curves for at in one], np.int64)
    assert timeframe_of(ts, offsets) == ["1d", None, None, "1h", None]


# --- cleaning


def cleaned(
    ts: Sequence[int], equity: Sequence[float]
) -> tuple[list[int], list[float], list[float]]:
    mark = np.arange(len(ts), dtype=np.float64)
    at, value, offsets, extras = clean(
        np.array(ts, np.int64), np.array(equity, np.float64), np.array([0, len(ts)]), {"cash": mark}
    )
    assert offsets.tolist() == [0, len(at)]
    return at.tolist(), value.tolist(), extras["cash"].tolist()


def test_points_are_sorted_by_time() -> None:
    assert cleaned([3, 1, 2], [30, 10, 20]) == ([1, 2, 3], [10, 20, 30], [1, 2, 0])


def test_the_last_of_equal_times_stays() -> None:
    assert cleaned([2, 1, 2, 1], [1, 2, 3, 4]) == ([1, 2], [4, 3], [3, 2])
    assert cleaned([1, 1, 2], [1, 2, 3]) == ([1, 2], [2, 3], [1, 2])


def test_nan_points_are_dropped_after_the_last_of_equal_times_is_found() -> None:
    assert cleaned([1, 2, 3], [1, nan, 3]) == ([1, 3], [1, 3], [0, 2])
    assert cleaned([1, 2, 2], [1, 2, nan]) == ([1], [1], [0])
    assert cleaned([1], [nan]) == ([], [], [])


def test_the_same_time_in_two_runs_is_no_duplicate() -> None:
    ts, equity, offsets, _ = clean(
        np.array([5, 5, 4, 5]), np.array([1.0, 2.0, nan, 4.0]), np.array([0, 0, 1, 2, 4, 4]), {}
    )
    assert ts.tolist() == [5, 5, 5]
    assert equity.tolist() == [1, 2, 4]
    assert offsets.tolist() == [0, 0, 1, 2, 3, 3]


# --- trades, against plain Python


def trade_reference(pnl: Sequence[float], entry: Sequence[int], exit: Sequence[int]) -> Row:
    wins, losses = [x for x in pnl if x > 0], [x for x in pnl if x < 0]
    row = longest = 0
    for _, x in sorted(zip(exit, pnl, strict=True), key=lambda trade: trade[0]):
        row = row + 1 if x < 0 else 0
        longest = max(longest, row)
    covered: set[int] = set()
    for opened, closed in zip(entry, exit, strict=True):
        covered.update(range(opened, closed, HOUR))
    span = max(exit, default=0) - min(entry, default=0)
    varied = len(pnl) > 1 and max(pnl) > min(pnl)
    hours = [(b - a) / HOUR for a, b in zip(entry, exit, strict=True)]
    return {
        "total_trades": len(pnl),
        "winning_trades": len(wins),
        "losing_trades": len(losses),
        "win_rate": len(wins) / len(pnl) if pnl else None,
        "profit_factor": sum(wins) / -sum(losses) if losses else None,
        "expectancy": statistics.fmean(pnl) if pnl else None,
        "avg_win": statistics.fmean(wins) if wins else None,
        "avg_loss": statistics.fmean(losses) if losses else None,
        "best_trade": max(pnl, default=None),
        "worst_trade": min(pnl, default=None),
        "avg_trade_hours": statistics.fmean(hours) if hours else None,
        "max_consecutive_losses": longest,
        "sqn": math.sqrt(len(pnl)) * statistics.fmean(pnl) / statistics.stdev(pnl)
        if varied
        else None,
        "exposure": len(covered) * HOUR / span if span else None,
    }


hourly_trades = st.lists(
    st.tuples(
        st.integers(-50_00, 50_00).map(lambda n: n / 100), st.integers(0, 99), st.integers(0, 30)
    ),
    max_size=40,
)


@settings(deadline=None)
@given(hourly_trades)
def test_trades_equal_plain_loops(drawn: list[tuple[float, int, int]]) -> None:
    pnl = [x for x, _, _ in drawn]
    entry = [MONDAY + at * HOUR for _, at, _ in drawn]
    exit = [MONDAY + (at + held) * HOUR for _, at, held in drawn]
    span = (min(entry, default=NONE), max(exit, default=NONE))
    same(trades(pnl, entry, exit, span), trade_reference(pnl, entry, exit))


def test_no_trades() -> None:
    got = trades([])
    assert got["total_trades"] == got["winning_trades"] == got["losing_trades"] == 0
    assert got["max_consecutive_losses"] == 0
    assert {name for name, value in got.items() if value is None} == set(got) - {
        "total_trades",
        "winning_trades",
        "losing_trades",
        "max_consecutive_losses",
    }
    assert trades([], span=(MONDAY, MONDAY + DAY))["exposure"] == 0


def test_open_trades_are_left_out_but_for_exposure() -> None:
    at = daily(4)
    span = (at[0], at[3] + DAY)
    got = trades([5.0, nan, 7.0, -1.0], at, [at[1], NONE, NONE, at[3] + DAY], span)
    assert got["total_trades"] == 2
    assert got["expectancy"] == 2
    assert got["exposure"] == pytest.approx(1.0), "held from the first entry to the last exit"


def test_without_a_known_period_there_is_no_share_of_it() -> None:
    assert trades([1.0])["exposure"] is None
    assert trades([1.0], span=(MONDAY, NONE))["exposure"] is None
    assert trades([1.0], span=(NONE, MONDAY + DAY))["exposure"] is None
    assert trades([1.0], span=(MONDAY, MONDAY + 5 * DAY))["exposure"] == pytest.approx(0.2)


MONEY = ("profit_factor", "expectancy", "avg_win", "avg_loss", "best_trade", "worst_trade", "sqn")


def test_trades_without_profit_are_counted_and_what_does_not_follow_is_undefined() -> None:
    at = daily(5)
    span = (at[0], at[4] + DAY)
    got = trades([nan] * 5, ret=[0.1, -0.2, -0.1, 0.0, 0.4], span=span)
    assert got["total_trades"] == 5
    assert (got["winning_trades"], got["losing_trades"], got["win_rate"]) == (2, 2, 0.4)
    assert got["max_consecutive_losses"] == 2
    assert got["avg_trade_return"] == pytest.approx(0.04)
    assert (got["avg_trade_hours"], got["exposure"]) == (24, 1)
    assert not any(got[name] for name in MONEY)
    got = trades([5.0, nan, nan, 1.0, -2.0], span=span)
    assert (got["total_trades"], got["avg_trade_hours"], got["exposure"]) == (5, 24, 1)
    unknown = (*MONEY, "winning_trades", "losing_trades", "win_rate", "max_consecutive_losses")
    assert {name: got[name] for name in unknown} == dict.fromkeys(unknown)


def test_a_profit_without_any_time_is_that_of_a_closed_trade() -> None:
    got = trades([5.0, -2.0], [NONE, NONE], [NONE, NONE])
    assert (got["total_trades"], got["win_rate"], got["profit_factor"]) == (2, 0.5, 2.5)
    assert got["avg_trade_hours"] is got["exposure"] is None


def test_a_position_held_to_the_end_is_exposure() -> None:
    at = daily(5)
    got = trades([nan], [at[1]], [NONE], span=(at[0], at[4]))
    assert got["total_trades"] == 0
    assert got["exposure"] == pytest.approx(3 / 4)


def test_a_scratch_is_neither_win_nor_loss() -> None:
    got = trades([10.0, 0.0, -5.0, 0.0, -5.0])
    assert (got["winning_trades"], got["losing_trades"], got["total_trades"]) == (1, 2, 5)
    assert got["win_rate"] == 0.2
    assert got["max_consecutive_losses"] == 1


def test_losses_in_a_row_are_counted_as_they_were_taken() -> None:
    at = daily(4)
    exit = [at[3] + 3 * DAY, at[3] + DAY, at[3] + 2 * DAY, at[3] + 4 * DAY]
    assert trades([1.0, -1.0, -1.0, -1.0], at, exit)["max_consecutive_losses"] == 2


def test_exposure_counts_overlaps_once_and_is_cut_to_the_span() -> None:
    entry = [MONDAY - 5 * DAY, MONDAY, MONDAY + DAY, MONDAY + 8 * DAY]
    exit = [MONDAY - 4 * DAY, MONDAY + 4 * DAY, MONDAY + 2 * DAY, MONDAY + 30 * DAY]
    got = trades([1.0] * 4, entry, exit, (MONDAY, MONDAY + 10 * DAY))
    assert got["exposure"] == pytest.approx(0.6)


def test_an_unknown_entry_leaves_exposure_undefined_and_the_other_hours_count() -> None:
    got = trades([1.0, 2.0], [NONE, MONDAY], [MONDAY + DAY, MONDAY + DAY], (MONDAY, MONDAY + DAY))
    assert got["exposure"] is None
    assert got["avg_trade_hours"] == 24


def test_equal_profits_have_no_sqn() -> None:
    assert trades([0.1 + 0.2, 0.3, 0.3])["sqn"] is None
    assert trades([5.0])["sqn"] is None


def test_known_returns_are_averaged() -> None:
    assert trades([1.0, 2.0, 3.0], ret=[0.1, nan, 0.3])["avg_trade_return"] == pytest.approx(0.2)
    assert trades([1.0, 2.0])["avg_trade_return"] is None


# --- a run alone and in a crowd

SIZES = st.lists(st.integers(0, 300), min_size=1, max_size=12)
SEEDS = st.integers(0, 2**32 - 1)


def bits(columns: dict[str, np.ndarray], i: int) -> dict[str, bytes]:
    """Bit by bit, but for the sign of what is undefined: that is stored as NULL."""
    values = {name: column[i] for name, column in columns.items()}
    return {n: b"" if value != value else value.tobytes() for n, value in values.items()}


def random_curves(sizes: Sequence[int], seed: int) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    n = sum(sizes)
    steps = random.choice([DAY, HOUR, 3 * DAY], len(sizes)).repeat(sizes)
    ts = MONDAY + steps * np.concatenate([np.arange(size) for size in sizes])
    equity = 1e4 * np.exp(np.cumsum(random.normal(0, 0.02, n)))
    equity[random.random(n) < 0.002] = 0.0
    equity[random.random(n) < 0.001] *= -1
    capital = np.where(random.random(len(sizes)) < 0.5, np.nan, 9_999.99)
    given = np.where(random.random(len(sizes)) < 0.5, np.nan, 252.0)
    return ts, equity, np.cumsum([0, *sizes]), capital, given


@settings(deadline=None)
@given(SIZES, SEEDS)
def test_a_curve_has_the_same_bits_alone_and_in_a_crowd(sizes: list[int], seed: int) -> None:
    ts, equity, offsets, capital, given = random_curves(sizes, seed)
    crowd = curve_metrics(ts, equity, offsets, capital, given)
    for i in range(len(sizes)):
        points = slice(offsets[i], offsets[i + 1])
        alone = curve_metrics(
            ts[points],
            equity[points],
            np.array([0, sizes[i]]),
            capital[i : i + 1],
            given[i : i + 1],
        )
        assert bits(crowd, i) == bits(alone, 0)
        if sizes[i] == 0:
            assert all(undefined(column)[i] for column in crowd.values())


@settings(deadline=None)
@given(SIZES, SEEDS)
def test_trades_have_the_same_bits_alone_and_in_a_crowd(sizes: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    n = sum(sizes)
    entry = MONDAY + random.integers(0, 300 * DAY, n)
    exit = entry + random.integers(0, 9 * DAY, n)
    exit[random.random(n) < 0.05] = NONE
    entry[random.random(n) < 0.001] = NONE
    pnl, ret = random.normal(3, 100, n), random.normal(0, 0.02, n)
    pnl[random.random(n) < 0.05] = np.nan
    spans = np.where(random.random(len(sizes)) < 0.5, NONE, MONDAY)
    ends = np.where(spans == NONE, NONE, MONDAY + 305 * DAY)
    offsets = np.cumsum([0, *sizes])
    crowd = trade_metrics(offsets, pnl, ret, entry, exit, spans, ends)
    for i in range(len(sizes)):
        rows = slice(offsets[i], offsets[i + 1])
        columns = (column[rows] for column in (pnl, ret, entry, exit))
        one = slice(i, i + 1)
        alone = trade_metrics(np.array([0, sizes[i]]), *columns, spans[one], ends[one])
        assert bits(crowd, i) == bits(alone, 0)


def test_thousands_of_runs_have_the_bits_they_have_alone() -> None:
    sizes = [2 + i % 60 for i in range(5_000)]
    ts, equity, offsets, capital, given = random_curves(sizes, seed=7)
    crowd = curve_metrics(ts, equity, offsets, capital, given)
    for i in range(0, len(sizes), 499):
        points, one = slice(offsets[i], offsets[i + 1]), slice(i, i + 1)
        alone = curve_metrics(
            ts[points], equity[points], np.array([0, sizes[i]]), capital[one], given[one]
        )
        assert bits(crowd, i) == bits(alone, 0)


def test_no_runs_at_all() -> None:
    nothing, times = np.zeros(0), np.zeros(0, np.int64)
    columns = curve_metrics(times, nothing, np.array([0]), nothing, nothing)
    columns |= trade_metrics(np.array([0]), nothing, nothing, times, times, times, times)
    assert {len(column) for column in columns.values()} == {0}
    assert timeframe_of(times, np.array([0])) == []
    assert clean(times, nothing, np.array([0]), {})[2].tolist() == [0]


def test_nothing_infinite_is_ever_returned() -> None:
    equity = [1e-308, 1e308, 1e-308, 1e308] * 20
    assert not any(isinstance(v, float) and math.isinf(v) for v in curve(equity).values())
    assert trades([1e308, 1e308, -1e-308])["profit_factor"] is None


def test_a_step_is_the_median_not_the_mean():
    """Steps of an hour with a long gap: the mean would be of days."""
    from bt_lake.metrics.periods import HOUR, usual_step
    from bt_lake.metrics.segments import Segments

    ts = np.array([0, 1, 2, 3, 4, 500]) * HOUR
    assert usual_step(Segments(np.array([0, 6])), ts).tolist() == [HOUR]
