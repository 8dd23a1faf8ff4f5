"""`cagr` against numpy, for every kind of base: what the growth counts is what the time counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from test_metrics import DAY, MONDAY, curve

YEAR = 365.25
nan = math.nan
BARS = {
    "daily": np.arange(400),
    "weekdays": np.arange(400) // 5 * 7 + np.arange(400) % 5,
    "weekly": np.arange(120) * 7,
    "monthly": (np.datetime64("2024-01") + np.arange(25)).astype("M8[D]").astype(int) - 19723,
    "quarterly": (np.datetime64("2024-01") + 3 * np.arange(9)).astype("M8[D]").astype(int) - 19723,
    "yearly": (np.datetime64("2024") + np.arange(6)).astype("M8[D]").astype(int) - 19723,
    "irregular": np.cumsum(np.random.default_rng(5).integers(1, 9, 200)),
}  # days since Monday, 2024-01-01


@pytest.mark.parametrize("bars", BARS)
@pytest.mark.parametrize("ppy", [nan, 252.0])
def test_growth_is_counted_over_the_time_it_took(bars: str, ppy: float) -> None:
    days = BARS[bars]
    assert days[0] in (0, 1, 2, 3, 4, 5, 6, 7, 8)
    equity = 100 * np.exp(np.cumsum(np.random.default_rng(8).normal(0.001, 0.02, len(days))))
    ts = [MONDAY + int(day) * DAY for day in days]
    whole = days[-1] - days[0]
    expected = (equity[-1] / equity[0]) ** (YEAR / whole) - 1
    assert curve(equity.tolist(), ts, ppy=ppy)["cagr"] == pytest.approx(expected, rel=1e-9)
    # The same curve whose first point is given as the capital instead: one usual step earlier.
    step = np.sort(np.diff(days[1:]))[(len(days) - 3) // 2]
    expected = (equity[-1] / equity[0]) ** (YEAR / (days[-1] - days[1] + step)) - 1
    got = curve(equity[1:].tolist(), ts[1:], capital=float(equity[0]), ppy=ppy)
    assert got["cagr"] == pytest.approx(expected, rel=1e-9)
    if bars != "irregular":
        bare = curve(equity.tolist(), ts, ppy=ppy)["cagr"]
        assert got["cagr"] == pytest.approx(bare, rel=0.02), "which it is but for the calendar"
    if got["max_drawdown"] < 0:
        assert got["calmar_ratio"] == pytest.approx(got["cagr"] / -got["max_drawdown"])


def grown(returns: list[float]) -> list[float]:
    return (100 * np.cumprod(1 + np.array(returns))).tolist()


def test_five_yearly_returns_worth_ten_percent_a_year() -> None:
    ts = [MONDAY + int(day) * DAY for day in BARS["yearly"][1:]]
    got = curve(grown([0.1, 0.1, 0.1, 0.1, 0.12]), ts, capital=100)
    assert got["cagr"] == pytest.approx((1.1**4 * 1.12) ** (1 / 5) - 1, rel=1e-3)


def test_twelve_monthly_returns_are_a_year() -> None:
    ts = [MONDAY + int(day) * DAY for day in BARS["monthly"][1:13]]
    got = curve(grown([0.01] * 11 + [0.02]), ts, capital=100)
    assert got["cagr"] == pytest.approx(got["total_return"], rel=5e-3)


def test_thirty_days_are_thirty_returns() -> None:
    for n, annual in ((29, False), (30, True)):
        got = curve(grown([0.001] * n), [MONDAY + i * DAY for i in range(n)], capital=100)
        assert (got["cagr"] is not None) == annual
    assert got["cagr"] == pytest.approx(1.001**YEAR - 1)


@pytest.mark.parametrize(
    ("capital", "ppy", "expected"),
    [
        (nan, nan, None),
        (nan, 1.0, None),
        (100.0, nan, None),  # nobody knows how long it took
        (100.0, 1.0, 0.1),
        (100.0, 12.0, 1.1**12 - 1),
        (100.0, 252.0, None),  # a day
    ],
)
def test_one_point(capital: float, ppy: float, expected: float | None) -> None:
    got = curve([110.0], [MONDAY], capital=capital, ppy=ppy)["cagr"]
    assert got is None if expected is None else got == pytest.approx(expected)
