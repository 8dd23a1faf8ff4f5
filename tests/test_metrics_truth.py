"""Every curve and trade list of the ground truth, against what independent libraries computed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from numpy.typing import NDArray

from bt_lake.metrics import NONE, clean, curve_metrics, trade_metrics, undefined

TRUTH = Path(__file__).parent / "data" / "truth"
CURVES = json.loads((TRUTH / "expected/curves.json").read_text())
TRADES = json.loads((TRUTH / "expected/trades.json").read_text())

# Ours -> theirs.
FLOATS = {
    "initial_capital": "start_equity",
    "final_equity": "end_equity",
    "total_return": "total_return",
    "max_drawdown": "max_drawdown",
    "max_underwater_days": "longest_underwater_days",
    "ulcer_index": "ulcer_index",
    "volatility": "ann_vol",
    "sharpe_ratio": "sharpe",
    "sortino_ratio": "sortino",
    "var_95": "var95_hist",
    "cvar_95": "cvar95_hist",
    "tail_ratio": "tail_ratio",
    "skew": "skew_biased",
    "best_period": "best_period",
    "worst_period": "worst_period",
}
COUNTS = {"bars": "n_points", "n_returns": "n_returns"}
TIMES = {
    "drawdown_peak_at": "dd_peak_ts",
    "drawdown_trough_at": "dd_trough_ts",
    "drawdown_recovered_at": "dd_recovery_ts",
}
ANNUAL = {"cagr": "cagr_calendar", "calmar_ratio": "calmar"}
# Not columns, but they follow from columns.
DERIVED = {
    "kurtosis": "kurt_excess_biased",
    "fall_days": "dd_peak_to_trough_days",
    "recovery_days": "dd_peak_to_recovery_days",
}
# These follow only where the ratio made of them is defined.
PARTS = {"std": "std_return", "mean": "mean_return", "downside": "downside_dev_ann"}
# What the truth has beside them: other definitions, for which the lake has no column.
NOT_OURS = {
    *("status", "max_drawdown_abs", "dd_days_underwater_so_far"),
    *("cagr_252", "calmar_252", "sortino_limit", "skew_unbiased", "kurt_excess_unbiased"),
    *("win_rate_periods", "win_rate_periods_all", "profit_factor_periods", "profit_factor_limit"),
    *("avg_win_period", "avg_loss_period", "expectancy_period", "exposure_nonzero_returns"),
}
TRADE_FLOATS = {
    "win_rate": "win_rate_all",
    "avg_win": "avg_win",
    "avg_loss": "avg_loss",
    "profit_factor": "profit_factor",
    "expectancy": "expectancy",
    "sqn": "sqn_pnl_ddof1",
}
TRADE_COUNTS = {
    "winning_trades": "wins",
    "losing_trades": "losses",
    "max_consecutive_losses": "max_consecutive_losses",
}


class Curve(NamedTuple):
    name: str
    ts: NDArray[np.int64]
    equity: NDArray[np.float64]
    expected: dict[str, Any]


def micros(text: str | None) -> int | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.timestamp()) * 1_000_000


def read_curve(name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    table = pyarrow.parquet.read_table(TRUTH / "curves" / f"{name}.parquet")
    ts = table["ts"].to_numpy().astype("M8[us]").astype(np.int64)
    return ts, table["equity"].to_numpy().astype(np.float64)


def all_curves() -> list[Curve]:
    curves = []
    for name, case in CURVES["cases"].items():
        ts, equity = read_curve(name)
        expected = case["full"].get("expected", case["full"])
        curves.append(Curve(name, ts, equity, expected))
        if "daily_close" in case:
            day = ts // 86_400_000_000
            close = np.flatnonzero(np.append(day[1:] != day[:-1], True))
            whole = np.append(0, close)
            expected = case["daily_close"]["expected"]
            curves.append(Curve(f"{name} close", ts[close], equity[close], expected))
            expected = case["daily_close_with_start"]["expected"]
            curves.append(Curve(f"{name} start and close", ts[whole], equity[whole], expected))
    return curves


def measured(curves: list[Curve]) -> list[dict[str, float | int | None]]:
    offsets = np.cumsum([0, *(len(curve.ts) for curve in curves)])
    ts, equity, offsets, _ = clean(
        np.concatenate([curve.ts for curve in curves]),
        np.concatenate([curve.equity for curve in curves]),
        offsets,
        {},
    )
    n = len(curves)
    return rows(curve_metrics(ts, equity, offsets, np.full(n, np.nan), np.full(n, 252.0)))


def rows(columns: Mapping[str, NDArray[Any]]) -> list[dict[str, float | int | None]]:
    lists = {
        name: [
            None if none else value for value, none in zip(c.tolist(), undefined(c), strict=True)
        ]
        for name, c in columns.items()
    }
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def agree(
    got: Mapping[str, Any],
    expected: Mapping[str, Any],
    names: Mapping[str, str],
    tolerance: Mapping[str, Any],
) -> None:
    for ours, theirs in names.items():
        assert (got[ours] is None) == (expected[theirs] is None), (
            ours,
            got[ours],
            expected[theirs],
        )
        if got[ours] is not None:
            close = math.isclose(
                got[ours], expected[theirs], rel_tol=tolerance["rel"], abs_tol=tolerance["abs"]
            )
            assert close, (ours, got[ours], expected[theirs])


def check_curve(got: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    tolerance = CURVES["meta"]["tolerance"]
    agree(got, expected, FLOATS, tolerance)
    for ours, theirs in COUNTS.items():
        assert got[ours] == expected[theirs], ours
    for ours, theirs in TIMES.items():
        assert got[ours] == micros(expected[theirs]), ours
    if (expected["years_calendar"] or 0) * 365.25 < 30:
        assert got["cagr"] is None
        assert got["calmar_ratio"] is None
    else:
        agree(got, expected, ANNUAL, tolerance)
    numbers = derived(got)
    agree(numbers, expected, DERIVED, tolerance)
    known = {ours: theirs for ours, theirs in PARTS.items() if numbers[ours] is not None}
    agree(numbers, expected, known, tolerance)


def derived(got: Mapping[str, Any]) -> dict[str, float | None]:
    """The truth's other numbers, from the lake's columns."""
    days = 86_400_000_000
    std = per(got["volatility"], math.sqrt(252))
    mean = times(got["sharpe_period"], std)
    kurtosis = got["kurtosis"]
    fell, bottom, back = (got[f"drawdown_{point}_at"] for point in ("peak", "trough", "recovered"))
    return {
        "kurtosis": None if kurtosis is None else kurtosis - 3,
        "std": std,
        "mean": mean,
        "downside": per(times(mean, 252), got["sortino_ratio"]),
        "fall_days": None if bottom is None else (bottom - fell) / days,
        "recovery_days": None if back is None else (back - fell) / days,
    }


def per(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value / other


def times(value: float | None, other: float | None) -> float | None:
    return None if value is None or other is None else value * other


def test_every_number_of_the_truth_is_compared_or_is_not_ours() -> None:
    compared = {*FLOATS.values(), *COUNTS.values(), *TIMES.values(), *ANNUAL.values()}
    compared |= {*DERIVED.values(), *PARTS.values(), "years_calendar", "monthly_returns"}
    assert not compared & NOT_OURS
    for curve in all_curves():
        assert set(curve.expected) <= compared | NOT_OURS, curve.name
    files = {path.stem for path in (TRUTH / "curves").iterdir()}
    assert files == {curve.name.split(" ")[0] for curve in all_curves()}


@pytest.mark.parametrize("curve", all_curves(), ids=lambda curve: curve.name)
def test_curve(curve: Curve) -> None:
    check_curve(measured([curve])[0], curve.expected)


def test_all_curves_at_once_give_the_same_bits() -> None:
    curves = all_curves()
    assert measured(curves) == [measured([curve])[0] for curve in curves]


def test_the_short_curves_are_the_ones_without_a_yearly_growth() -> None:
    without = {curve.name for curve in all_curves() if measured([curve])[0]["cagr"] is None}
    assert without == {
        "03_one_point",
        "04_two_points",
        "06_negative_equity",
        "08_intraday_minute",
        "08_intraday_minute close",
        "08_intraday_minute start and close",
    }


def test_capital_before_the_first_close_counts_as_its_first_return() -> None:
    """The five closes with the capital given, against the truth's curve that starts with it."""
    close = next(curve for curve in all_curves() if curve.name.endswith("minute close"))
    whole = next(curve for curve in all_curves() if curve.name.endswith("start and close"))
    offsets = np.array([0, len(close.ts)])
    given, ppy = np.array([whole.equity[0]]), np.array([252.0])
    got = rows(curve_metrics(close.ts, close.equity, offsets, given, ppy))[0]
    of_returns = ["n_returns", "total_return", "volatility", "sharpe_ratio", "sortino_ratio"]
    of_returns += ["var_95", "cvar_95", "tail_ratio", "skew", "kurtosis", "max_drawdown"]
    expected = measured([whole])[0]
    assert {name: got[name] for name in of_returns} == {name: expected[name] for name in of_returns}


def read_trades(name: str, *, net: bool) -> dict[str, NDArray[Any]]:
    table = pyarrow.csv.read_csv(TRUTH / "trades" / f"{name}.csv")
    fees = table["commission"].to_numpy().astype(np.float64) if net else 0.0
    pnl = table["pnl"].to_numpy().astype(np.float64) - fees
    times = {
        ours: table[theirs].to_numpy().astype("M8[us]").astype(np.int64)
        for ours, theirs in (("entry_at", "entry_ts"), ("exit_at", "exit_ts"))
    }
    return {"pnl": pnl, "ret": np.full(len(pnl), np.nan), **times}


def trades_measured(lists: list[dict[str, NDArray[Any]]]) -> list[dict[str, float | int | None]]:
    offsets = np.cumsum([0, *(len(trades["pnl"]) for trades in lists)])
    columns = {name: np.concatenate([trades[name] for trades in lists]) for name in lists[0]}
    start = np.array([min(trades["entry_at"], default=NONE) for trades in lists])
    end = np.array([max(trades["exit_at"], default=NONE) for trades in lists])
    return rows(trade_metrics(offsets, **columns, span_start=start, span_end=end))


@pytest.mark.parametrize("kind", ["net", "gross"])
@pytest.mark.parametrize("name", TRADES["cases"])
def test_trades(name: str, kind: str) -> None:
    case = TRADES["cases"][name]
    got = trades_measured([read_trades(name, net=kind == "net")])[0]
    tolerance = TRADES["meta"]["tolerance"]
    agree(got, case[kind], TRADE_FLOATS, tolerance)
    times = {"exposure": "exposure_union", "avg_trade_hours": "avg_holding_hours"}
    agree(got, case, times, tolerance)
    for ours, theirs in TRADE_COUNTS.items():
        assert got[ours] == case[kind][theirs], ours
    assert got["total_trades"] == case["n_trades"]


def test_all_trades_at_once_give_the_same_bits() -> None:
    lists = [read_trades(name, net=True) for name in TRADES["cases"]]
    assert trades_measured(lists) == [trades_measured([trades])[0] for trades in lists]
