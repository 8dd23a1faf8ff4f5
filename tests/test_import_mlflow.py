"""Import from MLflow: a tracking store in SQLite with MLflow's own schema, and a folder mlruns."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from older_stores import MLFLOW, documented

from bt_lake.ingest.stores import open_source
from bt_lake.ingest.stores.importing import import_rows
from bt_lake.ingest.stores.report import ImportReport
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.store import Store

START = 1_735_430_400_123  # milliseconds: 2024-12-29 00:00:00.123
FIRST, SECOND, THIRD, FOURTH = (f"{number:032x}" for number in range(0xA1, 0xA5))
LARGEST = 1.7976931348623157e308  # how MLflow writes an infinite metric


def take(store: Store, where: str | Path, **options: Any) -> ImportReport:
    source = open_source("mlflow", where)
    try:
        return import_rows(store, source, **options)
    finally:
        source.close()


def tracking_store(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(MLFLOW)
        connection.execute(
            "insert into experiments values (1, 'momentum', 's3://x', 'active', 1, 1)"
        )
    connection.close()
    return path


def add_run(
    path: Path,
    run: str,
    *,
    metrics: dict[str, float | None] | None = None,
    params: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    **columns: Any,
) -> None:
    row = {
        "run_uuid": run, "name": "able-ant-1", "source_type": "LOCAL", "user_id": "ann",
        "status": "FINISHED", "start_time": START, "end_time": START + 2_500,
        "lifecycle_stage": "active", "artifact_uri": "s3://x/1", "experiment_id": 1, **columns,
    }  # fmt: skip
    with sqlite3.connect(path) as connection:
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        connection.execute(f"insert into runs ({names}) values ({marks})", list(row.values()))
        for key, value in (metrics or {}).items():
            point = (key, value or 0.0, START, 3, value is None, run)
            connection.execute("insert into latest_metrics values (?, ?, ?, ?, ?, ?)", point)
            connection.execute(
                "insert into metrics (key, value, timestamp, step, is_nan, run_uuid) "
                "values (?, ?, ?, ?, ?, ?)", point
            )  # fmt: skip
        for table, values in (("params", params), ("tags", tags)):
            rows = [(key, value, run) for key, value in (values or {}).items()]
            connection.executemany(f"insert into {table} values (?, ?, ?)", rows)
    connection.close()


def test_a_run_with_all_it_has(store: Store, rows, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(
        path,
        FIRST,
        metrics={"sharpe_ratio": 1.5, "max_drawdown": 0.12, "total_return_pct": 45.2,
                 "my/score": 7.5, "profit_factor": LARGEST, "sortino": None},
        params={"fast": "10", "ratio": "0.5", "live": "True", "name": "x-1", "legs": "[1, 2]",
                "symbol": "AAPL", "timeframe": "1d", "initial_capital": "100000", "odd": "NaN"},
        tags={"team": "quant", "approved": "true", "strategy": "sma_cross",
              "mlflow.note.content": "looks good", "mlflow.user": "ann", "mlflow.parentRunId": SECOND},
    )  # fmt: skip
    report = take(store, path)
    assert report.added == [FIRST]
    labels = (
        "run_id, strategy, symbol, timeframe, notes, sweep, status, created_at::varchar, duration_s"
    )
    assert rows(f"select {labels} from runs") == [
        (FIRST, "sma_cross", "AAPL", "1d", "looks good", SECOND, "ok",
         "2024-12-29 00:00:00.123+00", 2.5)
    ]  # fmt: skip
    metrics = "sharpe_ratio, max_drawdown, total_return, profit_factor, sortino_ratio, initial_capital, extra['my/score']"
    assert rows(f"select {metrics} from runs") == [(1.5, -0.12, 0.452, None, None, 100000.0, 7.5)]
    params, tags, config = rows("select params, tags, config from runs")[0]
    assert json.loads(params) == {
        "fast": 10, "ratio": 0.5, "live": True, "name": "x-1", "legs": [1, 2], "odd": "NaN"
    }  # fmt: skip
    assert sorted(tags) == ["approved", "name=able-ant-1", "team=quant"]
    imported = json.loads(config)["imported"]
    assert (imported["experiment"], imported["mlflow.user"]) == ("momentum", "ann")


def test_how_runs_end(store: Store, rows, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(path, FIRST, status="FAILED")
    add_run(path, SECOND, status="KILLED")
    add_run(path, THIRD, status="RUNNING", end_time=None)
    add_run(path, FOURTH, lifecycle_stage="deleted", deleted_time=START + 9_000)
    report = take(store, path)
    assert report.unfinished == 1
    assert rows("select run_id, status, strategy from runs order by 1") == [
        (FIRST, "failed", "momentum"),
        (SECOND, "failed", "momentum"),
    ]
    # A deleted run stays a trial.
    assert rows("select run_id, deleted_at::varchar from trials where deleted_at is not null") == [
        (FOURTH, "2024-12-29 00:00:09.123+00")
    ]


def test_a_second_import_adds_what_is_new(store: Store, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(path, FIRST)
    add_run(path, THIRD, status="RUNNING")
    take(store, path)
    add_run(path, SECOND)
    with sqlite3.connect(path) as connection:
        connection.execute("update runs set status = 'FINISHED'")
    report = take(store, f"sqlite:///{path}")
    assert (report.added, report.skipped) == ([SECOND, THIRD], [FIRST])


def test_the_history_of_metrics_is_left_out_and_said(store: Store, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(path, FIRST, metrics={"sharpe_ratio": 1.5})
    with sqlite3.connect(path) as connection:
        connection.execute(f"insert into metrics values ('sharpe_ratio', 0.5, 1, '{FIRST}', 1, 0)")
    assert take(store, path).warnings == [
        "1 earlier values of metrics are left out: a run has the latest of each"
    ]


def test_names_by_map_with_or_without_their_group(store: Store, rows, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(path, FIRST, metrics={"sr": 1.5, "dd": 12.0}, tags={"desk": "rates"})
    names = {"sr": "sharpe_ratio", "metrics.dd": "max_drawdown", "tags.desk": "strategy_type"}
    take(store, path, names=names, units={"dd": "percent"})
    assert rows("select sharpe_ratio, max_drawdown, strategy_type from runs") == [
        (1.5, -0.12, "rates")
    ]


def test_many_runs(store: Store, rows, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    with sqlite3.connect(path) as connection:
        runs = [(f"{n:032x}", START + n) for n in range(2_500)]
        connection.executemany(
            "insert into runs (run_uuid, status, start_time, lifecycle_stage, experiment_id) "
            "values (?, 'FINISHED', ?, 'active', 1)",
            runs,
        )
        connection.executemany(
            "insert into latest_metrics values ('sharpe_ratio', ?, 1, 0, 0, ?)",
            [(number / 1000, run) for number, (run, _) in enumerate(runs)],
        )
    assert len(take(store, path).added) == 2_500
    assert rows("select count(*), sum(sharpe_ratio) from runs") == [
        (2_500, pytest.approx(sum(n / 1000 for n in range(2_500))))
    ]


def folder_of_runs(root: Path) -> Path:
    """What MLflow's file store writes."""
    experiment = root / "mlruns" / "123"
    run = experiment / FIRST
    for folder in (run / "metrics", run / "params", run / "tags", root / "mlruns" / ".trash"):
        folder.mkdir(parents=True)
    (experiment / "meta.yaml").write_text(
        "artifact_location: file:///x\ncreation_time: 1\nexperiment_id: '123'\n"
        "last_update_time: 1\nlifecycle_stage: active\nname: 'Ann''s test'\n"
    )
    (run / "meta.yaml").write_text(
        f"artifact_uri: file:///x\nend_time: {START + 1000}\nentry_point_name: ''\n"
        f"experiment_id: '123'\nlifecycle_stage: active\nrun_id: {FIRST}\nrun_name: able-ant-1\n"
        f"run_uuid: {FIRST}\nsource_name: ''\nsource_type: 4\nsource_version: ''\n"
        f"start_time: {START}\nstatus: 3\ntags: []\nuser_id: ann\n"
    )
    (run / "metrics" / "sharpe_ratio").write_text(f"{START} 0.5 0\n{START + 1} 1.5 1\n")
    (run / "metrics" / "mine").mkdir()
    (run / "metrics" / "mine" / "score").write_text(f"{START} nan 0\n")
    (run / "params" / "fast").write_text("10")
    (run / "tags" / "mlflow.runName").write_text("able-ant-1")
    return root


def test_a_folder_of_files(store: Store, rows, tmp_path: Path):
    folder_of_runs(tmp_path)
    report = take(store, tmp_path / "mlruns")
    assert report.added == [FIRST]
    assert rows(
        "select strategy, params, sharpe_ratio, duration_s, created_at::varchar from runs"
    ) == [("Ann's test", '{"fast":10}', 1.5, 1.0, "2024-12-29 00:00:00.123+00")]
    # The folder above it, or a URI, means the same.
    assert take(store, tmp_path).skipped == [FIRST]
    assert take(store, f"file://{tmp_path}/mlruns").skipped == [FIRST]


def test_what_of_a_folder_cannot_be_read_is_said(store: Store, rows, tmp_path: Path):
    run = next(folder.parent for folder in folder_of_runs(tmp_path).rglob("metrics"))
    (run / "metrics" / "win_rate").write_text("garbage")
    (run / "metrics" / "total_return").write_text(f"{START} 0.1 0\n{START} 0.2 1\n")
    lost = run.parent / "0123"
    (lost / "metrics").mkdir(parents=True)
    report = take(store, tmp_path / "mlruns")
    assert [(bad.row, bad.column) for bad in report.failed] == [("run 0123", "meta.yaml")]
    assert [(bad.row, bad.column) for bad in report.cells] == [(f"run {FIRST}", "metrics.win_rate")]
    assert any("earlier values of metrics are left out" in said for said in report.warnings)
    assert rows("select total_return from runs") == [(0.2,)]


def test_clear_refusals(store: Store, tmp_path: Path):
    with pytest.raises(BadInput, match="http:// is a server; bt-lake reads the store behind it"):
        take(store, "http://localhost:5000")
    with pytest.raises(NotFound, match="no such file or folder"):
        take(store, tmp_path / "mlflow.db")
    with pytest.raises(BadInput, match="neither a folder mlruns nor one with mlflow.db in it"):
        take(store, tmp_path)
    sqlite3.connect(tmp_path / "other.db").execute("create table runs (id int)").connection.close()
    with pytest.raises(BadInput, match="no tracking store of MLflow: experiments, latest_metrics"):
        take(store, tmp_path / "other.db")


def test_the_documents_say_the_same(store: Store, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(
        path,
        FIRST,
        lifecycle_stage="deleted",
        deleted_time=START,
        metrics={"sharpe_ratio": 1.5},
        params={"fast": "10", "symbol": "AAPL"},
        tags={
            "team": "quant",
            "mlflow.note.content": "x",
            "mlflow.parentRunId": "y",
            "mlflow.user": "a",
        },
    )
    becomes = {c.theirs: c.ours for c in take(store, path).columns}
    for theirs, ours in documented("MLflow").items():
        assert becomes[theirs] == ours


DAY_MS = 86_400_000


def curve_of(path: Path, key: str, points: list[tuple[int, int, float]]) -> None:
    """Steps, times in milliseconds and values of a metric."""
    with sqlite3.connect(path) as connection:
        connection.executemany(
            f"insert into metrics values ('{key}', ?, ?, '{FIRST}', ?, 0)",
            [(value, at, step) for step, at, value in points],
        )
        step, at, value = points[-1]
        connection.execute(
            f"insert or replace into latest_metrics values ('{key}', {value}, {at}, {step}, 0, '{FIRST}')"
        )
    connection.close()


MARKET = [(n, START - 1000 * DAY_MS + n * DAY_MS, 100.0 + n) for n in range(5)]
BY_STEP = [(20240102 + n, START + n, 100.0 + n) for n in range(5)]
SECONDS = [(1_704_153_600 + n * 86_400, START + n, 100.0 + n) for n in range(5)]


@pytest.mark.parametrize(
    ("points", "first"),
    [(MARKET, "2022-04-04"), (BY_STEP, "2024-01-02"), (SECONDS, "2024-01-02")],
)
def test_steps_of_equity_are_the_run_s_curve(points, first, store: Store, rows, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(path, FIRST, metrics={"sharpe_ratio": 1.5})
    curve_of(path, "equity", points)
    report = take(store, path)
    assert report.warnings == []
    assert rows("select count(*), min(ts)::date::varchar, max(equity) from equity") == [
        (5, first, 104.0)
    ]
    assert rows("select metrics_from, total_return from runs") == [("curve", pytest.approx(0.04))]


def test_steps_without_a_time_of_the_market_are_left_out_and_said(
    store: Store, rows, tmp_path: Path
):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(path, FIRST)
    curve_of(path, "equity", [(n, START + n, 100.0 + n) for n in range(5)])
    assert take(store, path).warnings == [
        "1 curve of equity is left out: its times are those of logging, and its steps no dates",
        "4 earlier values of metrics are left out: a run has the latest of each",
    ]
    assert rows("select count(*) from equity") == [(0,)]


def test_steps_of_equity_in_files(store: Store, rows, tmp_path: Path):
    run = next(folder.parent for folder in folder_of_runs(tmp_path).rglob("metrics"))
    text = "".join(f"{at} {value} {step}\n" for step, at, value in MARKET)
    (run / "metrics" / "Portfolio_Value").write_text(text)
    take(store, tmp_path)
    assert rows("select count(*), max(equity) from equity") == [(5, 104.0)]


def test_a_run_can_be_found_by_its_name_and_its_artifacts(store: Store, rows, tmp_path: Path):
    path = tracking_store(tmp_path / "mlflow.db")
    add_run(path, FIRST, name="bold-ox-7", artifact_uri="s3://bucket/1/artifacts")
    take(store, path)
    tags, config = rows("select tags, config from runs")[0]
    assert tags == ["name=bold-ox-7"]
    assert json.loads(config)["imported"]["artifact_uri"] == "s3://bucket/1/artifacts"
    folder_of_runs(tmp_path)
    other = Store(tmp_path / "other")
    take(other, tmp_path / "mlruns")
    question = "select tags[1], config ->> '$.imported.artifact_uri' from runs"
    assert other.ask(lambda connection: connection.execute(question).fetchall()) == [
        ("name=able-ant-1", "file:///x")
    ]
