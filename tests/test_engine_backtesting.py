"""backtesting.py 0.6.6: stats as the engine wrote them, rebuilt from files, become runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from adapted import reported, rows_of

from bt_lake.ingest.engines import backtesting
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

DATA = Path(__file__).parent / "data" / "engines" / "backtesting"


class Strategy:
    """Stands in for the base class of the engine: its attributes are not parameters."""

    __module__ = "backtesting.backtesting"
    margin_of_the_engine = 1

    def __init__(self, **params: Any) -> None:
        self._params = params


class SmaCross(Strategy):
    fast = 10
    slow = 30
    _private = 1

    def next(self) -> None: ...


def stats(name: str, **params: Any) -> pd.Series:
    """What `Backtest.run` returned, from the files it was dumped to."""
    values = json.loads((DATA / f"{name}_stats.json").read_text())
    for key, value in values.items():
        if key.endswith("Duration") and isinstance(value, str):
            values[key] = pd.Timedelta(value)
    equity = pd.read_parquet(DATA / f"{name}_equity.parquet")
    trades = pd.read_parquet(DATA / f"{name}_trades.parquet")
    values |= {"_strategy": SmaCross(**params), "_equity_curve": equity, "_trades": trades}
    return pd.Series(values, dtype=object)


def only(obj: Any, **options: Any) -> Run:
    assert backtesting.matches(obj)
    (run,) = backtesting.to_runs(obj, **options)
    return run


def test_percent_become_fractions() -> None:
    run = only(stats("daily"))
    assert run.metrics is not None
    assert run.metrics["total_return"] == pytest.approx(0.06849432899999938)
    assert run.metrics["cagr"] == pytest.approx(0.022469088602008247)
    assert run.metrics["max_drawdown"] == pytest.approx(-0.28153932428728822)
    assert run.metrics["win_rate"] == 0.25
    assert run.metrics["exposure"] == pytest.approx(0.8974358974358975)
    assert run.metrics["sharpe_ratio"] == pytest.approx(0.11374534781143378)
    assert run.metrics["max_underwater_days"] == 400
    assert run.metrics["total_fees"] == pytest.approx(502.7246)
    assert run.columns["engine"] == "backtesting.py"


def test_curve_starts_at_the_cash() -> None:
    run = only(stats("daily"))
    assert (len(run.equity), run.equity.iloc[0]) == (780, 10_000)
    assert run.equity.iloc[-1] == pytest.approx(10_684.943289999994)
    assert "initial_capital" not in run.columns  # row 0 is before the first trade: it is the base


def test_trades_are_net_and_unsigned() -> None:
    run = only(stats("daily"))
    assert len(run.trades) == 24
    long, short = run.trades[:2]
    assert (long["side"], long["quantity"], long["fees"]) == ("long", 116, pytest.approx(20.04828))
    assert (short["side"], short["quantity"]) == ("short", 116)
    gross = 116 * (long["exit_price"] - long["entry_price"])
    assert long["pnl"] == pytest.approx(gross - long["fees"])
    assert long["return"] == pytest.approx(0.01725867507886416)
    assert long["entry_tag"] == '{"why": "gc"}'
    assert short["entry_tag"] == "dc"
    assert long["Entry_SMA(C,10)"] == pytest.approx(84.256)
    assert sum(t["fees"] for t in run.trades) == pytest.approx(502.7246)
    won = sum(t["pnl"] > 0 for t in run.trades)
    assert won / 24 == run.metrics["win_rate"]  # type: ignore[index]


def test_open_trades_come_from_the_strategy() -> None:
    given = stats("daily")
    given["_strategy"].trades = (
        SimpleNamespace(size=-5, entry_price=46.5, entry_time=pd.Timestamp("2023-11-23"), tag=None),
    )
    run = only(given)
    assert len(run.trades) == 25
    assert run.trades[-1] == {
        "entry_at": pd.Timestamp("2023-11-23"),
        "entry_price": 46.5,
        "side": "short",
        "quantity": 5,
        "entry_tag": None,
    }


def test_params_are_defaults_and_what_was_passed() -> None:
    assert only(stats("daily")).params == {"fast": 10, "slow": 30}
    run = only(stats("daily_params", fast=5, slow=20))
    assert (run.strategy, run.params) == ("SmaCross", {"fast": 5, "slow": 20})
    assert len(run.trades) == 40
    assert run.metrics["max_drawdown"] == pytest.approx(-0.30080150112606418)  # type: ignore[index]


def test_zero_trades_leave_the_undefined_out() -> None:
    run = only(stats("zero"))
    assert run.trades == []
    assert run.metrics is not None
    assert run.metrics["total_trades"] == 0
    assert run.metrics["total_return"] == 0
    absent = {"sharpe_ratio", "win_rate", "profit_factor", "sqn", "max_underwater_days"}
    assert absent.isdisjoint(run.metrics)


def test_ruin() -> None:
    run = only(stats("ruin"))
    assert run.metrics is not None
    assert run.metrics["total_return"] == -1
    assert run.metrics["cagr"] == -1
    assert run.equity.iloc[-1] == 0
    assert run.trades[0]["pnl"] == pytest.approx(-12418.088349434061)


def heatmap() -> pd.Series:
    frame = pd.read_csv(DATA / "heatmap.csv")
    series: pd.Series = frame.set_index(["fast", "slow"])["Sharpe Ratio"]
    return series


def test_heatmap_is_one_run_per_cell() -> None:
    assert backtesting.matches(heatmap())
    runs = backtesting.to_runs(heatmap())
    assert len(runs) == len(heatmap())
    assert runs[0].params == {"fast": 5, "slow": 20}
    assert runs[0].metrics == {"sharpe_ratio": pytest.approx(-0.06485903969263249)}


def test_heatmap_units_and_undefined_cells() -> None:
    cells = heatmap().rename("Return [%]")
    cells.iloc[0], cells.iloc[1] = 12.5, float("nan")
    runs = backtesting.to_runs(cells)
    assert [run.metrics for run in runs[:2]] == [{"total_return": 0.125}, {}]


def test_heatmap_of_a_function_needs_a_name() -> None:
    cells = heatmap().rename(None)
    assert not backtesting.matches(cells)
    with pytest.raises(BadInput, match="metric="):
        backtesting.to_runs(cells)
    assert backtesting.to_runs(cells, metric="my_score")[0].metrics is not None


def test_optimize_tells_the_best_run_once() -> None:
    best = stats("daily_params", fast=5, slow=20)
    assert backtesting.matches((best, heatmap()))
    runs = backtesting.to_runs((best, heatmap()))
    assert len(runs) == len(heatmap())
    assert len(runs[0].equity) == 780
    params = [(run.params["fast"], run.params["slow"]) for run in runs if run.params]
    assert sorted(params) == sorted(heatmap().index)
    assert {run.strategy for run in runs} == {"SmaCross"}


def test_data_without_dates_is_refused() -> None:
    given = stats("daily")
    given["_equity_curve"] = given["_equity_curve"].reset_index(drop=True)
    with pytest.raises(BadInput, match="DatetimeIndex"):
        backtesting.to_runs(given)


def test_other_series_are_not_taken_for_stats() -> None:
    assert not backtesting.matches(pd.Series([1.0, 2.0], name="Return [%]"))
    assert not backtesting.matches(())


AGREEING = ("total_return", "cagr", "max_drawdown", "win_rate", "sqn", "avg_trade_return")


@pytest.mark.parametrize("name", ["daily", "daily_params", "ruin", "zero"])
def test_what_is_computed_agrees_where_the_definitions_do(name: str) -> None:
    (row,) = rows_of(backtesting, stats(name))
    told = reported(row)
    for metric in {*AGREEING, "final_equity", "total_trades", "max_underwater_days"} & told.keys():
        assert row[metric] == pytest.approx(told[metric])
    assert (row["metrics_from"], row["initial_capital"]) == ("curve", 10_000)


def test_profit_factor_is_of_money_not_of_returns() -> None:
    (row,) = rows_of(backtesting, stats("daily"))
    assert reported(row)["profit_factor"] == pytest.approx(1.1708347873748175)
    assert row["profit_factor"] == pytest.approx(1.030343380627625)


def test_heatmap_cells_have_what_was_reported() -> None:
    rows = rows_of(backtesting, heatmap(), timeframe="1d", symbol="AAPL")
    assert {row["metrics_from"] for row in rows} == {"reported"}
    assert all("sharpe_ratio" not in row for row in rows)  # theirs is another one
    assert [dict(row["reported"])["sharpe_ratio"] for row in rows] == heatmap().tolist()
    assert len({row["params_hash"] for row in rows}) == len(rows)
