from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factory import frames, ids

from bt_lake.warehouse import compact, files, log
from bt_lake.warehouse.errors import Damaged, FormatTooNew
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.maintenance import maintenance_lock
from bt_lake.warehouse.store import Store
from bt_lake.warehouse.surface import lake_sql


def live(store: Store, table: str) -> int:
    count = "select count(*) from lake_files where table_name = ?"
    return store.ask(lambda c: c.execute(count, [table]).fetchall())[0][0]


def test_compaction_changes_no_answer(store, rows):
    everything = (
        "select (select list(r order by run_id) from lake_rows r), "
        "(select list(e order by run_id, ts) from lake_curves e), "
        "(select list(t order by run_id, trade_no) from lake_trade_rows t)"
    )
    for _ in range(5):
        store.append(frames(3))
    before = rows(f"select hash(x) from ({everything}) x")
    assert store.compact()
    assert [live(store, t) for t in ("runs", "equity", "trades")] == [1, 1, 1]
    assert rows(f"select hash(x) from ({everything}) x") == before
    assert not store.compact(), "a second compaction has nothing to do"


@pytest.mark.slow
def test_appends_fold_themselves(store, rows, fold_early):
    for _ in range(21):
        store.append(frames(1))
    assert live(store, "runs") < 12
    assert rows(
        "select count(*), count(distinct run_id), (select count(*) from equity) from runs"
    ) == [(21, 21, 105)]


@pytest.mark.parametrize(("seconds", "folded"), [(60, 8), (0, 4)])
def test_a_fold_takes_the_oldest_commits_while_there_is_time(
    store, rows, monkeypatch, seconds, folded
):
    monkeypatch.setattr(compact, "FOLD_SECONDS", seconds)
    made = [frames(1) for _ in range(10)]
    for one in made:
        store.append(one)
    monkeypatch.setattr(compact, "FOLD_AT", 4)
    assert compact.fold(store.layout)
    assert live(store, "runs") == folded / 4 + 10 - folded
    standing = "select distinct run_id from runs join lake_files using (commit_id) order by 1"
    assert [row[0] for row in rows(standing)] == [ids(one)[0] for one in made[folded:]]
    assert rows("select count(*) from runs") == [(10,)]


@pytest.mark.slow
def test_tiers_merge_so_that_a_row_is_written_few_times(store, rows, fold_early, monkeypatch):
    monkeypatch.setattr(compact, "FAN_IN", 4)
    monkeypatch.setattr(compact, "FOLD_SECONDS", float("inf"))  # however slow the machine is
    written = 0
    advance = log.advance

    def counting(layout, state, *, adds, **rest):
        nonlocal written
        written += sum(add.rows for add in adds if add.table == "runs")
        return advance(layout, state, adds=adds, **rest)

    monkeypatch.setattr(log, "advance", counting)
    for _ in range(100):
        store.append(frames(1))
    assert rows("select count(*) from runs") == [(100,)]
    assert live(store, "runs") <= 3 + 3 + 4
    assert written <= 100 * 4


def test_large_commits_are_taken_over_without_rewriting(store, rows, monkeypatch):
    monkeypatch.setattr(compact, "LARGE_BYTES", 4096)
    made = frames(1, points=2000)
    store.append(made)
    (path,) = store.path.glob("equity/month=*/c-*.parquet")
    inode = path.stat().st_ino
    assert compact.fold(store.layout)
    (adopted,) = store.path.glob("equity/month=*/m-*.parquet")
    assert adopted.stat().st_ino == inode
    assert rows("select count(*), (select count(*) from equity) from runs") == [(1, 2000)]


@pytest.mark.slow
def test_a_commit_moves_whole(store, rows, monkeypatch):
    for _ in range(2):
        store.append(frames(1))
    monkeypatch.setattr(compact, "FULL_BYTES", next(store.path.glob("runs/*/c-*")).stat().st_size)
    assert store.compact()
    files = "select table_name, count(commit_id), count(*) from lake_files group by 1 order by 1"
    assert rows(files) == [("equity", 0, 1), ("runs", 0, 2), ("trades", 0, 1)]
    assert rows("select count(*), (select count(*) from equity) from runs") == [(2, 10)]
    assert not store.check().findings
    store.append(frames(1))
    store.compact(grace_s=0)
    assert rows("select count(*), (select count(*) from equity) from runs") == [(3, 15)]
    assert not store.check().findings


def test_folding_does_not_wait_for_others(store, fold_early):
    store.append(frames(1))
    with maintenance_lock(store.layout, wait=True):
        started = time.monotonic()
        for _ in range(8):
            store.append(frames(1))
        assert live(store, "runs") == 9, "somebody else is at it"
    assert time.monotonic() - started < 30


def test_a_crowd_of_commits_slows_down_those_who_do_not_fold(store, fold_early, monkeypatch):
    pauses = []
    monkeypatch.setattr(compact, "CROWDED", 6)
    monkeypatch.setattr(compact.time, "sleep", pauses.append)
    store.create()
    with maintenance_lock(store.layout, wait=True):
        for _ in range(5):
            store.append(frames(1))
        assert not pauses
        for _ in range(20):
            store.append(frames(1))
    assert len(pauses) == 20
    assert pauses == sorted(pauses)
    assert pauses[0] <= pauses[-1] <= 1
    store.append(frames(1))
    assert live(store, "runs") < 26, "the next one folds"


def test_removed_files_linger_for_the_grace_period(store):
    store.append(frames(1))
    store.append(frames(1))
    store.compact()
    assert len(list(store.path.glob("*/month=*/c-*"))) == 2 * 3
    assert not store.check().findings
    store.append(frames(1))
    store.compact(grace_s=0)
    assert list(store.path.glob("*/month=*/c-*")) == []
    assert len(list(store.path.glob("*/month=*/m-*"))) == 3


def test_a_reader_whose_files_vanish_asks_again(store):
    reader = Store(store.path)
    store.append(frames(1))
    count = lambda c: c.execute("select count(*), sum(bars) from runs").fetchall()  # noqa: E731
    assert reader.ask(count) == [(1, 5)]
    database = reader._database
    store.append(frames(1))
    store.compact(grace_s=0)
    # As if the snapshot had been taken before all that.
    database.refresh = lambda: None
    assert reader.ask(count) == [(2, 10)]


@pytest.mark.slow
def test_events_fold_into_runs(store, rows):
    made = frames(3)
    a, b, c = ids(made)
    store.append(made)
    store.append_events("tag", [a, b], "hot")
    store.append_events("tag", [a], "live")
    store.append_events("untag", [b], "hot")
    store.append_events("note", [a], "first")
    store.append_events("note", [a], "second")
    store.append_events("delete", [c])
    expected = [(a, ["hot", "live"], "first\nsecond"), (b, None, None)]
    question = "select run_id, tags, notes from runs order by run_id"
    assert rows(question) == expected
    store.compact()
    assert rows(question) == expected
    assert rows("select count(*) from events") == [(7,)], "the audit trail stays"
    store.append_events("untag", [a], "hot")
    store.append_events("note", [a], "third")
    assert rows(question)[0] == (a, ["live"], "first\nsecond\nthird")
    store.compact()
    assert rows(question)[0] == (a, ["live"], "first\nsecond\nthird")


def test_deleting_hides_and_restoring_brings_back(store, rows):
    made = frames(2)
    store.append(made)
    gone = ids(made)[:1]
    store.append_events("delete", gone)
    assert rows(
        "select count(*), (select count(*) from equity), (select count(*) from trades) from runs"
    ) == [(1, 5, 2)]
    assert rows("select count(*) from trials") == [(2,)]
    store.append_events("restore", gone)
    assert rows("select count(*), (select count(*) from equity) from runs") == [(2, 10)]


def test_folding_keeps_the_curve_of_a_deleted_run_and_compaction_drops_it(store, rows):
    made = frames(2)
    store.append(made)
    gone = ids(made)[:1]
    store.append_events("delete", gone)
    compact.fold(store.layout)
    store.append_events("restore", gone)
    assert rows("select count(*) from equity") == [(10,)]
    store.append_events("delete", gone)
    store.compact()
    assert rows("select count(*), count(deleted_at) from trials") == [(2, 1)]
    store.append_events("restore", gone)
    assert rows("select count(*), (select count(*) from equity) from runs") == [(2, 5)]


@pytest.mark.slow
def test_forgetting_leaves_no_trace(store, rows):
    made = frames(3)
    store.append(made)
    store.append_events("tag", ids(made), "x")
    store.compact()
    store.append_events("note", ids(made), "n")
    store.forget(ids(made)[:2])
    assert rows("select count(*) from trials") == [(1,)]
    assert rows("select count(distinct run_id) from lake_curves") == [(1,)]
    assert rows("select count(distinct run_id) from lake_trade_rows") == [(1,)]
    assert rows("select count(distinct run_id) from events") == [(1,)]
    assert rows("select tags, notes from runs") == [(["x"], "n")]


def mixed() -> Frames:
    """One commit of two runs, of which only the first has a curve and trades."""
    with_curve, without = frames(1), frames(1, points=0, trades=0)
    runs = pa.concat_tables([with_curve.runs, without.runs])
    return Frames(runs, with_curve.equity, with_curve.trades)


def test_forgetting_one_run_of_a_commit_keeps_the_curves_of_the_others(store, rows):
    made = mixed()
    store.append(made)
    store.forget(ids(made)[1:])
    assert rows(
        "select run_id, (select count(*) from equity), (select count(*) from trades) from runs"
    ) == [(ids(made)[0], 5, 2)]
    assert not store.check().findings


def test_compaction_keeps_children_that_are_too_large_to_rewrite(store, rows, monkeypatch):
    monkeypatch.setattr(compact, "FULL_BYTES", 2048)
    store.append(frames(1, points=500))
    store.append(frames(1))
    store.compact()
    assert rows(
        "select count(*), (select count(*) from equity), (select count(*) from trades) from runs"
    ) == [(2, 505, 4)]
    assert not store.compact()


def test_replacing_is_one_step(store, rows):
    made = frames(3)
    store.append(made)
    store.append_events("tag", ids(made), "kept")
    store.replace(frames(points=9, run_ids=ids(made)[:1], symbol="NEW"))
    assert rows("select symbol, bars, tags from runs order by symbol nulls last") == [
        ("NEW", 9, ["kept"]),
        (None, 5, ["kept"]),
        (None, 5, ["kept"]),
    ]
    assert rows("select count(*) from equity") == [(19,)]


def test_who_loses_the_race_for_an_epoch_starts_again(store, rows, monkeypatch):
    store.append(frames(2))
    store.append(frames(2))
    raced = []
    publish = log.write

    def overtaken(layout, state):
        if not raced:
            raced.append(state.epoch)
            other = log.newest(layout)
            publish(layout, log.State(state.epoch, other.at, other.grace_s))
        publish(layout, state)

    monkeypatch.setattr(log, "write", overtaken)
    assert store.compact()
    assert raced == [1]
    assert log.newest(store.layout).epoch == 2
    assert rows("select count(*), (select count(*) from equity) from runs") == [(4, 20)]
    assert len(list(store.path.glob("runs/month=*/m-*"))) == 1, "the loser's work is thrown away"


def test_a_stale_epoch_cannot_come_back(store):
    """A process held up for many epochs must not win a number whose log was pruned meanwhile."""
    store.append(frames(1))
    stale = log.newest(store.layout)
    for _ in range(log.KEPT_EPOCHS + 4):
        state = log.newest(store.layout)
        log.advance(store.layout, state, adds=[], drops=set())
    newest = log.newest(store.layout).epoch
    with pytest.raises(log.Lost):
        log.advance(store.layout, stale, adds=[], drops={"runs/month=2024-01/c-x.parquet"})
    assert log.newest(store.layout).epoch == newest
    assert len(log.epochs(store.layout)) == log.KEPT_EPOCHS


def test_who_slept_past_the_pruning_of_his_epoch_keeps_what_he_published(store, rows, monkeypatch):
    """Held up right after its log: others go on from it, and may prune it meanwhile."""
    store.append(frames(2))
    write = log.write

    def asleep(layout, state):
        write(layout, state)
        monkeypatch.setattr(log, "write", write)
        for _ in range(log.KEPT_EPOCHS + 1):
            log.advance(layout, log.newest(layout), adds=[], drops=set())

    monkeypatch.setattr(log, "write", asleep)
    store.compact()
    assert rows("select count(*), (select count(*) from equity) from runs") == [(2, 10)]
    assert not store.check().damaged


def test_grace_begins_when_the_removal_is_known(store):
    """A process may sleep before it publishes its epoch, so the next one notes the time."""
    for _ in range(2):
        store.append(frames(1))
    store.compact()
    first = log.newest(store.layout)
    assert set(first.removed.values()) == {None}
    second = log.advance(store.layout, first, adds=[], drops=set())
    assert len(second.removed) == 2, "their children go with them"
    assert all(abs(at - time.time()) < 600 for at in second.removed.values() if at is not None)
    ahead = replace(second, removed=dict.fromkeys(second.removed, time.time() + 1e6))
    third = log.advance(store.layout, ahead, adds=[], drops=set())
    assert max(third.removed.values()) <= time.time(), "a clock that went back holds up nothing"


@pytest.mark.parametrize("grace_s", [0, 60])
@pytest.mark.parametrize("at", ["lake_event_commits", "lake_commits", "lake_live"])
def test_a_snapshot_taken_while_files_go_is_no_snapshot(store, at, grace_s):
    """Maintenance between any two statements of `lake.sql`: all runs, or an error, never fewer."""
    for _ in range(3):
        store.append(frames(1))
    before, here, after = lake_sql().partition(f"set variable {at} ")
    with duckdb.connect() as connection:
        connection.execute("set variable lake = ?", [str(store.path)])
        connection.execute(before)
        store.compact(grace_s=grace_s)
        try:
            connection.execute(here + after)
        except duckdb.InvalidInputException as error:
            assert "open it again" in str(error)
            assert grace_s == 0
            return
        assert connection.execute("select count(*) from runs").fetchall() == [(3,)]


def test_a_log_that_is_pruned_while_it_is_read_is_no_empty_log(store):
    store.append(frames(1))
    store.compact()
    before, here, after = lake_sql().partition("set variable lake_content ")
    with duckdb.connect() as connection:
        connection.execute("set variable lake = ?", [str(store.path)])
        connection.execute(before)
        log.newest_path(store.layout).unlink()
        with pytest.raises(duckdb.InvalidInputException, match="open it again"):
            connection.execute(here + after)


@pytest.mark.slow
def test_the_shell_opens_no_older_log_which_may_be_pruned_under_it(store):
    for _ in range(2):
        store.append(frames(1))
        store.compact()
    older = store.layout.log / "00000000.json"
    text, done = older.read_bytes(), threading.Event()

    def prune() -> None:
        while not done.is_set():
            older.unlink(missing_ok=True)
            older.write_bytes(text)

    before, here, after = lake_sql().partition("set variable lake_live ")
    pruning = threading.Thread(target=prune)
    pruning.start()
    try:
        for _ in range(10):
            with duckdb.connect() as connection:
                connection.execute("set variable lake = ?", [str(store.path)])
                connection.execute(before)
                store.compact(grace_s=3600)
                store.append(frames(1))
                store.compact()
                connection.execute(here + after)
    finally:
        done.set()
        pruning.join()


def test_nobody_compacts_a_lake_that_a_newer_version_has_taken_over(store):
    for _ in range(2):
        store.append(frames(1))
    card = store.layout.card
    card.write_text(card.read_text().replace('"format": 1', '"format": 99'))
    before = sorted(store.path.glob("**/*.parquet"))
    for work in (compact.fold, compact.compact):
        with pytest.raises(FormatTooNew, match="99"):
            work(store.layout)
    assert sorted(store.path.glob("**/*.parquet")) == before


def test_a_table_that_is_away_is_not_taken_for_empty(store, rows, tmp_path):
    for _ in range(2):
        store.append(frames(1))
    store.layout.table("equity").rename(tmp_path / "equity")
    for work in (compact.fold, compact.compact):
        with pytest.raises(Damaged, match="equity is not there"):
            work(store.layout)
    (tmp_path / "equity").rename(store.layout.table("equity"))
    store.compact(grace_s=0)
    assert rows("select count(*), (select count(*) from equity) from runs") == [(2, 10)]


@pytest.mark.slow
def test_a_commit_whose_curve_is_away_is_not_folded(store, rows, tmp_path):
    for _ in range(3):
        store.append(frames(1))
    curve = min(store.path.glob("equity/month=*/c-*"))
    curve.rename(tmp_path / "curve")
    for work in (compact.fold, compact.compact):
        work(store.layout)
    assert live(store, "runs") == 2
    assert rows("select count(*) from runs") == [(3,)]
    with pytest.raises(Damaged, match=curve.name):
        rows("select count(*) from equity")
    (finding,) = store.check().findings
    assert (finding.kind, finding.path) == ("lost", curve.relative_to(store.path).as_posix())
    (tmp_path / "curve").rename(curve)
    store.compact(grace_s=0)
    assert rows("select count(*), (select count(*) from equity) from runs") == [(3, 15)]
    assert not store.check().findings


def test_a_curve_that_was_away_when_its_older_commit_was_folded_is_not_deleted(
    store, rows, tmp_path, monkeypatch
):
    """The ids of older versions did not say what there is."""
    monkeypatch.setattr("bt_lake.warehouse.commit.new_commit_id", lambda children: uuid7().hex)
    for _ in range(2):
        store.append(frames(1))
    curve = min(store.path.glob("equity/month=*/c-*"))
    curve.rename(tmp_path / "curve")
    compact.fold(store.layout)
    content = (tmp_path / "curve").read_bytes()
    (tmp_path / "curve").rename(curve)
    for _ in range(3):
        store.append(frames(1))
        store.compact(grace_s=0)
    assert [p.read_bytes() for p in store.path.glob("*/month=*/c-*")] == [content]
    assert rows("select count(*), (select count(*) from equity) from runs") == [(5, 20)]


def test_commits_that_stand_are_counted_though_the_log_names_some_that_are_gone(store, monkeypatch):
    monkeypatch.setattr(compact, "FOLD_AT", 1)
    monkeypatch.setattr(compact, "fold", lambda layout: False)
    for _ in range(5):
        store.append(frames(1))
    store.compact(grace_s=0)
    assert compact._standing_commits(store.layout) == 0
    for _ in range(3):
        store.append(frames(1))
    assert compact._standing_commits(store.layout) == 3


@pytest.mark.parametrize("folded", [False, True])
def test_the_last_event_counts_though_the_clock_went_back(store, rows, monkeypatch, folded):
    made = frames(1)
    store.append(made)
    store.append_events("delete", ids(made))
    if folded:
        compact.fold(store.layout)

    class Earlier(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=1)

    monkeypatch.setattr("bt_lake.warehouse.clock.datetime", Earlier)
    store.append_events("restore", ids(made))
    assert rows("select count(*) from runs") == [(1,)]


def test_a_compaction_that_fails_is_a_warning_not_an_error_of_the_save(
    store, rows, fold_early, monkeypatch
):
    def broken(layout):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compact, "fold", broken)
    with pytest.warns(UserWarning, match="the run is saved"):
        for _ in range(6):
            store.append(frames(1))
    assert rows("select count(*) from runs") == [(6,)]


def test_files_split_by_run_id_so_that_one_curve_is_in_one_file(store, rows, monkeypatch):
    monkeypatch.setitem(compact.MAX_ROWS, "equity", 50)
    for _ in range(4):
        store.append(frames(10))
    store.compact()
    spans = rows(
        "select min_run_id, max_run_id from lake_files where table_name = 'equity' order by 1"
    )
    assert len(spans) == 4
    assert all(a[1] < b[0] for a, b in pairwise(spans))
    assert rows("select count(*), count(distinct run_id) from equity") == [(200, 40)]


@pytest.mark.slow
def test_threads_of_one_process_append_side_by_side(store, rows, fold_early):
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(10):
                store.append(frames(1))
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert rows(
        "select count(*), count(distinct run_id), (select count(*) from equity) from runs"
    ) == [(60, 60, 300)]


@pytest.mark.slow
def test_the_log_names_only_files_that_are_there(store, fold_early):
    for _ in range(20):
        store.append(frames(1))
    state = log.newest(store.layout)
    assert state.epoch > 2
    assert all(os.path.exists(store.path / add.path) for add in state.adds)


# Acts that come late, and files that come back.


@pytest.mark.slow
@pytest.mark.parametrize("between", ["nothing", "compact", "fold"])
@pytest.mark.parametrize("late", ["delete", "restore"])
def test_of_acts_that_overtake_each_other_the_last_acknowledged_counts(
    store, rows, monkeypatch, between, late
):
    """One looks, and is held up; another deletes and restores; a compaction may come between."""
    made = frames(2)
    store.append(made)
    run = ids(made)[:1]
    if late == "restore":
        store.append_events("delete", run)
    acts = {"delete": ["delete", "restore"], "restore": ["restore", "delete"]}[late]

    def meanwhile(step: str) -> None:
        if step == "commit.staged.events":
            monkeypatch.setattr(files, "on_step", files._nothing)
            other = Store(store.path)
            for act in acts:
                other.append_events(act, run)
            if between == "compact":
                other.compact(grace_s=0)
            elif between == "fold":
                compact.fold(other.layout)

    monkeypatch.setattr(files, "on_step", meanwhile)
    store.append_events(late, run)
    visible = 2 if late == "restore" else 1
    for _ in range(2):
        assert rows("select count(*) from runs") == [(visible,)]
        store.compact(grace_s=0)


def put_back(copy: Path, store: Store, table: str = "*") -> None:
    """As rsync without --delete, or a backup that is copied over the lake."""
    for path in copy.glob(f"{table}/month=*/*"):
        target = store.path / path.relative_to(copy)
        if not target.exists():
            shutil.copy2(path, target)


def in_a_shell(store: Store, question: str) -> list[tuple]:
    plain = duckdb.connect()
    plain.execute("set variable lake = ?", [str(store.path)])
    plain.execute(lake_sql())
    return plain.execute(question).fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("table", ["*", "events"])
@pytest.mark.parametrize("how", ["compact", "fold"])
def test_events_that_come_back_are_passed_over(store, rows, tmp_path, how, table):
    made = frames(2)
    store.append(made)
    first, second = ids(made)
    store.append_events("note", [first], "once")
    store.append_events("tag", [first], "old")
    store.append_events("delete", [second])
    shutil.copytree(store.path, tmp_path / "backup")
    store.compact(grace_s=0) if how == "compact" else compact.fold(store.layout)
    store.append_events("untag", [first], "old")
    store.append_events("restore", [second])
    for _ in range(2):
        store.compact(grace_s=0)
    put_back(tmp_path / "backup", store, table)
    question = "select notes, tags from runs order by run_id"
    wanted = [("once", None), (None, None)]
    assert rows(question) == in_a_shell(store, question) == wanted
    assert rows("select count(*) from events") == [(5,)]
    assert {(f.kind, f.damage) for f in store.check().findings} == {("returned", False)}
    store.compact(grace_s=0)
    assert rows(question) == wanted
    store.check(repair=True)
    assert store.check().findings == []
    assert rows("select count(*) from events") == [(5,)]


@pytest.mark.slow
@pytest.mark.parametrize("first", ["standing", "folded"])
@pytest.mark.parametrize("act", ["forget", "replace"])
def test_a_commit_that_was_forgotten_stays_forgotten(store, rows, tmp_path, first, act):
    """Every run of it was forgotten, or replaced: nothing in the lake names it any more."""
    gone, kept = frames(2), frames(1)
    store.append(gone)
    store.append(kept)
    shutil.copytree(store.path, tmp_path / "backup")
    if first == "folded":
        for _ in range(2):
            store.compact(grace_s=0)
    if act == "forget":
        store.forget(ids(gone))
    else:
        store.replace(frames(run_ids=ids(gone), symbol="NEW"))
    for _ in range(3):
        store.compact(grace_s=0)
        store.append(frames(1))
    runs = 4 if act == "forget" else 6
    assert rows("select count(*), count(distinct run_id) from runs") == [(runs, runs)]
    put_back(tmp_path / "backup", store)
    question = "select count(*), count(distinct run_id), (select count(*) from equity) from runs"
    for _ in range(2):
        assert rows(question) == in_a_shell(store, question) == [(runs, runs, 5 * runs)]
        assert not store.check().damaged
        store.compact(grace_s=0)
    (back,) = [
        p
        for p in (tmp_path / "backup").glob("runs/*/c-*")
        if min(ids(gone)) in str(pq.read_table(p)["run_id"])
    ]
    assert not (store.path / back.relative_to(tmp_path / "backup")).exists(), "its bytes go again"


@pytest.mark.parametrize("kind", ["c", "m"])
def test_a_file_that_rotted_is_not_made_the_truth(store, rows, kind):
    """Rewritten it would have a digest again, and nobody could tell any more."""
    store.append(frames(1))
    store.append(frames(1))
    if kind == "m":
        store.compact(grace_s=0)
    made = frames(1)
    store.append(made)
    store.append_events("tag", ids(made), "x")
    victim = min(store.path.glob(f"equity/*/{kind}-*"))
    content = bytearray(victim.read_bytes())
    place = content.rfind(b"bt-lake" if kind == "c" else b"DuckDB")
    content[place] ^= 1
    victim.write_bytes(content)
    question = "select count(*), (select count(*) from equity), max(tags) from runs"
    before = rows(question)
    with pytest.warns(UserWarning, match="have not the bytes"):
        store.compact(grace_s=0)
    assert rows(question) == before
    assert victim.exists()
    assert [f.path for f in store.check().findings if f.damage] == [
        victim.relative_to(store.path).as_posix()
    ]
