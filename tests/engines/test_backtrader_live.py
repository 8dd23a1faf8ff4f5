"""backtrader, live: what it computes and what the lake makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import backtrader
import numpy as np
import pytest
from adapted import reported, rows_of
from prices import ohlcv, total_loss
from snippets import rows_of_snippet

from bt_lake.ingest.engines import backtrader as adapter
from bt_lake.ingest.run import Run


class SmaCross(backtrader.Strategy):
    params = (("fast", 5), ("slow", 20), ("average", backtrader.ind.SMA))

    def __init__(self) -> None:
        quick, calm = self.p.average(period=self.p.fast), self.p.average(period=self.p.slow)
        self.cross = backtrader.ind.CrossOver(quick, calm)

    def next(self) -> None:
        if self.cross > 0:
            self.order_target_size(target=10)
        elif self.cross < 0:
            self.order_target_size(target=-5)


class Never(backtrader.Strategy):
    def next(self) -> None: ...


class AllIn(backtrader.Strategy):
    def next(self) -> None:
        if not self.position:
            self.order_target_percent(target=0.95)


PLAN = {10: (10, 0), 20: (5, 0), 30: (-7, 0), 40: (-8, 0), 50: (4, 1), 60: (-4, 1)}
PLAN |= {70: (0.3, 0), 75: (0.6, 0), 80: (-0.9, 0), 90: (-5, 0), 100: (9, 0)}


class Scaling(backtrader.Strategy):
    """Buys twice, sells in parts, reverses, and keeps a second position apart by trade id."""

    def next(self) -> None:
        size, tradeid = PLAN.get(len(self), (0, 0))
        if size:
            (self.buy if size > 0 else self.sell)(size=abs(size), tradeid=tradeid)


def cerebro(data: Any = None, **settings: Any) -> Any:
    made = backtrader.Cerebro(maxcpus=1, **settings)
    prices = ohlcv() if data is None else data
    made.adddata(backtrader.feeds.PandasData(dataname=prices.rename(columns=str.lower)), name="SYN")
    made.broker.setcash(10_000)
    made.broker.setcommission(0.001)
    for kind in ("TimeReturn", "DrawDown", "TradeAnalyzer", "Returns", "SQN", "PyFolio"):
        made.addanalyzer(getattr(backtrader.analyzers, kind), _name=kind)
    days = backtrader.TimeFrame.Days
    made.addanalyzer(
        backtrader.analyzers.SharpeRatio, timeframe=days, annualize=True, riskfreerate=0, _name="s"
    )
    made.addanalyzer(backtrader.analyzers.SharpeRatio, _name="years")
    return made


def run(strategy: Any, *arguments: Any, **settings: Any) -> Any:
    made = cerebro(*arguments, **settings)
    made.addstrategy(strategy)
    return made.run()


AGREEING = ("total_return", "max_drawdown", "total_trades", "win_rate", "profit_factor")
MONEY = ("expectancy", "avg_win", "avg_loss", "best_trade", "worst_trade")


@pytest.mark.parametrize("strategy", [SmaCross, Never, AllIn, Scaling])
def test_what_is_computed_agrees_where_the_definitions_do(strategy: Any) -> None:
    found = run(strategy)
    (row,) = rows_of(adapter, found)
    told = reported(row)
    for metric in {*AGREEING, *MONEY, "max_consecutive_losses"} & told.keys():
        assert row[metric] == pytest.approx(told[metric])
    if "sharpe_ratio" in told:  # it divides by n, not by n - 1
        n = row["n_returns"]
        assert row["sharpe_ratio"] * np.sqrt(n / (n - 1)) == pytest.approx(told["sharpe_ratio"])
    if "sqn" in told:
        n = row["total_trades"]
        assert row["sqn"] * np.sqrt(n / (n - 1)) == pytest.approx(told["sqn"])
    assert row["final_equity"] == pytest.approx(found[0].broker.getvalue())
    assert (row["initial_capital"], row["symbol"]) == (10_000, "SYN")
    assert row["timeframe"] == "1d"


@pytest.mark.parametrize("strategy", [SmaCross, Scaling])
def test_closed_and_open_trades_explain_the_value(strategy: Any) -> None:
    found = run(strategy)
    (trades,) = [each.trades for each in adapter.to_runs(found)]
    sign = np.where(np.array(trades["side"]) == "long", 1, -1)
    still = np.isnat(trades["exit_at"])
    gross = sign * trades["quantity"] * (trades["exit_price"] - trades["entry_price"])
    assert (gross - trades["fees"])[~still] == pytest.approx(trades["pnl"][~still])
    close = ohlcv()["Close"].iloc[-1]
    paper = sign * trades["quantity"] * (close - trades["entry_price"]) - trades["fees"]
    total = trades["pnl"][~still].sum() + paper[still].sum()
    assert total == pytest.approx(found[0].broker.getvalue() - 10_000)
    assert still.sum() == 1


def test_scaling_in_and_out_is_one_trade() -> None:
    (trades,) = [each.trades for each in adapter.to_runs(run(Scaling))]
    assert trades["quantity"].tolist() == pytest.approx([15, 4, 0.9, 5, 4])
    assert trades["side"] == ["long", "long", "long", "short", "long"]


def test_params_and_what_is_no_data_in_them() -> None:
    (row,) = rows_of(adapter, run(SmaCross))
    assert row["params"] == '{"fast":5,"slow":20,"average":"SMA"}'


def test_without_observers_the_returns_give_the_same_curve() -> None:
    (seen,) = adapter.to_runs(run(SmaCross))
    (compounded,) = adapter.to_runs(run(SmaCross, stdstats=False))
    assert compounded.equity["equity"] == pytest.approx(seen.equity["equity"])
    assert (compounded.equity["ts"] == seen.equity["ts"]).all()
    (sparing,) = adapter.to_runs(run(SmaCross, exactbars=1))
    assert sparing.equity["equity"] == pytest.approx(seen.equity["equity"])


@pytest.mark.parametrize("whole", [False, True])
def test_optstrategy_is_a_run_per_combination(whole: bool) -> None:
    made = cerebro(optreturn=not whole)
    made.optstrategy(SmaCross, fast=[4, 5], slow=[15, 20])
    rows = rows_of(adapter, made.run(), initial_capital=10_000)
    assert len(rows) == len({row["params_hash"] for row in rows}) == 4
    for row in rows:
        told = reported(row)
        for metric in AGREEING:
            assert row[metric] == pytest.approx(told[metric])
        assert row["strategy"] == "s"
    (alone,) = rows_of(adapter, run(SmaCross), initial_capital=10_000)
    (cell,) = [row for row in rows if row["params_hash"] == alone["params_hash"]]
    assert cell["final_equity"] == pytest.approx(alone["final_equity"])


def test_full_strategies_of_an_optimization_keep_their_own_orders() -> None:
    made = cerebro(optreturn=False)
    made.optstrategy(SmaCross, fast=[4, 5])
    for each in adapter.to_runs(made.run()):
        assert set(each.trades["quantity"]) == {10, 5}


def test_hours() -> None:
    prices = ohlcv(hourly=True)
    prices.index = prices.index.tz_convert(None)  # it knows no zones
    made = cerebro(prices)
    made.addstrategy(SmaCross)
    (row,) = rows_of(adapter, made.run())
    assert row["timeframe"] == "1h"
    assert row["bars"] == len(prices)


def test_total_loss() -> None:
    (row,) = rows_of(adapter, run(AllIn, total_loss(ohlcv())))
    assert row["total_return"] == pytest.approx(-0.95, abs=0.04)
    assert row["total_trades"] == 0


def test_two_datas_are_a_portfolio() -> None:
    made = cerebro()
    feed = backtrader.feeds.PandasData(dataname=ohlcv(8).iloc[50:].rename(columns=str.lower))
    made.adddata(feed, name="OTHER")
    made.addstrategy(SmaCross)
    (each,) = adapter.to_runs(made.run())
    assert each.columns["symbol"] is None
    assert isinstance(Run.from_backtrader(made.runstrats[0][0]), Run)


def test_the_snippet_of_the_docs_works(tmp_path: Path) -> None:
    rows = rows_of_snippet("backtrader", tmp_path)
    assert len(rows) == 5
    assert {row["symbol"] for row in rows} == {"AAPL"}
    assert all(row["params"] for row in rows)
