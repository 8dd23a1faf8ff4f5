"""The Delta log beside a lake: what other engines read is what the lake says."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import bt_lake
from bt_lake.errors import Damaged
from bt_lake.lake import Lake
from bt_lake.warehouse import compact, delta

deltalake = pytest.importorskip("deltalake", reason="the library that reads Delta tables")

# Who is deleted, in whatever state of folding: as docs/delta.md has it.
DELETED = """
select run_id from (
  select run_id, kind, row_number() over (partition by run_id order by "at" desc, event_id desc) as n
  from events where kind in ('delete', 'restore')
) where n = 1 and kind = 'delete'
"""
OF_EVENTS = {"tags", "notes", "deleted_at"}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return bt_lake.open(tmp_path / "lake")


def save(lake: Lake, count: int = 1) -> list[str]:
    """One commit."""
    curve = [[f"2024-01-0{day}", 100.0 + day] for day in range(1, 4)]
    trades = [{"symbol": "A", "pnl": 1.0, "entry_at": curve[0][0], "exit_at": curve[1][0]}]
    run = {"strategy": "s", "metrics": {"own": 1.0}, "equity": curve, "trades": trades}
    with lake.batch() as batch:
        return [batch.save({**run, "params": {"n": n}}) for n in range(count)]


def shown(lake: Lake, table: str) -> pl.DataFrame:
    """What a Delta reader reads."""
    return pl.scan_delta(str(lake.path / table)).drop("month").collect()


def same(found: pl.DataFrame, wanted: pl.DataFrame, *by: str) -> None:
    assert_frame_equal(
        found.select(sorted(found.columns)).sort(by),
        wanted.select(sorted(wanted.columns)).sort(by),
        check_dtypes=False,
    )


def raw(lake: Lake, table: str) -> pl.DataFrame:
    return lake.sql(f"from {table}")


def agrees(lake: Lake, *, folded: bool) -> None:
    """Tables are the views, less the deleted; tags, notes and `deleted_at` once they are folded."""
    late = [] if folded else list(OF_EVENTS)
    runs = shown(lake, "runs")
    same(runs.drop(late), raw(lake, "trials").drop(late), "run_id")
    same(shown(lake, "events"), raw(lake, "events"), "event_id")
    with duckdb.connect() as connection:
        connection.register("events", shown(lake, "events").to_arrow())
        deleted = [run_id for (run_id,) in connection.execute(DELETED).fetchall()]
    for table, *by in (
        ("runs", "run_id"),
        ("equity", "run_id", "ts"),
        ("trades", "run_id", "trade_no"),
    ):
        hidden = late if table == "runs" else []
        found = shown(lake, table).filter(~pl.col("run_id").is_in(deleted))
        wanted = raw(lake, table).drop(*hidden, "drawdown", strict=False)  # which the view computes
        same(found.drop(hidden), wanted, *by)


@pytest.mark.slow
def test_the_tables_are_what_the_lake_says_and_follow_it(lake):
    run_ids = save(lake, 5)
    lake.tag("good", run_ids[:2])
    first = lake.delta()
    assert [(each.table, each.version, each.files) for each in first] == [
        ("equity", 0, 1), ("trades", 0, 1), ("events", 0, 1), ("runs", 0, 1)
    ]  # fmt: skip
    agrees(lake, folded=False)
    assert [each.version for each in lake.delta()] == [0, 0, 0, 0]  # nothing new, no version
    save(lake, 2)
    assert len(shown(lake, "runs")) == 5, "an append writes no log"
    assert {(each.table, each.added) for each in lake.delta()} >= {("runs", 1), ("events", 0)}
    agrees(lake, folded=False)
    lake.compact()
    agrees(lake, folded=True)  # by itself
    assert shown(lake, "runs")["tags"].list.len().sum() == 2
    assert not lake.check().findings


@pytest.mark.slow
@pytest.mark.parametrize("steps", [12, pytest.param(100, marks=pytest.mark.thorough)])
def test_random_steps(lake, steps):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    save(lake)
    lake.delta()
    for _ in range(steps):
        ids = raw(lake, "trials")["run_id"].to_list()
        some = draw.sample(ids, min(len(ids), draw.randint(1, 3)))
        act = draw.choices(
            ["save", "delete", "restore", "tag", "compact", "fold", "forget"], [6, 3, 2, 2, 1, 1, 1]
        )[0]
        act = act if some else "save"
        if act == "save":
            save(lake, draw.randint(1, 3))
        elif act in ("delete", "restore", "tag"):
            lake.store.append_events(act, some, "t" if act == "tag" else None)
        elif act == "compact":
            lake.compact(grace_s=draw.choice([0.0, 60.0]))
        elif act == "fold":
            compact.fold(lake.store.layout)
        else:
            lake.store.forget(some)
        if act in ("compact", "forget") or draw.random() < 0.2:
            if act != "compact":
                lake.delta()
            agrees(lake, folded=act == "compact")


@pytest.mark.slow
def test_many_versions_are_read_from_a_checkpoint(lake, monkeypatch):
    monkeypatch.setattr(delta, "_CHECKPOINT_EVERY", 4)
    for _ in range(10):
        save(lake)
        lake.delta()
    names = os.listdir(lake.path / "runs/_delta_log")
    assert f"{8:020d}.checkpoint.parquet" in names and f"{3:020d}.json" not in names
    agrees(lake, folded=True)
    table = deltalake.DeltaTable(lake.path / "runs")
    assert table.version() == 9 and len(table.file_uris()) == 10
    assert table.protocol().writer_features == ["btLake"]
    assert lake.delta()[3].version == 9


def test_an_engine_can_neither_write_nor_vacuum(lake):
    save(lake, 2)
    lake.delta()
    save(lake, 3)  # to Delta this is scrap
    lake.compact(grace_s=60.0)
    save(lake)
    before = sorted(path for path in lake.path.rglob("*.parquet"))
    table = deltalake.DeltaTable(lake.path / "runs")
    hours = {"retention_hours": 0, "enforce_retention_duration": False, "dry_run": False}
    for write in (
        lambda: table.vacuum(**hours, full=True),
        lambda: table.delete("run_id is not null"),
        lambda: table.optimize.compact(),
        lambda: deltalake.write_deltalake(table, shown(lake, "runs").to_arrow(), mode="append"),
    ):
        with pytest.raises(Exception, match="btLake|feature"):
            write()
    with contextlib.suppress(Exception):  # of what its log names no longer, nothing is old enough
        table.vacuum(**hours)
    assert sorted(path for path in lake.path.rglob("*.parquet")) == before
    assert not lake.check().damaged


def test_a_reader_of_an_older_version_goes_on_for_the_grace_period(lake):
    save(lake, 3)
    save(lake, 3)
    lake.delta()
    table = deltalake.DeltaTable(lake.path / "runs")
    lake.compact()
    assert len(pl.scan_delta(table).collect()) == 6
    assert deltalake.DeltaTable(lake.path / "runs").version() == 1
    lake.compact(grace_s=0.0)
    assert len(shown(lake, "runs")) == 6


@pytest.mark.slow
def test_two_at_once_agree(lake):
    save(lake, 3)
    script = "import sys, bt_lake\nfor _ in range(5):\n    bt_lake.open(sys.argv[1]).delta()"
    command = [sys.executable, "-c", script, str(lake.path)]
    others = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for _ in range(6):
        save(lake)
    assert [other.communicate()[1] for other in others] == [b"", b""]
    lake.delta()
    agrees(lake, folded=True)


def test_a_log_that_cannot_be_read_says_what_to_do(lake):
    save(lake)
    lake.delta()
    (lake.path / f"runs/_delta_log/{1:020d}.json").write_text("{")
    with pytest.raises(Damaged, match=r"runs/_delta_log cannot be read.*remove the folder"):
        lake.delta()
    save(lake)
    with pytest.warns(UserWarning, match="the Delta log .* could not follow"):
        lake.compact()
    assert len(lake) == 2


def test_a_backup_gets_none(lake, tmp_path):
    save(lake)
    copy = bt_lake.open(lake.backup(tmp_path / "copies").path)
    with pytest.raises(bt_lake.errors.LakeError, match="is a backup"):
        copy.delta()


@pytest.mark.slow
def test_the_command_says_where_the_tables_are(lake):
    save(lake, 2)
    command = [sys.executable, "-m", "bt_lake", "--lake", str(lake.path), "delta"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(lake.path / "runs") in done.stdout and "4 files more" not in done.stderr
    assert "3 files more" in done.stderr
    again = subprocess.run([*command, "-f", "json"], capture_output=True, text=True)
    assert "it was up to date" in again.stderr
    assert {row["table"]: row["files"] for row in json.loads(again.stdout)}["runs"] == 1
    missing = subprocess.run(
        [*command[:4], "/nowhere/lake", "delta"], capture_output=True, text=True
    )
    assert missing.returncode == 3 and "no lake at" in missing.stderr
