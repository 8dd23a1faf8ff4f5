"""vectorbt, live: what it computes and what the lake makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt
from adapted import reported, rows_of
from prices import ohlcv, total_loss
from snippets import rows_of_snippet

from bt_lake.ingest.engines import vectorbt
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

SYMBOLS = ("AAA", "BBB")


def closes() -> pd.DataFrame:
    prices = {name: ohlcv(seed)["Close"] for seed, name in enumerate(SYMBOLS, 7)}
    return pd.DataFrame(prices).rename_axis(columns="symbol")


def grid(close: Any, **settings: Any) -> Any:
    fast, slow = vbt.MA.run_combs(close, window=[5, 10, 20], r=2, short_names=["fast", "slow"])
    settings = {"freq": "1D", "fees": 0.001, "init_cash": 10_000, **settings}
    return vbt.Portfolio.from_signals(
        close, fast.ma_crossed_above(slow), fast.ma_crossed_below(slow), **settings
    )


def single(close: Any, entries: Any, exits: Any, **settings: Any) -> Any:
    settings = {"freq": "1D", "fees": 0.001, "init_cash": 10_000, **settings}
    return vbt.Portfolio.from_signals(close, entries, exits, **settings)


AGREEING = ("total_return", "max_drawdown", "total_trades", "win_rate", "profit_factor")


def check(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        told = reported(row)
        for metric in {*AGREEING, "final_equity", "expectancy"} & told.keys():
            assert row[metric] == pytest.approx(told[metric])
        for metric in {"sharpe_ratio", "sortino_ratio"} & told.keys():  # its year has 365 days
            assert row[metric] * np.sqrt(365 / 252) == pytest.approx(told[metric])


def test_a_grid_of_symbols_and_windows() -> None:
    portfolio = grid(closes())
    rows = rows_of(vectorbt, portfolio)
    check(rows)
    assert len(rows) == 6
    assert [row["symbol"] for row in rows] == [*SYMBOLS] * 3
    assert len({row["params_hash"] for row in rows}) == 3
    assert {row["timeframe"] for row in rows} == {"1d"}
    assert rows[0]["total_return"] == pytest.approx(portfolio.total_return().iloc[0])
    assert rows[0]["max_drawdown"] == pytest.approx(portfolio.max_drawdown().iloc[0])


def test_trades_are_those_of_the_readable_records() -> None:
    portfolio = grid(closes())
    readable = portfolio.trades.records_readable
    runs = vectorbt.to_runs(portfolio)
    assert sum(len(run.trades["pnl"]) for run in runs) == len(readable)
    for run, column in zip(runs, portfolio.wrapper.columns, strict=True):
        mine = readable[readable["Column"] == column]
        closed = mine[mine["Status"] == "Closed"]
        ended = ~np.isnat(run.trades["exit_at"])
        assert run.trades["pnl"][ended] == pytest.approx(closed["PnL"])
        assert run.trades["exit_at"][ended].tolist() == list(closed["Exit Timestamp"])
        assert set(run.trades["symbol"]) <= {column[-1]}


def test_closed_and_open_trades_explain_the_value() -> None:
    portfolio = grid(closes())
    for run, close in zip(vectorbt.to_runs(portfolio), closes().iloc[-1].tolist() * 3, strict=True):
        trades, still = run.trades, np.isnat(run.trades["exit_at"])
        paper = trades["quantity"] * (close - trades["entry_price"]) - trades["fees"]
        total = trades["pnl"][~still].sum() + paper[still].sum()
        assert total == pytest.approx(run.equity["equity"][-1] - 10_000)


def test_shared_cash_is_one_run_for_all_symbols() -> None:
    portfolio = grid(closes(), cash_sharing=True, group_by=["fast_window", "slow_window"])
    rows = rows_of(vectorbt, portfolio)
    check(rows)
    assert [row["symbol"] for row in rows] == [None] * 3
    assert {row["initial_capital"] for row in rows} == {10_000}
    runs = vectorbt.to_runs(portfolio)
    assert set(runs[0].trades["symbol"]) == set(SYMBOLS)
    assert (np.diff(runs[0].trades["exit_at"][:-2]).astype(int) >= 0).all()


def test_all_columns_in_one_group() -> None:
    (row,) = rows_of(vectorbt, grid(closes(), cash_sharing=True, group_by=True))
    assert row["params"] is None
    assert row["symbol"] is None


def test_one_column_short_only() -> None:
    close = ohlcv()["Close"]
    mean = close.rolling(20).mean()
    portfolio = single(close, close < mean, close > mean, direction="shortonly")
    (row,) = rows_of(vectorbt, portfolio)
    check([row])
    assert (row["params"], row["symbol"]) == (None, None)
    (run,) = vectorbt.to_runs(portfolio)
    assert set(run.trades["side"]) == {"short"}


def test_no_trades_and_total_loss() -> None:
    close = total_loss(ohlcv())["Close"]
    never, always = close < 0, close > 0
    (zero,), (ruin,) = (
        rows_of(vectorbt, single(close, entries, never)) for entries in (never, always)
    )
    check([zero, ruin])
    assert (zero["total_trades"], zero["sharpe_ratio"]) == (0, None)
    assert ruin["total_return"] == pytest.approx(-1, abs=1e-3)
    assert ruin["total_trades"] == 0  # it is still open


def test_an_index_whose_frequency_it_cannot_tell() -> None:
    close = ohlcv()["Close"]
    portfolio = single(close, close > 100, close < 100, freq=None)
    with pytest.raises(ValueError, match="non-fixed"):
        portfolio.stats()
    (row,) = rows_of(vectorbt, portfolio)
    assert (row["reported"], row["metrics_from"]) == (None, "curve")


def test_hours_keep_their_zone() -> None:
    close = ohlcv(hourly=True)["Close"]
    (row,) = rows_of(vectorbt, single(close, close > 100, close < 100, freq="1h"))
    assert (row["timeframe"], row["time_zone"]) == ("1h", "America/New_York")


def test_cash_found_by_itself() -> None:
    close = ohlcv()["Close"]
    portfolio = single(close, close > 100, close < 100, init_cash="auto", size=10)
    (row,) = rows_of(vectorbt, portfolio)
    assert row["initial_capital"] == pytest.approx(float(portfolio.init_cash))
    check([row])


def test_arrays_without_dates_are_refused() -> None:
    close = ohlcv()["Close"].to_numpy()
    portfolio = single(close, close > 100, close < 100)
    with pytest.raises(BadInput, match="DatetimeIndex"):
        Run.from_vectorbt(portfolio)


def test_the_snippet_of_the_docs_works(tmp_path: Path) -> None:
    rows = rows_of_snippet("vectorbt", tmp_path)
    assert len(rows) == 3
    assert {row["symbol"] for row in rows} == {"AAPL"}
    assert all(row["params"] for row in rows)
