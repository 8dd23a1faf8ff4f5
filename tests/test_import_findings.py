"""What people who moved over stumbled upon, and what no other test of imports shows."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from older_stores import add_results, needed, result, zarr_store
from test_import_changes import table, take
from test_import_mlflow import FIRST, add_run, tracking_store
from test_import_mlflow import take as take_mlflow
from test_import_zarr import CURVE, RSI
from test_import_zarr import take as take_zarr

from bt_lake.lake import Lake
from bt_lake.warehouse.store import Store

zarr_words = pytest.mark.filterwarnings("ignore:The data type:Warning")


@zarr_words
def test_a_broken_attribute_costs_only_its_parameters(store: Store, rows, tmp_path: Path):
    """Finding 9."""
    needed("zarr")
    path = tmp_path / "s.zarr"
    zarr_store(path, [RSI, {**RSI, "symbol": "MSFT", "params_hash": "2", **CURVE}])
    (path / "params_lookup" / "4711" / "zarr.json").write_text("{garbage")
    report = take_zarr(store, path)
    assert [(bad.row, bad.column) for bad in report.cells] == [("entry 1", "params")]
    assert rows("select symbol, params is null, bars from runs order by 1") == [
        ("AAPL", True, None),
        ("MSFT", False, 4),
    ]


@zarr_words
def test_trades_that_are_no_trades_are_named(store: Store, rows, tmp_path: Path):
    """Finding 9."""
    path = tmp_path / "s.zarr"
    zarr_store(path, [{**RSI, "trades": [1, 2]}])
    report = take_zarr(store, path)
    assert [(bad.row, bad.column) for bad in report.cells] == [("entry 1", "trade_details")]
    assert "not a list of trades" in report.cells[0].reason
    assert rows("select total_trades from runs") == [(25,)]


@zarr_words
def test_a_curve_whose_dates_are_equal_is_no_curve(store: Store, rows, tmp_path: Path):
    """Finding 12: it came in as one point, and its return of 0 took the place of the store's."""
    path = tmp_path / "s.zarr"
    zarr_store(path, [{**RSI, "equity": [1.0, 1.1, 1.2], "dates": ["2024-01-02"] * 3}])
    report = take_zarr(store, path)
    assert "3 points have 1 date" in report.cells[0].reason
    assert rows("select total_return, metrics_from from runs") == [(0.21, "reported")]


def test_times_in_another_unit_than_the_rest(store: Store, rows, tmp_path: Path):
    """Finding 16: each is read in the unit that puts it between 1990 and 2100."""
    made = [(n, 1_735_430_400 + n, 1.0) for n in range(20)]
    made += [(90, 1_735_430_490_000, 1.0), (91, 0, 1.0)]
    path = table(tmp_path / "s.db", "id integer primary key, created_at, sharpe_ratio real", *made)
    report = take(store, path)
    assert rows("select count(*) from runs where created_at < '2024-12-29'") == [(0,)]
    question = "select created_at::varchar from runs where config ->> '$.imported.id' = '90'"
    assert rows(question) == [("2024-12-29 00:01:30+00",)]
    assert [(bad.row, bad.reason) for bad in report.cells] == [
        ("id 91", "0 is no time at which a run was made")
    ]


def test_a_parameter_that_was_none(store: Store, rows, tmp_path: Path):
    """Finding 16b."""
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(path, FIRST, params={"stop": "None", "fast": "10"})
    report = take_mlflow(store, path)
    assert json.loads(rows("select params from runs")[0][0]) == {"fast": 10, "stop": None}
    assert "params.stop" in [column.theirs for column in report.columns]


@pytest.mark.parametrize("value", [float("inf"), 1e308, -1e308, float("nan")])
def test_numbers_at_the_edge_give_no_warning_of_a_library(
    value: float, store: Store, tmp_path: Path
):
    """Finding 17."""
    rows: list[tuple[Any, ...]] = [(n, 100.0, 110.0, 10.0) for n in range(12)]
    columns = "id integer primary key, initial_capital real, final_equity real, total_return real"
    path = table(
        tmp_path / "s.db", columns, *rows, (90, 100.0, value, value), (91, value, 5.0, 5.0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = take(store, path)
    assert len(report.added) == 14


def test_a_fall_below_everything_names_its_row(store: Store, tmp_path: Path):
    """Finding 17."""
    made = [(n, -0.1) for n in range(30)] + [(90, -1.4)]
    path = table(tmp_path / "s.db", "id integer primary key, max_drawdown real", *made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = take(store, path)
    assert [(bad.row, bad.column) for bad in report.doubtful] == [("id 90", "max_drawdown")]


def test_a_part_of_a_configuration_that_is_called_imported(store: Store, rows, tmp_path: Path):
    """Finding 18."""
    config = '{"imported": {"from": "csv"}, "stop": 1}'
    take(store, add_results(tmp_path / "s.db", result(config_json=config)))
    kept = json.loads(rows("select config from runs")[0][0])
    assert kept["stop"] == 1
    assert kept["imported"]["imported"] == {"from": "csv"}
    assert kept["imported"]["store"] == "sqlite"


def test_equity_is_not_taken_for_returns(lake: Lake, tmp_path: Path):
    """Finding 14."""
    path = tmp_path / "fund.csv"
    path.write_text("Date,equity\n2024-01-02,100000\n2024-01-03,100500\n2024-01-04,99800\n")
    report = lake.ingest(path, returns=True, on_error="skip")
    assert "looks like equity" in report.failed[0].reason


def test_all_that_was_lost_can_be_had_as_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Finding 15: more than twenty rows are never shown, and all are written."""
    from cli_lake import Cli

    made = [(n, "timeout", 1.0) for n in range(30)]
    path = table(tmp_path / "s.db", "id integer primary key, status, sharpe_ratio real", *made)
    Store(tmp_path / "lake").create()
    said = Cli(tmp_path / "lake", capsys)("import", "sqlite", path, "--errors", tmp_path / "e.csv")
    assert said.code == 2
    assert "... and 10 more; --errors FILE.csv has all" in said.err
    lost = (tmp_path / "e.csv").read_text().splitlines()
    assert lost[0] == "what,table,row,column,reason"
    assert len(lost) == 31
