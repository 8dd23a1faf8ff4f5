"""Merge: two lakes that went apart, a backup, files that no log names; in any order, again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from factory import frames, ids

from bt_lake.cli.main import run
from bt_lake.ingest.pipeline import ingest
from bt_lake.warehouse.compact import fold
from bt_lake.warehouse.errors import NotFound
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.store import Store


def look(store: Store) -> dict[str, tuple]:
    """Of each run what a reader sees of it."""
    question = """
        select t.run_id, coalesce(e.n, 0), coalesce(d.n, 0), list_sort(coalesce(t.tags, [])),
          list_sort(string_split(coalesce(t.notes, ''), chr(10))), t.deleted_at is not null
        from trials t
        left join (select run_id, count(*) n from equity group by 1) e using (run_id)
        left join (select run_id, count(*) n from trades group by 1) d using (run_id)
    """
    rows = store.ask(lambda c: c.execute(question).fetchall())
    assert len({row[0] for row in rows}) == len(rows)
    return {run_id: tuple(map(str, rest)) for run_id, *rest in rows}


def saved(store: Store, count: int = 1) -> list[str]:
    made = frames(count)
    store.append(made)
    return ids(made)


@pytest.fixture
def fork(store: Store, tmp_path: Path):
    def make(name: str = "fork") -> Store:
        return Store(shutil.copytree(store.path, tmp_path / name))

    return make


@pytest.mark.slow
@pytest.mark.parametrize("compacts", ["none", "here", "there", "both"])
def test_two_halves_that_were_edited_apart(store: Store, fork, compacts: str):
    first, second, third = saved(store, 3)
    store.append_events("tag", [first], "both")
    other = fork()
    saved(store, 2)
    saved(other, 4)
    store.append_events("tag", [first], "here")
    other.append_events("tag", [first], "there")
    other.append_events("untag", [first], "both")
    other.append_events("note", [second], "seen there")
    store.append_events("delete", [third])
    other.append_events("delete", [second])
    other.append_events("restore", [second])
    if compacts in ("here", "both"):
        store.compact(grace_s=0)
    if compacts in ("there", "both"):
        other.compact(grace_s=0)
    merged = store.merge(other.path)
    assert (len(merged.added), len(merged.already)) == (4, 3)
    found = look(store)
    assert len(found) == 9
    assert found[first][2] == "['here', 'there']"
    assert found[second][3:] == ("['seen there']", "False")
    assert found[third][4] == "True"
    assert not store.merge(other.path).changed
    other.merge(store.path)
    assert look(other) == look(store)
    for each in (store, other):
        assert not each.check().damaged
        each.compact(grace_s=0)
    assert look(other) == look(store)


@pytest.mark.slow
def test_the_last_act_counts_wherever_it_was_compacted(store: Store, fork):
    (run_id,) = saved(store)
    other = fork()
    other.append_events("tag", [run_id], "x")
    other.append_events("delete", [run_id])
    store.append_events("tag", [run_id], "x")
    store.append_events("untag", [run_id], "x")
    store.append_events("delete", [run_id])
    store.append_events("restore", [run_id])
    store.compact(grace_s=0)
    other.compact(grace_s=0)
    for one, two in ((store, other), (other, store)):
        one.merge(two.path)
        assert look(one)[run_id] == ("5", "2", "[]", "['']", "False")


@pytest.mark.slow
def test_a_missing_curve_comes_in(store: Store, tmp_path: Path):
    """An older copy has the run without what was lost on its way."""
    whole = frames(2)
    bare = Frames(whole.runs)
    store.append(bare)
    other = Store(tmp_path / "other")
    other.append(whole)
    merged = store.merge(other.path)
    assert (merged.added, merged.curves, merged.trades) == ([], 2, 2)
    assert look(store) == look(other)
    assert not store.check().damaged
    assert not other.merge(store.path).changed


@pytest.mark.slow
def test_a_backup_over_a_newer_lake(store: Store, tmp_path: Path):
    old = saved(store, 2)
    store.backup(tmp_path / "backups")
    store.forget(old[:1])
    saved(store)
    store.compact(grace_s=0)
    assert store.merge(tmp_path / "backups").added == old[:1]
    assert len(look(store)) == 3


def test_quarantine_comes_back_with_curves_and_trades(store: Store):
    run_id, other_id = [saved(store)[0] for _ in range(2)]
    whole = look(store)
    away = store.path / "_quarantine"
    for table in ("runs", "equity", "trades"):
        file = sorted(store.path.glob(f"{table}/*/c-*"))[0]
        (away / table / file.parent.name).mkdir(parents=True)
        file.rename(away / table / file.parent.name / f"{file.name}.a1b2c3")
    assert list(look(store)) == [other_id]
    assert store.merge(away).added == [run_id]
    assert look(store) == whole
    assert not store.merge(away).changed


@pytest.mark.slow
def test_halves_that_a_sync_program_put_into_one_folder(store: Store, fork, fold_early):
    """Of two logs of one epoch one was renamed: its files are in the folder, and in no log."""
    saved(store, 5)
    other = fork()
    here, there = saved(store, 3), saved(other, 2)
    for each in (store, other):
        each.compact(grace_s=0)
    for file in other.path.rglob("*.parquet"):
        mine = store.path / file.relative_to(other.path)
        if not mine.exists():
            shutil.copy(file, mine)
    shutil.copy(
        other.path / "_log/00000001.json", store.path / "_log/00000001.sync-conflict-a.json"
    )
    assert len(look(store)) == 8
    merged = store.merge(store.path)
    assert sorted(merged.added) == sorted(there)
    assert set(look(store)) >= {*here, *there}
    assert {row[:2] for row in look(store).values()} == {("5", "2")}
    assert not store.merge(store.path).changed


@pytest.mark.slow
def test_ingest_of_a_lake_is_the_same(store: Store, fork):
    (run_id,) = saved(store)
    other = fork()
    saved(other, 2)
    other.append_events("tag", [run_id], "there")
    report = ingest(store, [other.path])
    assert (len(report.added), report.skipped) == (2, [run_id])
    assert look(store) == look(other)
    assert len(ingest(store, [other.path], dry_run=True).added) == 0


@pytest.mark.slow
def test_a_lake_that_others_fold_meanwhile(store: Store, fork, monkeypatch):
    from bt_lake.warehouse import incoming

    monkeypatch.setattr(incoming, "RUNS_AT_ONCE", 2)
    other = fork() if store.layout.exists else Store(store.path.parent / "other")
    for _ in range(3):
        saved(other, 2)
    append_new, count = store.append_new, 0

    def slowly(*arguments, **options):
        nonlocal count
        count += 1
        if count == 2:
            saved(other)
            other.compact(grace_s=0)
        return append_new(*arguments, **options)

    monkeypatch.setattr(store, "append_new", slowly)
    assert len(store.merge(other.path).added) in (6, 7)
    store.merge(other.path)
    assert look(store) == look(other)


@pytest.mark.slow
def test_a_lake_with_doubled_runs_doubles_none_here(store: Store, fork, tmp_path: Path):
    """A run that was merged, and then copied file by file as well."""
    store.create()
    other = fork()
    saved(other)
    store.merge(other.path)
    for file in other.path.glob("*/month=*/c-*"):
        target = store.path / file.relative_to(other.path)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(file, target)
    third = Store(tmp_path / "third")
    third.merge(store.path)
    assert list(look(third).values()) == [("5", "2", "[]", "['']", "False")]
    assert not third.merge(store.path).changed


@pytest.mark.slow
def test_on_the_command_line(store: Store, fork, tmp_path: Path, capsys):
    saved(store)
    other = fork()
    saved(other, 2)
    words = ["--lake", str(store.path), "merge", str(other.path)]
    assert run([*words, "--dry-run"]) == 0
    assert "2 would be added · 1 already there" in capsys.readouterr().err
    assert len(look(store)) == 1
    assert run(words) == 0
    assert "2 added · 1 already there" in capsys.readouterr().err
    assert run(["--lake", str(store.path), "merge", str(tmp_path / "none")]) == NotFound.exit_code
    fold(store.layout)


@pytest.mark.slow
def test_an_ingest_of_a_lake_tells_what_runs_that_were_here_got(store: Store, fork, capfd):
    bare = frames(2, points=0, trades=0)
    store.append(Frames(bare.runs))
    other = fork()
    other.forget(ids(bare))
    other.append(frames(run_ids=ids(bare)))
    other.append_events("tag", ids(bare)[:1], "there")
    report = ingest(fork("again"), [other.path])
    assert (report.curves, report.trades, report.events) == (2, 2, 1)
    assert run(["--lake", str(store.path), "ingest", str(other.path)]) == 0
    said = capfd.readouterr().err
    assert "2 already there · 2 runs got a curve, 2 runs got trades, 1 event" in said
