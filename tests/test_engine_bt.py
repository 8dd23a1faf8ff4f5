"""bt 1.4.1: Results as the engine dumped them become runs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from adapted import reported, rows_of

from bt_lake.ingest.engines import bt
from bt_lake.ingest.run import Run

DATA = Path(__file__).parent / "data" / "engines" / "bt"


class Result(dict):  # type: ignore[type-arg]
    """What `bt.run` returns, from the files it was dumped to."""

    __module__ = "bt.backtest"

    def __init__(self, name: str) -> None:
        stats = pd.read_csv(DATA / f"{name}_stats.csv", index_col=0).T
        self.stats = stats.apply(pd.to_numeric, errors="coerce").T
        self.backtests = {n: SimpleNamespace(strategy=strategy(name, n)) for n in self.stats}


def strategy(name: str, backtest: str) -> Any:
    values = pd.read_parquet(DATA / f"{name}_{backtest}_values.parquet")
    told = DATA / f"{name}_{backtest}_transactions.csv"
    fills = (
        pd.read_csv(told, parse_dates=["Date"]).set_index(["Date", "Security"])
        if told.exists()
        else None
    )

    def get_transactions() -> pd.DataFrame:
        if fills is None:
            raise IndexError("single positional indexer is out-of-bounds")
        return fills

    names = [] if fills is None else fills.index.get_level_values(1).unique()
    return SimpleNamespace(
        values=values["value"],
        cash=values["cash"],
        fees=values["fees"],
        get_transactions=get_transactions,
        securities=[SimpleNamespace(name=n, multiplier=1) for n in names],
    )


def runs(name: str) -> list[Run]:
    assert bt.matches(Result(name))
    return bt.to_runs(Result(name))


def test_each_backtest_is_a_run() -> None:
    found = runs("grid")
    assert [run.strategy for run in found] == ["sma_5_20", "sma_5_40", "sma_10_20", "sma_10_40"]
    run = found[0]
    assert (run.columns["symbol"], run.columns["timeframe"]) == ("AAA", "1d")
    assert run.metrics is not None
    assert run.metrics["total_return"] == pytest.approx(-0.18834759171973758)
    assert run.metrics["max_drawdown"] == pytest.approx(-0.3257541247382091)
    assert run.metrics["sharpe_ratio"] == pytest.approx(-0.478289067984661)
    assert "three_year" not in run.metrics


def test_the_curve_is_money_from_the_day_before_the_first_bar() -> None:
    for run in runs("grid"):
        assert run.equity["ts"][0] == pd.Timestamp("2021-01-03")
        assert run.equity["equity"][0] == 100_000
        total = run.equity["equity"][-1] / run.equity["equity"][0] - 1
        assert total == pytest.approx(run.metrics["total_return"])  # type: ignore[index]


def test_prices_of_the_result_are_an_index_and_shorter() -> None:
    prices = pd.read_parquet(DATA / "grid_prices.parquet")
    for run in runs("grid"):
        index = prices[run.strategy].iloc[-1]
        assert run.equity["equity"][-1] == pytest.approx(index * 1_000)
        assert len(prices) < len(run.equity["equity"]) == 781


def test_formatted_table_says_the_same() -> None:
    table = pd.read_csv(DATA / "grid_res_to_csv.csv", index_col=0)
    for run in runs("grid"):
        assert run.metrics is not None
        total = float(table.loc["Total Return", run.strategy].rstrip("%")) / 100
        assert run.metrics["total_return"] == pytest.approx(total, abs=5e-5)
        sharpe = float(table.loc["Daily Sharpe", run.strategy].iloc[0])
        assert run.metrics["sharpe_ratio"] == pytest.approx(sharpe, abs=5e-3)


def test_round_trips_explain_the_money() -> None:
    for run in runs("grid"):
        trades = run.trades
        closed = ~np.isnat(trades["exit_at"])
        assert closed.sum() >= 9
        assert (trades["quantity"] > 1).all()  # no dust
        assert set(trades["side"]) == {"long"}
        paid = pd.read_parquet(DATA / f"grid_{run.strategy}_values.parquet")["fees"].sum()
        assert trades["fees"].sum() == pytest.approx(paid, rel=1e-9)
        cost = (trades["quantity"] * trades["entry_price"] + trades["fees"])[~closed].sum()
        held = run.equity["equity"][-1] - run.equity["cash"][-1]
        gained = run.equity["equity"][-1] - run.equity["equity"][0]
        assert trades["pnl"][closed].sum() + held - cost == pytest.approx(gained)


def test_an_open_position_is_an_open_trade() -> None:
    (run,) = runs("ruin")
    assert np.isnat(run.trades["exit_at"]).tolist() == [True]
    assert run.trades["quantity"].tolist() == [10040]
    assert run.equity["equity"][0] == 1_000_000
    ruin = pd.read_parquet(DATA / "ruin_prices.parquet")["bh"]
    assert run.metrics["total_return"] == pytest.approx(ruin.iloc[-1] / 100 - 1)  # type: ignore[index]


def test_zero_trades() -> None:
    (run,) = runs("zero")
    assert run.trades == []
    assert run.columns["symbol"] is None
    assert run.metrics is not None
    assert (run.metrics["total_return"], run.metrics["max_drawdown"]) == (0, 0)
    assert {"sharpe_ratio", "calmar_ratio"}.isdisjoint(run.metrics)
    assert set(run.equity["equity"]) == {1_000_000}
    assert (pd.read_parquet(DATA / "zero_prices.parquet")["never"] == 100).all()


def test_fees_of_a_bar_are_shared_by_money_moved() -> None:
    days = np.array(["2024-01-01", "2024-01-01", "2024-01-02"], "datetime64[us]")
    fees = pd.Series([3.0, 1.0], index=pd.to_datetime(["2024-01-01", "2024-01-02"]))
    assert bt._fees(days, np.array([100.0, 200.0, 50.0]), fees).tolist() == [1.0, 2.0, 1.0]


def test_what_is_computed_agrees_where_the_definitions_do() -> None:
    for row in rows_of(bt, Result("grid")):  # stats start later here: at the first trade
        for metric in ("total_return", "max_drawdown"):
            assert row[metric] == pytest.approx(reported(row)[metric])
    (row,) = rows_of(bt, Result("ruin"))
    for metric in ("cagr", "calmar_ratio", "sharpe_ratio", "sortino_ratio", "volatility"):
        assert row[metric] == pytest.approx(reported(row)[metric])
    assert row["initial_capital"] == 1_000_000
