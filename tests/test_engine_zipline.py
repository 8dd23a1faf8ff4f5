"""zipline-reloaded 3.2.1: performance frames, rebuilt from the files beside the pickles."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from adapted import reported, rows_of

from bt_lake.ingest.engines import zipline
from bt_lake.ingest.run import Run

DATA = Path(__file__).parent / "data" / "engines" / "zipline"


def perf(name: str) -> pd.DataFrame:
    """The frame with the objects in its cells; `perf_daily_orders.csv` was read off the pickle."""
    frame = pd.read_parquet(DATA / f"perf_{name}_scalar.parquet")
    frame.index = pd.DatetimeIndex(frame.index)
    empty = (DATA / f"perf_{name}_transactions.csv").stat().st_size < 2
    for column, source in (("transactions", "transactions"), ("orders", "orders")):
        rows = [] if empty else table(f"perf_{name}_{source}.csv")
        by_day: dict[object, list[object]] = {day: [] for day in frame.index}
        for row in rows:
            by_day[row["dt"]].append(row)
        frame[column] = list(by_day.values())
    return frame


def table(name: str) -> list[dict[str, object]]:
    frame = pd.read_csv(DATA / name, parse_dates=["dt"])
    frame["sid"] = [SimpleNamespace(symbol=s, price_multiplier=1.0) for s in frame.pop("symbol")]
    rows: list[dict[str, object]] = frame.to_dict("records")
    return rows


def only(frame: pd.DataFrame) -> Run:
    assert zipline.matches(frame)
    (run,) = zipline.to_runs(frame)
    return run


def test_curve_and_capital() -> None:
    run = only(perf("daily"))
    assert (len(run.equity["ts"]), run.columns["initial_capital"]) == (753, 100_000)
    assert run.equity["equity"][-1] == pytest.approx(94_091.5777905501)
    assert run.equity["cash"][-1] == pytest.approx(140_975.7777905501)
    assert run.equity["exposure"][-1] == pytest.approx(0.498282642303706)
    assert "benchmark" not in run.equity  # --no-benchmark writes zeros
    assert "timeframe" not in run.columns


def test_the_last_row_is_the_result() -> None:
    metrics = only(perf("daily")).metrics
    assert metrics is not None
    assert metrics["total_return"] == pytest.approx(-0.05908422209449604)
    assert metrics["sharpe_ratio"] == pytest.approx(-0.0703166737094194)
    assert metrics["max_drawdown"] == pytest.approx(-0.23781771421954706)
    assert metrics["volatility"] == pytest.approx(0.1434951302132073)
    assert {"alpha", "beta", "fast", "slow"}.isdisjoint(metrics)


def test_round_trips_and_what_is_open_are_the_cash_flow() -> None:
    run = only(perf("daily"))
    trades = run.trades
    is_open = np.isnat(trades["exit_at"])
    sign = np.where(trades["side"] == "long", 1, -1)
    spent = (sign * trades["quantity"] * trades["entry_price"] + trades["fees"])[is_open].sum()
    flow = run.equity["cash"][-1] - 100_000
    assert trades["pnl"][~is_open].sum() - spent == pytest.approx(flow)
    assert trades["fees"].sum() == pytest.approx(4150.206939449998)
    held = pd.read_csv(DATA / "perf_daily_positions_tail.csv").iloc[-1]
    assert (sign * trades["quantity"])[is_open].sum() == held["amount"] == -1010
    assert run.columns["symbol"] == held["symbol"] == "AAA"


def test_profits_and_what_is_open_are_the_change_of_the_portfolio() -> None:
    run = only(perf("daily"))
    trades = run.trades
    is_open = np.isnat(trades["exit_at"])
    last = pd.read_csv(DATA / "perf_daily_positions_tail.csv").iloc[-1]["last_sale_price"]
    paper = (trades["quantity"] * (trades["entry_price"] - last) - trades["fees"])[is_open].sum()
    gained = run.equity["equity"][-1] - 100_000
    assert trades["pnl"][~is_open].sum() + paper == pytest.approx(gained)


def test_zero_trades() -> None:
    assert (DATA / "perf_zero_positions_tail.csv").stat().st_size < 2
    run = only(perf("zero"))
    assert len(run.trades["pnl"]) == 0
    assert run.columns["symbol"] is None
    assert run.metrics is not None
    assert (run.metrics["total_return"], run.metrics["max_drawdown"]) == (0, 0)
    assert {"sharpe_ratio", "sortino_ratio"}.isdisjoint(run.metrics)


def test_a_frame_without_objects_still_has_its_curve() -> None:
    run = only(pd.read_parquet(DATA / "perf_daily_scalar.parquet"))
    assert run.trades is None
    assert len(run.equity["ts"]) == 753


def test_a_frame_read_back_from_csv_has_text_for_objects() -> None:
    frame = pd.read_csv(DATA / "perf_daily_head60_to_csv.csv", index_col=0, parse_dates=True)
    run = only(frame)
    assert run.trades is None
    whole = only(perf("daily"))
    start = list(whole.equity["ts"]).index(frame.index[0])
    expected = whole.equity["equity"][start : start + len(frame)]
    assert run.equity["equity"] == pytest.approx(expected)


def test_a_benchmark_becomes_money() -> None:
    frame = perf("zero")
    frame["benchmark_period_return"] = 0.5
    assert set(only(frame).equity["benchmark"]) == {150_000.0}


def test_other_frames_are_left_alone() -> None:
    assert not zipline.matches(pd.DataFrame({"portfolio_value": [1.0]}))


def test_what_is_computed_agrees_where_the_definitions_do() -> None:
    for name in ("daily", "zero"):
        (row,) = rows_of(zipline, perf(name))
        for metric, told in reported(row).items():
            assert row[metric] == pytest.approx(told)
