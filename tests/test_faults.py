"""What the file system may do in the middle of a write: nothing is lost, doubled or misreported."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest
from factory import frames, ids
from faults import Faults

from bt_lake.lake import Lake
from bt_lake.warehouse import compact, database, files, folders, log
from bt_lake.warehouse import ids as ids_module
from bt_lake.warehouse.commit import append_events
from bt_lake.warehouse.errors import CannotRead, CannotWrite, Unconfirmed
from bt_lake.warehouse.events import events_table
from bt_lake.warehouse.listing import Listing
from bt_lake.warehouse.rewrite import Rewriter
from bt_lake.warehouse.store import Store


@pytest.fixture
def faults(monkeypatch) -> Faults:
    return Faults(monkeypatch)


def look(store: Store) -> tuple[int, int, int]:
    """Runs, distinct ones, and points: of a store opened anew, with a whole file system."""
    question = "select count(*), count(distinct run_id), (select count(*) from equity) from runs"
    return Store(store.path).ask(lambda c: c.execute(question).fetchall())[0]


def test_the_answer_to_a_link_may_be_lost(store, faults):
    """A network file system did it and says it did not: the run is saved."""
    store.append(frames(1))
    assert faults.fail("link", errno.EEXIST, nth=3, lost_reply=True) == []
    store.append(frames(1))
    faults.heal()
    assert look(store) == (2, 2, 10)


@pytest.mark.slow
@pytest.mark.parametrize("call", ["open", "link", "fsync", "unlink"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EMFILE])
def test_whatever_fails_a_save_says_what_became_of_it(store, faults, call, code):
    store.append(frames(1))
    before = 1
    for nth in range(1, 40):
        failed = faults.fail(call, code, nth=nth)
        try:
            store.append(frames(1))
            saved = True
        except Unconfirmed:
            saved = True
        except CannotWrite as error:
            assert "nothing was saved" in str(error)
            saved = False
        faults.heal()
        before += saved
        assert look(store) == (before, before, 5 * before), (call, nth)
        if not failed:
            assert nth > 3
            break
    store.compact()
    assert look(store) == (before, before, 5 * before)
    assert not store.check().damaged


def test_a_commit_that_was_folded_meanwhile_is_not_denied(store, faults, monkeypatch):
    """Between its name and its last flush others see it: they fold it, then the flush fails."""
    store.append(frames(1))
    made = frames(1)

    def fold(step: str) -> None:
        if step == "commit.published.runs":
            monkeypatch.setattr(files, "on_step", files._nothing)
            Store(store.path).compact()
            faults.fail("fsync", errno.EIO)

    monkeypatch.setattr(files, "on_step", fold)
    with pytest.raises(Unconfirmed, match="Do not save it again"):
        store.append(made)
    faults.heal()
    assert look(store) == (2, 2, 10)
    assert store.append_new(made).already == ids(made)


def test_staged_files_that_stay_are_no_error(store, faults):
    store.create()
    failed = faults.fail("unlink", errno.ESTALE)
    store.append(frames(1))
    faults.heal()
    assert {Path(path).suffix for (path,) in failed} == {".equity", ".trades", ".runs", ".clock"}
    assert look(store) == (1, 1, 5)


def test_a_full_disk_leaves_no_half_logs(store, faults):
    for _ in range(2):
        store.append(frames(1))
    faults.fail("fsync", errno.ENOSPC)
    for _ in range(3):
        with pytest.raises(CannotWrite, match="disk is full"):
            store.compact()
    faults.heal()
    assert [p.name for p in store.layout.stage.iterdir() if p.suffix != ".lock"] == []


def test_a_full_disk_under_duckdb_is_the_users_to_know(store, monkeypatch):
    for _ in range(2):
        store.append(frames(1))

    def full(*arguments):
        raise duckdb.IOException('IO Error: Could not write "x.parquet": No space left on device')

    monkeypatch.setattr(Rewriter, "_write_file", full)
    with pytest.raises(CannotRead, match="disk is full"):
        store.compact()
    assert look(store) == (2, 2, 10)


def test_an_epoch_that_has_its_name_is_not_denied(store, faults):
    store.append(frames(2))
    state = log.newest(store.layout)
    faults.fail("listdir", errno.EIO)
    with pytest.raises(Unconfirmed, match="this is done"):
        log.advance(store.layout, state, adds=[], drops=set())
    faults.heal()
    assert log.newest(store.layout).epoch == state.epoch + 1


def test_a_failed_fold_is_no_error_even_where_warnings_are(store, fold_early, monkeypatch):
    def broken(layout):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(compact, "fold", broken)
    with warnings.catch_warnings(), pytest.warns(UserWarning, match="the run is saved"):
        warnings.simplefilter("error")
        for _ in range(6):
            store.append(frames(1))
    assert look(store)[0] == 6


@pytest.mark.slow
def test_events_alone_are_folded(store, rows, fold_early):
    made = frames(1)
    store.append(made)
    for number in range(12):
        store.append_events("note", ids(made), str(number))
    assert rows("select count(*) from lake_files where table_name = 'events'")[0][0] < 8
    assert rows("select notes from runs") == [("\n".join(map(str, range(12))),)]


def test_a_forgotten_run_leaves_the_disk_with_the_next_compaction(store, monkeypatch):
    made = frames(2)
    store.append(made)
    store.compact(grace_s=60)
    store.forget(ids(made)[:1])
    assert not store.compact(), "readers may still use the old file"
    later = time.time() + 61
    monkeypatch.setattr(log, "lake_time", lambda _: later)
    assert store.compact()
    gone = ids(made)[0].encode()
    assert not [p for p in store.path.glob("*/month=*/*") if gone in p.read_bytes()]
    assert log.newest(store.layout).removed == {}
    assert not store.compact()


def test_a_snapshot_is_void_if_a_grace_was_short_meanwhile(store):
    for _ in range(2):
        store.append(frames(1))
    listing = Listing.of(store.layout)
    store.compact(grace_s=0)
    store.compact(grace_s=60)
    assert not listing.is_good(store.layout)
    assert Listing.of(store.layout).is_good(store.layout)


def test_a_month_that_somebody_else_made_is_flushed(store, monkeypatch):
    """Its maker may have died before its name was durable."""
    store.append(frames(1))
    monkeypatch.setattr(folders, "_sure", set())
    flushed = []
    flush = folders.Folders.flush_folder
    monkeypatch.setattr(
        folders.Folders,
        "flush_folder",
        lambda self, name: flushed.append(name) or flush(self, name),
    )
    store.append(frames(1))
    assert {"runs", "equity", "trades"} <= set(flushed)
    flushed.clear()
    store.append(frames(1))
    assert not {"runs", "equity", "trades"} & set(flushed), "once a process"


@pytest.mark.slow
def test_replacing_excludes_adding(store, monkeypatch):
    """Both look before they write: without one lock a run would be in twice."""
    made = frames(1)
    store.append(made)
    order = []

    def at(step: str) -> None:
        if step == "rewrite.published":
            monkeypatch.setattr(files, "on_step", files._nothing)
            pid = os.fork()
            if not pid:
                signal.alarm(1)
                Store(store.path).append_new(made)
                os._exit(0)
            order.append(os.waitpid(pid, 0)[1])

    monkeypatch.setattr(files, "on_step", at)
    store.replace(frames(points=9, run_ids=ids(made)))
    assert order and order[0] != 0, "the other one waited"
    assert look(store) == (1, 1, 9)


@pytest.mark.skipif(sys.platform == "win32", reason="no fork there")
def test_ids_after_a_fork_in_the_middle_of_one():
    with ids_module._lock:
        pid = os.fork()
        if not pid:
            signal.alarm(5)
            ids_module.uuid7()
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


@pytest.mark.parametrize("compacted", [False, True])
def test_a_restore_that_comes_late_answers_no_later_delete(store, rows, compacted):
    """It was held up between its look and its commit; a compaction in between changes nothing."""
    made = frames(1)
    store.append(made)
    at = datetime.now(UTC)
    store.append_events("delete", ids(made))
    if compacted:
        store.compact()
    append_events(store.layout, events_table("restore", ids(made), None, at))
    assert rows("select count(*), (select count(*) from equity) from runs") == [(0, 0)]


def test_a_restore_answers_a_folded_delete_though_the_clock_went_back(store, rows, monkeypatch):
    made = frames(1)
    store.append(made)
    store.append_events("delete", ids(made))
    store.compact()

    class Earlier(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=1)

    monkeypatch.setattr("bt_lake.warehouse.clock.datetime", Earlier)
    store.append_events("restore", ids(made))
    assert rows("select count(*) from runs") == [(1,)]


@pytest.mark.skipif(sys.platform == "win32", reason="a lock's file cannot be replaced there")
def test_a_replacement_that_was_overtaken_looks_again(store, monkeypatch):
    """It was stopped; another process took its lock over and added the run that it would put in."""
    made = frames(1)
    store.append(frames(1))

    def at(step: str) -> None:
        if step == "rewrite.staged.runs":
            monkeypatch.setattr(files, "on_step", files._nothing)
            own = store.layout.stage / "other.lock"
            own.touch()
            os.replace(own, store.layout.stage / "ingest.lock")
            assert Store(store.path).append_new(made).added == ids(made)

    monkeypatch.setattr(files, "on_step", at)
    store.replace(frames(points=9, run_ids=ids(made)))
    assert look(store) == (2, 2, 14)


@pytest.mark.slow
def test_a_reader_that_stays_lets_go_of_folded_files(store, monkeypatch):
    """DuckDB keeps the footer of every file that a connection ever read."""
    monkeypatch.setattr(database, "MANY_FOLDED", 4)
    reader = Lake(store.path)
    connections, seen = [], 0
    for _ in range(3):
        for _ in range(4):
            store.append(frames(1))
            seen += 1
            assert reader.sql("select count(*) from runs").item() == seen
            connections.append(reader.reader._database.connection)
        for _ in range(2):
            store.compact(grace_s=0)
        assert reader.sql("select count(*) from equity").item() == 5 * seen
    changes = sum(one is not other for one, other in pairwise(connections))
    assert 1 <= changes <= 3
