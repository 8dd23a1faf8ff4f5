"""What an operator sees before it hurts: info for monitoring, and what `check` says of upkeep."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
import warnings
from pathlib import Path

import pytest
from factory import frames, ids
from test_locks import hold, until

from bt_lake.cli.main import run
from bt_lake.lake import Lake
from bt_lake.warehouse import clock, log, upkeep
from bt_lake.warehouse import ids as made
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.store import Store

_processes = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")


def told(store: Store, capsys) -> dict:
    assert run(["--lake", str(store.path), "info", "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)["upkeep"]


@pytest.mark.slow
def test_info_for_monitoring(store: Store, tmp_path: Path, capsys):
    for _ in range(3):
        store.append(frames(1))
    (store.path / "_stage" / "left.runs").write_bytes(b"x")
    os.utime(store.path / "_stage" / "left.runs", (time.time() - 100,) * 2)
    (store.path / "_quarantine").mkdir()
    (store.path / "_quarantine" / "x.parquet").write_bytes(b"12345")
    process = _processes.Process(target=hold, args=(store.path, "maintenance", tmp_path / "ready"))
    process.start()
    try:
        until(tmp_path / "ready")
        found = told(store, capsys)
    finally:
        process.kill()
        process.join()
    assert found["standing_commits"] == 3
    assert 99 < found["oldest_staged_s"] < 1000
    assert (found["quarantined_files"], found["quarantined_bytes"]) == (1, 5)
    assert found["free_bytes"] > 0
    live = [file.stat().st_size for file in store.path.glob("*/month=*/*")]
    assert found["compaction_needs_bytes"] == sum(live)
    (work,) = found["at_work"]
    assert (work["lock"], work["pid"]) == ("maintenance", process.pid)
    store.compact()
    assert told(store, capsys)["standing_commits"] == 0
    assert any("bt-lake" in version for version in told(store, capsys)["versions"])


@pytest.mark.slow
def test_many_standing_commits_are_told_with_the_reason(
    store: Store, tmp_path: Path, monkeypatch, capsys
):
    monkeypatch.setattr(upkeep, "MANY_COMMITS", 3)
    for _ in range(3):
        store.append(frames(1))
    (found,) = store.check().findings
    assert found.kind == "unfolded"
    assert "3 commits stand unfolded" in found.message
    process = _processes.Process(target=hold, args=(store.path, "maintenance", tmp_path / "ready"))
    process.start()
    try:
        until(tmp_path / "ready")
        (found,) = store.check().findings
        assert f"pid {process.pid} of" in found.message
        monkeypatch.setattr("bt_lake.warehouse.database.MANY_COMMITS", 3)
        run(["--lake", str(store.path), "info"])
        assert "3 commits stand unfolded" in capsys.readouterr().err
    finally:
        process.kill()
        process.join()
    store.compact()
    assert store.check().findings == []


def test_commits_from_the_future_are_told(store: Store, monkeypatch):
    store.append(frames(1))
    assert store.check().findings == []
    now = time.time_ns
    monkeypatch.setattr(made.time, "time_ns", lambda: now() + 86_400 * 10**9)
    monkeypatch.setattr(made, "_last", 0)
    store.append(frames(1))
    monkeypatch.undo()
    monkeypatch.setattr(made, "_last", 0)
    (found,) = store.check().findings
    assert (found.kind, found.damage) == ("clock", False)
    assert "1 commits are from the future" in found.message


def test_a_clock_that_is_ahead_ends_no_grace(store: Store, monkeypatch):
    """The machine that compacts next is a day ahead: readers of the others keep their files."""
    gone = frames(1)
    store.append(gone)
    store.compact()
    before = sorted(store.path.glob("runs/*/c-*"))
    assert before
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 86_400)
    for _ in range(3):
        store.append(frames(1))
        store.compact()
    assert set(before) <= set(store.path.glob("runs/*/c-*"))
    assert all(at is None or at < now() + 60 for at in log.newest(store.layout).removed.values())
    assert store.known(ids(gone)) == set(ids(gone))


def test_the_footers_of_thousands_of_commits_are_not_kept(store: Store, monkeypatch):
    """Each takes 90 kB: with 12,000 commits that was a gigabyte."""
    monkeypatch.setattr("bt_lake.warehouse.database.MANY_COMMITS", 3)

    def kept(reader) -> bool:
        question = "select current_setting('parquet_metadata_cache')"
        return reader.ask(lambda c: c.execute(question).fetchall()[0][0])

    reader = Lake(store.path).reader
    store.append(frames(1))
    assert kept(store)
    assert kept(reader)
    for _ in range(3):
        store.append(frames(1))
    with warnings.catch_warnings(record=True):
        assert not kept(store)
        assert kept(reader), "what was opened before goes on, its configuration is locked"
        assert not kept(Lake(store.path).reader)


@pytest.mark.parametrize("command", ["best sharpe_ratio", "list"])
def test_who_reads_many_standing_commits_is_warned(store: Store, monkeypatch, command: str):
    monkeypatch.setattr("bt_lake.warehouse.database.MANY_COMMITS", 3)
    for _ in range(4):
        store.append(frames(1))
    with pytest.warns(UserWarning, match="4 commits stand unfolded"):
        assert run(["--lake", str(store.path), *command.split()]) == 0
    store.compact()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(["--lake", str(store.path), *command.split()]) == 0


def test_a_file_that_is_called_nearly_like_a_commit_is_no_commit(store):
    """Found by `make soak`: lakes, seed 1."""
    store.append(frames(1))
    month = next((store.path / "runs").glob("month=*"))
    for name in ("c-éééééééééééé.parquet", "c-.parquet", "c-zz"):
        (month / name).write_bytes(b"")
    store.check()
    assert upkeep.upkeep(store.layout).standing_commits == 1


@pytest.mark.parametrize("days", [-365, 1])
def test_a_machine_whose_clock_is_wrong_saves_by_that_of_the_disk(store: Store, monkeypatch, days):
    """It is so many days off: its runs are neither hidden from `--since`, nor do they head it."""
    curve = [("2024-01-01", 1.0), ("2024-01-02", 2.0)]
    old = {"strategy": "old", "created_at": "2024-01-02T00:00:00Z", "equity": curve}
    monkeypatch.setattr(clock, "lake_time", lambda layout: time.time() - days * 86_400)
    lake = Lake(store.path)
    with pytest.warns(UserWarning, match="clock is (365|1) days"):
        lake.save(strategy="now", equity=curve)
    lake.save(**old)
    made = dict(lake.sql("select strategy, created_at from runs").rows())
    assert abs(made["now"].timestamp() - (time.time() - days * 86_400)) < 100
    assert made["old"].year == 2024
    first = lake.sql("select min(ingested_at) from runs").item()
    assert abs(first.timestamp() - made["now"].timestamp()) < 100


def test_a_clock_that_is_right_is_trusted(store: Store):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.append(frames(1))
    assert clock.off_s(store.layout) == 0.0


@pytest.mark.parametrize("folder_too", [False, True], ids=["a file", "its folder"])
def test_info_names_a_curve_that_is_lost(store: Store, folder_too: bool):
    store.append(frames(1))
    (lost,) = store.path.glob("equity/month=*/c-*.parquet")
    lost.unlink()
    if folder_too:
        lost.parent.rmdir()
        lost.parent.write_text("no folder")
    with pytest.raises(Damaged, match=lost.name):
        Lake(store.path).info()
