"""nautilus_trader 1.221: results and reports as the engine dumped them become runs."""

from __future__ import annotations

import json
from dataclasses import make_dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from adapted import reported, rows_of

from bt_lake.ingest.engines import nautilus
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

DATA = Path(__file__).parent / "data" / "engines" / "nautilus"


def told(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


def result(fields: dict[str, Any]) -> Any:
    """A BacktestResult, as far as its type tells."""
    made = make_dataclass("BacktestResult", fields)
    made.__module__ = "nautilus_trader.backtest.results"
    return made(**fields)


def table(name: str) -> pd.DataFrame:
    """A report from csv, as a user would read it back; the empty ones have no columns."""
    path = DATA / f"{name}.csv"
    return pd.DataFrame() if path.stat().st_size < 4 else pd.read_csv(path, index_col=0)


def reports(name: str) -> dict[str, Any]:
    kinds = ("positions", "account", "fills", "order_fills", "orders")
    frames = {kind: table(f"{name}_{kind}") for kind in kinds}
    parquet = pd.read_parquet(DATA / f"{name}_positions.parquet")
    return {
        "result": result(told(f"{name}_result")),
        "config": told(f"{name}_strategy_config"),
        **frames,
        "positions": parquet,
    }


def only(obj: Any) -> Run:
    assert nautilus.matches(obj)
    (run,) = nautilus.to_runs(obj)
    return run


def test_labels() -> None:
    run = only(reports("daily_btc"))
    assert run.strategy == "SmaCross"
    assert run.columns["symbol"] == "BTCUSDT.BINANCE"
    assert (run.columns["timeframe"], run.columns["currency"]) == ("1d", "USDT")
    assert run.columns["start_at"] == datetime(2021, 1, 4, tzinfo=UTC)
    assert run.columns["duration_s"] == pytest.approx(0.269289)
    assert run.params == {
        "trade_size": 1.0,
        "fast": 10,
        "slow": 30,
        "mode": "cross",
        "short": False,
        "close_on_stop": True,
    }
    assert run.equity is None


def test_money_is_the_final_balance_less_the_profit() -> None:
    run = only(reports("daily_btc"))
    assert run.columns["initial_capital"] == 1_000_000
    assert run.metrics is not None
    assert run.metrics["balance_change"] == pytest.approx(-1914.87843)
    assert run.metrics["total_return"] == pytest.approx(-0.00191487843)
    assert run.metrics["final_equity"] == pytest.approx(998_085.12157)


def test_without_reports_the_capital_follows_from_profit_in_percent() -> None:
    run = only(result(told("daily_btc_result")))
    assert run.columns["initial_capital"] == 1_000_000
    assert (run.strategy, run.trades) == (None, None)


def test_ratios_of_position_returns_are_not_taken_for_the_portfolio() -> None:
    metrics = only(reports("daily_btc")).metrics
    assert metrics is not None
    assert {"sharpe_ratio", "sortino_ratio", "volatility", "profit_factor"}.isdisjoint(metrics)
    assert metrics["position_returns_sharpe"] == pytest.approx(-3.6841350891328593)
    assert metrics["win_rate"] == pytest.approx(4 / 13)


def test_positions_are_net_trades_in_order_of_closing() -> None:
    run = only(reports("daily_btc"))
    trades = run.trades
    assert len(trades["pnl"]) == 13
    assert trades["pnl"].sum() == pytest.approx(-1914.87843)
    assert trades["pnl"].mean() == pytest.approx(run.metrics["expectancy"])  # type: ignore[index]
    assert (np.diff(trades["exit_at"]).astype(int) > 0).all()
    assert set(trades["quantity"]) == {1.0}
    gross = trades["quantity"] * (trades["exit_price"] - trades["entry_price"])
    assert gross - trades["fees"] == pytest.approx(trades["pnl"])
    assert trades["return"] == pytest.approx(trades["pnl"] / trades["entry_price"])
    fills = table("daily_btc_fills")["commission"].str.split().str[0].astype(float)
    assert trades["fees"].sum() == pytest.approx(fills.sum())


def test_reports_read_back_from_csv_say_the_same() -> None:
    given = reports("daily_btc")
    from_parquet = only(given).trades
    given["positions"] = pd.read_csv(DATA / "daily_btc_positions.csv")
    from_csv = only(given).trades
    for name, column in from_parquet.items():
        assert list(from_csv[name]) == list(column)


def test_an_open_position_hides_the_profit() -> None:
    """The margin account still shows 10,000 though nine tenths were lost."""
    run = only(reports("ruin"))
    assert np.isnat(run.trades["exit_at"]).tolist() == [True]
    assert run.trades["quantity"].tolist() == [900]
    assert np.isnan(run.trades["pnl"]).all()
    assert run.metrics == {"balance_change": 0.0}
    assert run.columns["initial_capital"] == 10_000


def test_zero_trades_are_known_to_be_none() -> None:
    for given in (reports("zero"), result(told("zero_result"))):
        run = only(given)
        assert run.trades == {}
        assert run.columns["currency"] == "USD"
    assert only(reports("zero")).columns["initial_capital"] == 100_000
    assert only(reports("zero")).metrics == {
        "balance_change": 0.0,
        "final_equity": 100_000.0,
        "total_return": 0.0,
    }


def test_a_node_gives_a_run_per_result() -> None:
    given = [result(fields) for fields in told("node_results")]
    assert nautilus.matches(given)
    runs = nautilus.to_runs(given)
    assert [run.metrics["total_return"] for run in runs if run.metrics] == [
        pytest.approx(-0.002904736249999958),
        pytest.approx(-0.0030411661400001033),
    ]
    ids = [run.config["run_config_id"][:4] for run in runs if run.config]
    assert ids == ["ef1c", "a6e0"]


def test_an_engine_is_asked_for_its_reports() -> None:
    given = reports("daily_btc")
    config = SimpleNamespace(json=lambda: json.dumps(given["config"]).encode())
    strategy = type("SmaCross", (), {"config": config})()
    engine = type("BacktestEngine", (), {"__module__": "nautilus_trader.backtest.engine"})()
    engine.get_result = lambda: given["result"]
    engine.list_venues = lambda: ["BINANCE"]
    engine.trader = SimpleNamespace(
        strategies=lambda: [strategy],
        generate_positions_report=lambda: given["positions"],
        generate_account_report=lambda venue: given["account"],
    )
    run, expected = only(engine), only(given)
    assert (run.strategy, run.params, run.metrics) == (
        "SmaCross",
        expected.params,
        expected.metrics,
    )


def test_reports_without_a_result() -> None:
    given = reports("zero") | {"result": None}
    assert not nautilus.matches(given)
    with pytest.raises(BadInput, match="BacktestResult"):
        nautilus.to_runs(given)


@pytest.mark.parametrize("name", ["orders", "order_fills"])
def test_orders_and_fills_add_nothing(name: str) -> None:
    with_them = reports("daily_btc")
    without = {k: v for k, v in with_them.items() if k not in ("orders", "order_fills", "fills")}
    typed = with_them | {name: pd.read_parquet(DATA / f"daily_btc_{name}.parquet")}
    assert only(typed).metrics == only(without).metrics


def test_metrics_are_of_the_trades_and_as_reported() -> None:
    (row,) = rows_of(nautilus, reports("daily_btc"))
    told_ = reported(row)
    for metric in ("win_rate", "expectancy", "avg_win", "avg_loss", "best_trade", "worst_trade"):
        assert row[metric] == pytest.approx(told_[metric])
    assert (row["total_trades"], row["metrics_from"]) == (13, "reported")
    assert row["total_return"] == pytest.approx(-0.00191487843)
    assert row.get("sharpe_ratio") is None
    (row,) = rows_of(nautilus, reports("ruin"))
    assert (row.get("total_return"), row["total_trades"]) == (None, 0)
