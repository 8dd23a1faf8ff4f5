"""backtesting.py, live: what it computes and what the lake makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from adapted import reported, rows_of
from backtesting import Backtest, Strategy
from backtesting.lib import FractionalBacktest, crossover
from prices import ohlcv, total_loss
from snippets import rows_of_snippet

from bt_lake.ingest.engines import backtesting
from bt_lake.ingest.run import Run
from bt_lake.warehouse.definitions import differs
from bt_lake.warehouse.errors import BadInput


def mean(values: Any, bars: int) -> pd.Series:
    return pd.Series(values).rolling(bars).mean()


class SmaCross(Strategy):
    fast = 5
    slow = 20

    def init(self) -> None:
        self.quick = self.I(mean, self.data.Close, self.fast)
        self.calm = self.I(mean, self.data.Close, self.slow)

    def next(self) -> None:
        if crossover(self.quick, self.calm):
            self.position.close()
            self.buy(tag="golden")
        elif crossover(self.calm, self.quick):
            self.position.close()
            self.sell(tag={"why": "death"})


class Never(Strategy):
    def init(self) -> None: ...

    def next(self) -> None: ...


class Once(Never):
    def next(self) -> None:
        if not self.position:
            self.buy()


def backtest(strategy: type[Strategy] = SmaCross, data: Any = None, **settings: Any) -> Backtest:
    settings = {"cash": 10_000, "commission": 0.001, **settings}
    return Backtest(ohlcv() if data is None else data, strategy, **settings)


AGREEING = ("total_return", "cagr", "max_drawdown", "win_rate", "sqn", "avg_trade_return")


@pytest.mark.parametrize("strategy", [SmaCross, Never, Once])
@pytest.mark.parametrize("finalize", [True, False])
def test_what_is_computed_agrees_where_the_definitions_do(strategy: Any, finalize: bool) -> None:
    stats = backtest(strategy, finalize_trades=finalize).run()
    (row,) = rows_of(backtesting, stats)
    told = reported(row)
    for metric in {*AGREEING, "final_equity", "total_trades"} & told.keys():
        assert row[metric] == pytest.approx(told[metric])
    assert (row["initial_capital"], row["timeframe"]) == (10_000, "1d")
    assert row["engine_version"] == "0.6.6"


def test_closed_and_open_trades_explain_the_equity() -> None:
    stats = backtest().run(fast=np.int64(4))
    run = Run.from_backtesting(stats)
    assert run.params == {"fast": 4, "slow": 20}
    (still,) = [trade for trade in run.trades if trade.get("exit_at") is None]
    closed = sum(trade["pnl"] for trade in run.trades if trade is not still)
    sign = 1 if still["side"] == "long" else -1
    paper = sign * still["quantity"] * (ohlcv()["Close"].iloc[-1] - still["entry_price"])
    paid = still["quantity"] * still["entry_price"] * 0.001
    assert closed + paper - paid == pytest.approx(stats["Equity Final [$]"] - 10_000, abs=1e-6)


def test_hours_keep_their_zone() -> None:
    (row,) = rows_of(backtesting, backtest(data=ohlcv(hourly=True)).run())
    assert (row["timeframe"], row["time_zone"]) == ("1h", "America/New_York")


def test_ruin_with_margin() -> None:
    stats = backtest(Once, total_loss(ohlcv()), margin=0.2).run()
    (row,) = rows_of(backtesting, stats)
    assert (row["total_return"], row["cagr"], row["final_equity"]) == (-1, -1, 0)


def test_fractions_of_a_share() -> None:
    stats = FractionalBacktest(ohlcv(), SmaCross, cash=50, fractional_unit=1e-6).run()
    quantities = {trade["quantity"] for trade in Run.from_backtesting(stats).trades}
    assert any(quantity % 1 for quantity in quantities)


@pytest.mark.parametrize("metric", ["Sharpe Ratio", "Return [%]", "# Trades"])
def test_optimize_gives_a_run_per_cell(metric: str) -> None:
    stats, heatmap = backtest().optimize(
        fast=[3, 5, 8], slow=[10, 20], maximize=metric, return_heatmap=True
    )
    rows = rows_of(backtesting, (stats, heatmap))
    assert len(rows) == len(heatmap) == len({row["params_hash"] for row in rows}) == 6
    assert [row["metrics_from"] for row in rows].count("curve") == 1
    ours, divisor = backtesting.STATS[metric]
    told = sorted(reported(row)[ours] for row in rows)
    assert told == pytest.approx(sorted(heatmap / divisor))
    cells = rows_of(backtesting, heatmap)
    assert [reported(row)[ours] for row in cells] == pytest.approx(list(heatmap / divisor))
    # a ratio that backtesting.py means otherwise is no value of the lake's column
    held = [None] * 6 if differs("backtesting.py", ours) else [reported(row)[ours] for row in cells]
    assert [row.get(ours) for row in cells] == held


def test_optimize_of_one_parameter_by_a_function() -> None:
    found = backtest().optimize(fast=[3, 5], maximize=lambda s: s["SQN"] * 2, return_heatmap=True)
    runs = backtesting.to_runs(found, metric="score")
    assert {tuple(run.params.items()) for run in runs if run.params} == {
        (("fast", 3), ("slow", 20)),
        (("fast", 5), ("slow", 20)),
    }
    assert "score" in (runs[1].metrics or {})


def test_bars_without_dates_are_refused() -> None:
    with pytest.warns(UserWarning, match="Data index"):
        stats = backtest(data=ohlcv().reset_index(drop=True)).run()
    with pytest.raises(BadInput, match="DatetimeIndex"):
        Run.from_backtesting(stats)


def test_the_snippet_of_the_docs_works(tmp_path: Path) -> None:
    rows = rows_of_snippet("backtesting.py", tmp_path)
    assert len(rows) == 4
    assert {row["symbol"] for row in rows} == {"AAPL"}
    assert all(row["params"] for row in rows)
