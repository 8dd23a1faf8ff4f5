"""bt, live: what it computes and what the lake makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bt
import numpy as np
import pandas as pd
import pytest
from adapted import reported, rows_of
from prices import ohlcv, total_loss
from snippets import rows_of_snippet

from bt_lake.ingest.engines import bt as adapter
from bt_lake.ingest.run import Run


def closes(*, hourly: bool = False) -> pd.DataFrame:
    return pd.DataFrame(
        {name: ohlcv(seed, hourly=hourly)["Close"] for seed, name in enumerate("AB", 7)}
    )


def backtest(name: str, data: pd.DataFrame, *algos: Any, **settings: Any) -> Any:
    settings = {"initial_capital": 100_000.0, "integer_positions": False, **settings}
    return bt.Backtest(bt.Strategy(name, list(algos)), data, progress_bar=False, **settings)


def crossing(bars: int, data: pd.DataFrame | None = None, **settings: Any) -> Any:
    data = closes() if data is None else data
    above = data > data.rolling(bars).mean()
    algos = (bt.algos.SelectWhere(above), bt.algos.WeighEqually(), bt.algos.Rebalance())
    return backtest(f"sma_{bars}", data, *algos, **settings)


def fee(quantity: float, price: float) -> float:
    return abs(quantity) * price * 0.001


def gained(run: Run, last: pd.Series) -> float:
    """Profits of closed trades and of open ones at the last prices."""
    trades, still = run.trades, np.isnat(run.trades["exit_at"])
    sign = np.where(trades["side"] == "long", 1, -1)
    now = np.array([last[name] for name in trades["symbol"]])
    paper = sign * trades["quantity"] * (now - trades["entry_price"]) - trades["fees"]
    return float(trades["pnl"][~still].sum() + paper[still].sum())


def test_each_backtest_is_a_run_whose_trades_explain_its_money() -> None:
    result = bt.run(crossing(5, commissions=fee), crossing(20), crossing(50, commissions=fee))
    runs = adapter.to_runs(result)
    assert [run.strategy for run in runs] == ["sma_5", "sma_20", "sma_50"]
    for run in runs:
        end = run.equity["equity"][-1]
        assert gained(run, closes().iloc[-1]) == pytest.approx(end - 100_000)
        paid = result.backtests[run.strategy].strategy.fees.sum()
        assert run.trades["fees"].sum() == pytest.approx(paid, abs=1e-6)
        assert (run.trades["quantity"] > 1e-3).all()


def test_what_is_computed_agrees_where_the_definitions_do() -> None:
    data = closes()[["A"]]
    hold = backtest(
        "hold",
        data,
        bt.algos.RunOnce(),
        bt.algos.SelectAll(),
        bt.algos.WeighEqually(),
        bt.algos.Rebalance(),
    )
    (row,) = rows_of(adapter, bt.run(hold))
    told = reported(row)
    for metric in (
        "total_return",
        "max_drawdown",
        "cagr",
        "volatility",
        "sharpe_ratio",
        "sortino_ratio",
    ):
        assert row[metric] == pytest.approx(told[metric])
    assert (row["initial_capital"], row["symbol"], row["timeframe"]) == (100_000, "A", "1d")
    assert row["engine_version"] == bt.__version__


def test_shorts_and_leverage_into_ruin() -> None:
    data = total_loss(closes()[["A"]])
    algos = (bt.algos.RunOnce(), bt.algos.WeighSpecified(A=3.0), bt.algos.Rebalance())
    run = Run.from_bt(bt.run(backtest("bankrupt", data, *algos)))
    assert gained(run, data.iloc[-1]) == pytest.approx(run.equity["equity"][-1] - 100_000)
    (row,) = rows_of(adapter, bt.run(backtest("bankrupt", data, *algos)))
    assert row["total_return"] < -1
    short = bt.run(
        backtest(
            "short", data, bt.algos.RunOnce(), bt.algos.WeighSpecified(A=-0.5), bt.algos.Rebalance()
        )
    )
    run = Run.from_bt(short)
    assert set(run.trades["side"]) == {"short"}
    assert gained(run, data.iloc[-1]) == pytest.approx(run.equity["equity"][-1] - 100_000)


def test_no_trades() -> None:
    (row,) = rows_of(adapter, bt.run(backtest("never", closes())))
    assert (row["total_trades"], row["total_return"]) == (0, 0)


def test_hours_are_measured_on_the_curve_not_on_days() -> None:
    result = bt.run(crossing(20, closes(hourly=True)))
    (row,) = rows_of(adapter, result)
    assert row["timeframe"] == "1h"
    values = result.backtests["sma_20"].strategy.values
    assert row["max_drawdown"] == pytest.approx((values / values.cummax() - 1).min())


def test_the_snippet_of_the_docs_works(tmp_path: Path) -> None:
    rows = rows_of_snippet("bt", tmp_path)
    assert len(rows) == 2
    assert {row["symbol"] for row in rows} == {"AAPL"}
    assert all(row["params"] for row in rows)
