"""export: CSV, Parquet, SQLite, and a lake that ingest reads back."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing

import polars as pl
import pytest

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput

pytest_plugins = ["golden_fixtures"]


def chosen(golden):
    rows = [row for row in golden.rows if row["strategy"] == "momentum"]
    points = sum(len(golden.curves.get(row["run_id"], ())) for row in rows)
    trades = sum(len(golden.trades.get(row["run_id"], ())) for row in rows)
    return {row["run_id"]: row for row in rows}, points, trades


def test_csv(golden, tmp_path):
    rows, points, trades = chosen(golden)
    target = tmp_path / "runs.csv"
    done = golden.lake.export(target, strategy="momentum", curves=True, trades=True)
    assert (done.runs, done.points, done.trades) == (len(rows), points, trades)
    assert [path.name for path in done.files] == ["runs.csv", "runs.equity.csv", "runs.trades.csv"]
    with target.open(newline="") as file:
        found = {row["run_id"]: row for row in csv.DictReader(file)}
    assert found.keys() == rows.keys()
    for run_id, row in rows.items():
        mine = found[run_id]
        assert mine["created_at"] == row["created_at"].replace(tzinfo=None).isoformat() + "Z"
        assert mine["sharpe_ratio"] == (
            "" if row["sharpe_ratio"] is None else str(row["sharpe_ratio"])
        )
        assert (json.loads(mine["params"]) if mine["params"] else None) == row["params"]
        assert (json.loads(mine["tags"]) if mine["tags"] else None) == row["tags"]
        assert (json.loads(mine["extra"]) if mine["extra"] else None) == row["extra"]
    with (tmp_path / "runs.equity.csv").open(newline="") as file:
        equity = list(csv.DictReader(file))
    assert len(equity) == points
    one = equity[0]
    assert float(one["equity"]) == golden.curves[one["run_id"]][0][1]


def test_parquet(golden, tmp_path):
    rows, points, _ = chosen(golden)
    golden.lake.export(tmp_path / "x.parquet", strategy="momentum", curves=True)
    found = pl.read_parquet(tmp_path / "x.parquet").sort("run_id")
    shown = golden.lake.runs(sort="run_id", ascending=True, strategy="momentum")
    assert found.select(shown.columns).equals(shown)  # an export has what is hidden, too
    assert pl.read_parquet(tmp_path / "x.equity.parquet").height == points
    assert found.height == len(rows)
    assert not (tmp_path / "x.trades.parquet").exists()


def test_sqlite(golden, tmp_path):
    rows, points, trades = chosen(golden)
    target = tmp_path / "runs.sqlite"
    golden.lake.export(target, strategy="momentum", curves=True, trades=True)
    with sqlite3.connect(target) as connection:
        found = connection.execute(
            "select run_id, sharpe_ratio, json_extract(params, '$.fast'), typeof(total_trades) "
            "from runs where status = 'ok'"
        ).fetchall()
        counts = [
            connection.execute(f"select count(*) from {t}").fetchone()[0]
            for t in ("equity", "trades")
        ]
        newest = connection.execute("select max(datetime(created_at)) from runs").fetchone()[0]
    assert counts == [points, trades]
    assert {(i, s, f, k) for i, s, f, k in found} == {
        (i, r["sharpe_ratio"], (r["params"] or {}).get("fast"), "integer")
        for i, r in rows.items()
        if r["status"] == "ok"
    }
    assert newest == max(r["created_at"] for r in rows.values()).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.slow
def test_another_lake_that_ingest_reads_back(golden, tmp_path):
    rows = chosen(golden)[0]
    other = tmp_path / "other"
    done = golden.lake.export(other, strategy="momentum", curves=True, trades=True)
    assert (done.runs, done.deleted) == (len(rows) + done.deleted, 3)
    again = golden.lake.export(other, strategy="momentum", curves=True, trades=True)
    assert (again.runs, again.points, again.trades) == (0, 0, 0)
    assert (again.already, again.barer) == (done.runs, 0)
    back = Lake(tmp_path / "back")
    back.ingest(other)
    for lake in (Lake(other), back):
        mine = lake.runs(sort="run_id", ascending=True).drop("commit_id", "ingested_at")
        want = golden.lake.runs(sort="run_id", ascending=True, strategy="momentum")
        assert mine.equals(want.drop("commit_id", "ingested_at"))
        ids = list(rows)
        assert lake.equity(ids).equals(golden.lake.equity(ids))
        assert lake.trades(ids).equals(golden.lake.trades(ids))


@pytest.mark.slow
def test_runs_that_are_there_get_no_curves_and_are_counted(golden, tmp_path):
    rows, points, trades = chosen(golden)
    with_rows = {i for i in rows if golden.curves.get(i) or golden.trades.get(i)}
    first = golden.lake.export(tmp_path / "other", strategy="momentum")
    assert (first.runs, first.already, first.barer) == (len(rows) + first.deleted, 0, 0)
    done = golden.lake.export(tmp_path / "other", curves=True, trades=True)
    everything = golden.lake.export(tmp_path / "all", curves=True, trades=True)
    assert done.already == first.runs
    assert len(with_rows) <= done.barer <= len(with_rows) + first.deleted
    assert done.runs == everything.runs - first.runs
    assert done.points <= everything.points - points
    assert done.trades <= everything.trades - trades
    other = Lake(tmp_path / "other")
    assert len(other.equity(list(rows))) == len(other.trades(list(rows))) == 0
    report = other.ingest(tmp_path / "all")
    assert (report.added, report.barer) == ([], []), "another lake brings what they lack"
    assert (len(other.equity(list(rows))), len(other.trades(list(rows)))) == (points, trades)


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "none.sqlite", "none"])
def test_nothing_found_is_an_empty_export(golden, tmp_path, name):
    done = golden.lake.export(tmp_path / name, strategy="none", curves=True)
    assert (done.runs, done.points) == (0, 0)
    assert (tmp_path / name).exists()
    if name == "none":
        assert Lake(tmp_path / name).runs().is_empty()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.sqlite"])
def test_a_file_is_replaced_once_the_new_one_is_whole(golden, tmp_path, name):
    golden.lake.export(tmp_path / name, n=1, curves=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(BadInput):
        golden.lake.export(tmp_path / name, where="no_such_column > 1", curves=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    done = golden.lake.export(tmp_path / name, curves=True)
    assert done.runs > 1
    assert {path.name for path in tmp_path.iterdir()} == before.keys()
    if name.endswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            assert connection.execute("select count(*) from runs").fetchall() == [(done.runs,)]
    else:
        read = pl.read_csv if name.endswith("csv") else pl.read_parquet
        assert read(tmp_path / name).height == done.runs


@pytest.mark.parametrize("kind", ["others", "text", "folder"])
def test_what_is_not_an_export_is_left_alone(golden, tmp_path, kind):
    target = tmp_path / "there.db"
    if kind == "folder":
        target.mkdir()
    elif kind == "text":
        target.write_text("mine")
    else:
        with closing(sqlite3.connect(target)) as connection:
            connection.executescript("create table runs(a); create table orders(a)")
    before = target.read_bytes() if target.is_file() else None
    with pytest.raises(BadInput, match="name another"):
        golden.lake.export(target)
    assert [path.name for path in tmp_path.iterdir()] == ["there.db"]
    assert (target.read_bytes() if target.is_file() else None) == before


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.sqlite"])
def test_a_failed_export_leaves_nothing(golden, tmp_path, name):
    with pytest.raises(BadInput):
        golden.lake.export(tmp_path / name, where="no_such_column > 1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.json", "no/such/folder/x.csv"])
def test_bad_targets_are_refused(golden, tmp_path, name):
    with pytest.raises(BadInput):
        golden.lake.export(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_export_with_curves_of_none_is_taken_in(golden, tmp_path):
    golden.lake.export(tmp_path / "none.csv", strategy="nope", curves=True, trades=True)
    report = Lake(tmp_path / "other").ingest(tmp_path)
    assert not report.added
