"""LEAN results. The files imitate its format with numbers of our own; LEAN did not write them."""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mangling import mangled

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.engines.reading import untexted
from bt_lake.ingest.formats import lean
from bt_lake.ingest.formats.lean.statistics import _amount
from bt_lake.ingest.formats.reading import head_of
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import LakeError

DATA = Path(__file__).parent / "data" / "engines" / "lean"
RESULT, LEGACY = DATA / "1234567890.json", DATA / "legacy_pascalcase.json"
NAMES = {"camel": RESULT, "Pascal": LEGACY}


def only(path: Path) -> Run:
    assert lean.matches(path, head_of(path))
    (run,) = lean.read(path)
    assert isinstance(run, Run), run
    return run


def row_of(run: Run) -> dict[str, Any]:
    row: dict[str, Any] = assemble([run.with_columns({"strategy": "s"})]).runs.to_pylist()[0]
    return row


@pytest.fixture
def result() -> Any:
    return json.loads(RESULT.read_text())


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(result: Any) -> Path:
        path = tmp_path / "1.json"
        path.write_text(json.dumps(result))
        return path

    return write


def test_labels() -> None:
    run = only(RESULT)
    assert (run.strategy, run.columns["symbol"]) == ("SmaCross", "SYN")
    assert run.params == {"fast": 15, "slow": 60}
    assert run.columns["currency"] == "USD"
    assert run.columns["created_at"] == datetime(2026, 11, 20, 18, 0, 5, tzinfo=UTC)
    assert run.columns["duration_s"] == 5
    assert run.config is not None
    assert run.config["lean_algorithm_id"] == "1234567890"
    assert "timeframe" not in run.columns  # not stored, and the chart is sampled
    assert run.error is None


@pytest.mark.parametrize("style", NAMES)
def test_both_styles_of_keys_say_the_same(style: str) -> None:
    run = only(NAMES[style])
    assert run.metrics == only(RESULT).metrics
    assert (run.equity["equity"] == only(RESULT).equity["equity"]).all()
    assert run.trades["pnl"].tolist() == only(RESULT).trades["pnl"].tolist()


@pytest.mark.parametrize("style", NAMES)
def test_what_is_computed_agrees_where_the_definitions_do(style: str) -> None:
    row = row_of(only(NAMES[style]))
    told = dict(row["reported"])
    for name in ("total_return", "cagr", "max_drawdown", "volatility", "win_rate"):
        assert row[name] == pytest.approx(told[name], abs=6e-4)  # rounded to 3 or 4 digits
    assert row["sharpe_ratio"] == pytest.approx(told["sharpe_ratio"], abs=6e-4)
    assert row["total_trades"] == told["total_trades"] == 19
    assert (row["initial_capital"], row["final_equity"]) == (10_000, 7512.51)
    assert row["periods_per_year"] == 252


def test_trades_are_net_of_fees(result: Any) -> None:
    trades = only(RESULT).trades
    assert len(trades["pnl"]) == 19
    assert trades["pnl"].tolist() == pytest.approx(list(result["profitLoss"].values()), abs=0.011)
    assert trades["fees"].sum() == pytest.approx(318.046, abs=0.1)
    assert trades["side"][:2] == ["long", "short"]
    assert trades["return"][0] == pytest.approx(-365.3 / (113 * 87.92))
    assert (trades["mae"][0], trades["mfe"][1]) == (-345.78, 82.49)
    assert row_of(only(RESULT))["expectancy"] == pytest.approx(-130.92, abs=0.01)


def test_the_formatted_table_serves_where_numbers_are_missing(result: Any, write: Any) -> None:
    del result["totalPerformance"]["portfolioStatistics"]
    metrics = only(write(result)).metrics
    assert metrics is not None
    assert metrics["total_return"] == pytest.approx(-0.24875)
    assert metrics["max_drawdown"] == pytest.approx(-0.41779)
    assert metrics["cagr"] == pytest.approx(-0.09141)
    assert metrics["final_equity"] == 7512.51
    assert metrics["total_trades"] == 19  # not the 38 'Total Orders'


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("-20.234%", -0.20234),
        ("$357.22", 357.22),
        ("-1.88 %", -0.0188),
        ("$-1,728.37", -1728.37),
        ("-$357.22", -357.22),
        ("$98,118.51", 98118.51),
        ("0.3133", 0.3133),
        ("SYN 1A2B3C4D5E6F", None),
        ("", None),
        ("NaN", None),
        (None, None),
        (3, 3.0),
    ],
)
def test_formatted_numbers(text: object, amount: float | None) -> None:
    assert _amount(text) == (None if amount is None else pytest.approx(amount))


@pytest.mark.parametrize(
    ("text", "value"),
    [("15", 15), ("-0.5", -0.5), ("1e3", 1000.0), ("007", "007"), ("1_0", "1_0"), ("nan", "nan")],
)
def test_parameters_that_are_numbers_become_numbers(text: str, value: object) -> None:
    assert untexted(text) == value
    assert type(untexted(text)) is type(value)


def test_sentinels_are_absent(result: Any, write: Any) -> None:
    whole = result["totalPerformance"]
    whole["portfolioStatistics"] |= {"sharpeRatio": "0", "sortinoRatio": "0"}
    whole["tradeStatistics"] |= {"profitFactor": "10", "numberOfLosingTrades": 0}
    metrics = only(write(result)).metrics
    assert metrics is not None
    assert {"sharpe_ratio", "sortino_ratio", "profit_factor"}.isdisjoint(metrics)


def test_zero_trades(result: Any, write: Any) -> None:
    whole = result["totalPerformance"]
    whole["closedTrades"] = []
    whole["tradeStatistics"] |= {"totalNumberOfTrades": 0, "profitFactor": "0", "winRate": "0"}
    result["orders"] = {"1": {"symbol": {"value": "BTCUSD"}, "status": 3}}
    run = only(write(result))
    assert run.columns["symbol"] == "BTCUSD"
    row = row_of(run)
    assert (row["total_trades"], row["win_rate"]) == (0, None)
    assert dict(row["reported"])["total_trades"] == 0


CANDLE = [1609794000, 1.0, 4.0, 0.5, 2.0]


@pytest.mark.parametrize(
    "values",
    [
        [CANDLE, [1609880400, 1.0, 4.0, 0.5, 3.0]],
        [[1609794000, 2.0], [1609880400, 3.0]],
        [{"x": 1609794000, "y": 2.0}, {"x": 1609880400, "y": 3.0}],
        [{"X": 1609794000, "Y": 2.0}, {"X": 1609880400, "Y": 3.0}],
        [[1609794000, 2.0], [1609800000, None], [1609880400, 1.0], [1609880400, 3.0]],
    ],
)
def test_points_of_every_form(result: Any, write: Any, values: list[Any]) -> None:
    result["charts"]["Strategy Equity"]["series"]["Equity"]["values"] = values
    curve = only(write(result)).equity
    assert curve["equity"].tolist() == [2.0, 3.0]
    assert curve["ts"][0] == np.datetime64("2021-01-04T21:00:00")


def test_without_a_chart_the_claims_count(result: Any, write: Any) -> None:
    del result["charts"]
    row = row_of(only(write(result)))
    assert (row["metrics_from"], row["initial_capital"]) == ("reported", 10_000)
    assert row["total_return"] == pytest.approx(-0.2487)
    assert row["start_at"] == datetime(2021, 1, 4, tzinfo=UTC)


def test_a_multiplier_does_not_blow_up_the_returns(result: Any, write: Any) -> None:
    for trade in result["totalPerformance"]["closedTrades"]:
        trade["profitLoss"] *= 100
        trade["totalFees"] *= 100
    plain, options = only(RESULT).trades, only(write(result)).trades
    assert options["pnl"] == pytest.approx(plain["pnl"] * 100)
    assert options["return"] == pytest.approx(plain["return"], rel=1e-3)


def test_a_run_that_failed(result: Any, write: Any) -> None:
    result["state"] |= {
        "Status": "RuntimeError",
        "RuntimeError": "Division by zero",
        "StackTrace": "at X",
    }
    row = row_of(only(write(result)))
    assert (row["status"], row["error"]) == ("failed", "Division by zero\nat X")


def test_the_project_folder_names_the_strategy(tmp_path: Path) -> None:
    folder = tmp_path / "my_project" / "backtests" / "2026-11-20_18-00-00"
    folder.mkdir(parents=True)
    assert only(Path(shutil.copy(LEGACY, folder))).strategy == "my_project"
    assert only(LEGACY).strategy is None


@pytest.mark.parametrize(
    "name", ["1-order-events.json", "1-alpha-results.json", "data-monitor-report-20261120.json"]
)
def test_files_beside_the_result_hold_no_run(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("[]")
    for beside in (path, DATA / "1234567890-summary.json"):
        assert lean.matches(beside, head_of(beside))
        assert list(lean.read(beside)) == []


def test_other_documents_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"strategy": "x", "metrics": {"drawdown": 1}}')
    assert not lean.matches(path, head_of(path))


@pytest.mark.parametrize("size", [100, 5000, 70_000])
def test_a_result_cut_off(tmp_path: Path, size: int) -> None:
    path = tmp_path / "1.json"
    path.write_bytes(RESULT.read_bytes()[:size])
    assert lean.matches(path, head_of(path))
    (bad,) = lean.read(path)
    assert isinstance(bad, BadRow)
    assert str(bad).startswith(f"{path}: it is cut off or no JSON")


@pytest.mark.slow
def test_values_of_other_kinds_never_raise(result: Any, write: Any) -> None:
    small = copy.deepcopy(result)
    series = small["charts"]["Strategy Equity"]["series"]
    series["Equity"]["values"] = series["Equity"]["values"][:20]
    small["totalPerformance"]["closedTrades"] = small["totalPerformance"]["closedTrades"][:4]
    for name in ("rollingWindow", "runtimeStatistics", "profitLoss"):
        small.pop(name)
    for changed in mangled(small, 60):
        for run in lean.read(write(changed)):
            if isinstance(run, Run):
                with contextlib.suppress(LakeError):
                    row_of(run)
