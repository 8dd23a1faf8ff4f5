"""pybroker, live: what it computes and what the lake makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pybroker
import pytest
from adapted import reported, rows_of
from prices import ohlcv, total_loss
from pybroker import FeeMode, Strategy, StrategyConfig
from snippets import rows_of_snippet

from bt_lake.ingest.engines import pybroker as adapter

pybroker.disable_logging()
pybroker.disable_progress_bar()


def bars(*symbols: str, hourly: bool = False, ruin: bool = False) -> pd.DataFrame:
    frames = []
    for seed, symbol in enumerate(symbols, 7):
        frame = ohlcv(seed, hourly=hourly, names="ohlcv")
        frame = total_loss(frame) if ruin else frame
        frames.append(frame.rename_axis("date").reset_index().assign(symbol=symbol))
    return pd.concat(frames, ignore_index=True)


def long_and_short(ctx: Any) -> None:
    mean = ctx.close[-20:].mean()
    if ctx.bars < 21:
        return
    if ctx.close[-1] > mean and not ctx.long_pos():
        ctx.buy_shares = 30
        ctx.hold_bars = 9
    elif ctx.close[-1] < mean and not ctx.short_pos():
        ctx.sell_shares = 20
        ctx.hold_bars = 4


def never(ctx: Any) -> None: ...


def hold(ctx: Any) -> None:
    if not ctx.long_pos():
        ctx.buy_shares = ctx.calc_target_shares(0.9)


def backtest(execute: Any, data: pd.DataFrame, **settings: Any) -> Any:
    config = StrategyConfig(
        initial_cash=100_000,
        fee_mode=FeeMode.ORDER_PERCENT,
        fee_amount=0.1,
        **{"bars_per_year": 252, **settings},
    )
    strategy = Strategy(data, data["date"].min(), data["date"].max(), config)
    strategy.add_execution(execute, sorted(set(data["symbol"])))
    return strategy.backtest(calc_bootstrap=False)


def gained(run: Any, data: pd.DataFrame) -> float:
    """Profits of closed trades and of open ones at the last prices."""
    trades, still = run.trades, np.isnat(run.trades["exit_at"])
    last = data.groupby("symbol")["close"].last()
    sign = np.where(trades["side"] == "long", 1, -1)
    now = np.array([last[name] for name in trades["symbol"]])
    paper = sign * trades["quantity"] * (now - trades["entry_price"]) - trades["fees"]
    return float(trades["pnl"][~still].sum() + paper[still].sum())


@pytest.mark.parametrize("symbols", [("A",), ("A", "B")])
@pytest.mark.parametrize("last", [False, True])
def test_trades_net_of_fees_explain_the_money(symbols: tuple[str, ...], last: bool) -> None:
    data = bars(*symbols)
    result = backtest(long_and_short, data, exit_on_last_bar=last)
    (run,) = adapter.to_runs(result)
    cents = 0.02 * len(result.orders) + 0.5 * len(result.trades)  # prices are rounded to cents
    assert gained(run, data) == pytest.approx(run.equity["equity"][-1] - 100_000, abs=cents)
    assert run.trades["fees"].sum() == pytest.approx(
        result.metrics.total_fees, abs=0.02 * len(result.orders)
    )
    assert set(run.trades["side"]) == {"long", "short"}
    assert run.columns["symbol"] == ("A" if len(symbols) == 1 else None)
    assert (run.trades["mae"][: len(result.trades)] <= 0).all()


@pytest.mark.parametrize("execute", [long_and_short, never, hold])
def test_what_is_computed_agrees_where_the_definitions_do(execute: Any) -> None:
    (row,) = rows_of(adapter, backtest(execute, bars("A")))
    told = reported(row)
    for metric in {"max_drawdown", "final_equity", "sortino_ratio", "ulcer_index"} & told.keys():
        assert row[metric] == pytest.approx(told[metric], abs=1e-9)
    if "sharpe_ratio" in told:  # it divides by n, not by n - 1
        n = row["n_returns"]
        assert row["sharpe_ratio"] * np.sqrt(n / (n - 1)) == pytest.approx(told["sharpe_ratio"])
    assert row["total_trades"] == told["total_trades"]
    assert (row["initial_capital"], row["timeframe"]) == (100_000, "1d")
    assert row["engine_version"] == pybroker.__version__


def test_without_bars_per_year_ratios_are_per_bar() -> None:
    (row,) = rows_of(adapter, backtest(long_and_short, bars("A"), bars_per_year=None))
    assert "sharpe_ratio" not in reported(row)
    n = row["n_returns"]
    expected = row["sharpe_period"] * np.sqrt(n / (n - 1))
    assert expected == pytest.approx(reported(row)["sharpe_period"])


def test_hours_and_total_loss() -> None:
    (row,) = rows_of(adapter, backtest(long_and_short, bars("A", hourly=True)))
    assert row["timeframe"] == "1h"
    (row,) = rows_of(adapter, backtest(hold, bars("A", ruin=True)))
    assert row["total_return"] == pytest.approx(-0.9, abs=0.1)
    assert (row["total_trades"], row["win_rate"]) == (0, None)


def test_the_snippet_of_the_docs_works(tmp_path: Path) -> None:
    rows = rows_of_snippet("pybroker", tmp_path)
    assert len(rows) == 1
    assert {row["symbol"] for row in rows} == {"AAPL"}
    assert all(row["params"] for row in rows)
