"""lib-pybroker 2.0.2: TestResults as the engine dumped them become runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from adapted import reported, rows_of

from bt_lake.ingest.engines import pybroker
from bt_lake.ingest.run import Run

DATA = Path(__file__).parent / "data" / "engines" / "pybroker"
CENTS = 25 * 0.005  # the engine rounds the fee of each of 25 orders
NAMES = ("daily", "ruin_open", "zero")


class TestResult:
    """What `Strategy.backtest` returns, from the files it was dumped to."""

    __module__ = "pybroker.strategy"
    __test__ = False

    def __init__(self, name: str) -> None:
        def table(kind: str, index: str) -> pd.DataFrame:
            return pd.read_parquet(DATA / f"{name}_{kind}.parquet").reset_index().set_index(index)

        self.portfolio = table("portfolio", "date")
        self.orders = table("orders", "id")
        self.trades = table("trades", "id")
        self.metrics = SimpleNamespace(**told(name)["metrics"])
        self.symbols = frozenset({"CRSH" if name == "ruin_open" else "SYN"})


def told(name: str) -> Any:
    return json.loads((DATA / f"{name}_to_json.json").read_text())


def only(result: TestResult) -> Run:
    assert pybroker.matches(result)
    (run,) = pybroker.to_runs(result)
    return run


def test_labels_and_curve() -> None:
    run = only(TestResult("daily"))
    assert (run.strategy, run.params, run.columns["symbol"]) == (None, None, "SYN")
    assert run.columns["timeframe"] == "1d"
    assert (run.equity["equity"][0], run.equity["equity"][-1]) == (100_000, 87_005.71)
    assert run.equity["cash"][-1] == 7808.95


def test_percent_become_fractions_and_realized_is_not_total() -> None:
    metrics = only(TestResult("daily")).metrics
    assert metrics is not None
    assert "total_return" not in metrics  # -14.9 % of closed trades, while equity fell 13.0 %
    assert metrics["realized_return_gross"] == pytest.approx(-0.148763)
    assert metrics["max_drawdown"] == pytest.approx(-0.28307054562823087)
    assert metrics["win_rate"] == pytest.approx(1 / 3)
    assert metrics["sharpe_ratio"] == pytest.approx(-0.3659358340141713)
    assert metrics["volatility"] == pytest.approx(0.10730018843429876)
    assert metrics["bar_profit_factor"] == pytest.approx(0.8920510865928017)
    assert "profit_factor" not in metrics


@pytest.mark.parametrize("name", NAMES)
def test_the_table_of_metrics_says_the_same(name: str) -> None:
    table = pd.read_csv(DATA / f"{name}_metrics.csv", index_col="name")["value"]
    metrics = only(TestResult(name)).metrics
    assert metrics is not None
    assert metrics["final_equity"] == pytest.approx(float(table["end_market_value"]))
    assert metrics["max_drawdown"] == pytest.approx(float(table["max_drawdown_pct"]) / 100)
    assert metrics["total_trades"] == float(table["trade_count"])


def test_without_bars_per_year_ratios_are_per_bar() -> None:
    result = TestResult("daily")
    for name in ("annual_volatility_pct", "annual_return_pct", "calmar"):
        setattr(result.metrics, name, None)
    metrics = only(result).metrics
    assert metrics is not None
    assert metrics["sharpe_period"] == pytest.approx(-0.3659358340141713)
    assert {"sharpe_ratio", "sortino_ratio", "volatility"}.isdisjoint(metrics)


def test_trades_are_net_of_the_fees_of_their_orders() -> None:
    run = only(TestResult("daily"))
    trades = run.trades
    closed = ~np.isnat(trades["exit_at"])
    assert (len(closed), closed.sum()) == (13, 12)
    assert trades["fees"].sum() == pytest.approx(2097.16, abs=CENTS)
    assert trades["pnl"][0] == pytest.approx(2926.71 - 89.71 - 92.64)
    assert trades["return"][0] == pytest.approx(2744.36 / (1049 * 85.52))
    gross = (trades["pnl"] + trades["fees"])[closed]
    assert gross.sum() == pytest.approx(-14876.3)
    assert (trades["mae"][0], trades["mfe"][0]) == pytest.approx((-0.33 * 1049, 4.73 * 1049))
    csv = pd.read_csv(DATA / "daily_trades.csv")
    assert gross == pytest.approx(csv["pnl"])


def test_trades_explain_the_curve() -> None:
    """Closed profits, open profit and the fees of what is open make up the whole change."""
    run = only(TestResult("daily"))
    closed = ~np.isnat(run.trades["exit_at"])
    assert run.metrics is not None
    total = run.trades["pnl"][closed].sum() + run.metrics["open_pnl"]
    total -= run.trades["fees"][~closed].sum()
    assert total == pytest.approx(87_005.71 - 100_000, abs=CENTS)


def test_an_open_position_is_found_in_the_orders() -> None:
    run = only(TestResult("ruin_open"))
    assert run.trades["symbol"].tolist() == ["CRSH"]
    assert run.trades["quantity"].tolist() == [1007]
    assert run.trades["fees"].tolist() == pytest.approx([99.93])
    assert np.isnat(run.trades["exit_at"]).all()
    assert run.metrics is not None
    assert run.metrics["sharpe_ratio"] == pytest.approx(-1.7696484209639989)
    assert {"win_rate", "expectancy", "winning_trades"}.isdisjoint(run.metrics)


def test_zeros_of_no_trades_are_undefined() -> None:
    run = only(TestResult("zero"))
    assert len(run.trades["pnl"]) == 0
    assert run.metrics is not None
    absent = {"sharpe_ratio", "sortino_ratio", "calmar_ratio", "bar_profit_factor", "win_rate"}
    assert absent.isdisjoint(run.metrics)
    assert (run.metrics["total_trades"], run.metrics["max_drawdown"]) == (0, 0)
    assert len(pd.read_csv(DATA / "zero_trades.csv")) == 0


def test_shorts_sell_first() -> None:
    result = TestResult("daily")
    result.trades["type"] = "short"
    result.orders["type"] = result.orders["type"].map({"buy": "sell", "sell": "buy"})
    trades = only(result).trades
    assert set(trades["side"]) == {"short"}
    assert trades["fees"].sum() == pytest.approx(2097.16, abs=CENTS)
    assert np.isnat(trades["exit_at"]).sum() == 1


def test_what_is_computed_agrees_where_the_definitions_do() -> None:
    (row,) = rows_of(pybroker, TestResult("daily"))
    told_ = reported(row)
    for metric in ("max_drawdown", "final_equity", "ulcer_index", "win_rate", "sortino_ratio"):
        assert row[metric] == pytest.approx(told_[metric])
    # it divides by n, not by n - 1
    assert row["sharpe_ratio"] * np.sqrt(779 / 778) == pytest.approx(told_["sharpe_ratio"])
    assert row["total_return"] == pytest.approx(87_005.71 / 100_000 - 1)
    assert row["expectancy"] == pytest.approx(-1408.188, abs=0.01)  # -1239.69 before fees
    assert row["initial_capital"] == 100_000


def test_below_zero_ratios_are_undefined() -> None:
    (row,) = rows_of(pybroker, TestResult("ruin_open"))
    assert (row["sharpe_ratio"], row["final_equity"]) == (None, -30.79)
    assert row["max_drawdown"] == pytest.approx(reported(row)["max_drawdown"])
