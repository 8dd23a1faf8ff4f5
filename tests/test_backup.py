"""Backups: whole, whatever others do meanwhile; and a lake again from one."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from pathlib import Path

import pytest
from factory import frames, ids

from bt_lake.cli.main import run
from bt_lake.warehouse import backup, copies, files
from bt_lake.warehouse.errors import BadInput, CannotWrite, Damaged
from bt_lake.warehouse.store import Store

_processes = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")


def counted(path: Path) -> tuple[int, int, int]:
    question = "select (select count(*) from trials), (select count(*) from equity), (select count(*) from trades)"
    return Store(path).ask(lambda c: c.execute(question).fetchall()[0])


def known(path: Path) -> set[str]:
    return {
        r[0] for r in Store(path).ask(lambda c: c.execute("select run_id from trials").fetchall())
    }


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def test_each_backup_is_a_lake_and_like_files_are_shared(store: Store, target: Path):
    store.append(frames(2))
    first = store.backup(target)
    store.append(frames(1))
    second = store.backup(target)
    assert (counted(first.path), counted(second.path)) == ((2, 10, 4), (3, 15, 6))
    assert not Store(second.path).check().damaged
    (old,) = first.path.glob("runs/*/*")
    new = second.path / old.relative_to(first.path)
    assert old.samefile(new)
    assert second.reused >= 3
    assert not list(store.path.glob("_stage/hold-*"))


def test_a_copy_knows_that_it_is_one(store: Store, target: Path):
    store.append(frames(1))
    copy = Store(store.backup(target).path)
    card = json.loads(copy.layout.card.read_bytes())
    assert card["backup"]["of"] == str(store.path)
    for change in (lambda: copy.append(frames(1)), copy.compact, lambda: copy.forget(["x"])):
        with pytest.raises(CannotWrite, match="is a backup .* stays as it is"):
            change()


def fold_and_wait(store: Store) -> None:
    """What others may do while a slow backup is under way: all files it began with go."""
    store.append(frames(1))
    store.compact(grace_s=0)


@pytest.mark.slow
@pytest.mark.parametrize("holds", [True, False])
def test_what_is_folded_meanwhile_is_not_missed(
    store: Store, target: Path, monkeypatch, holds: bool
):
    """Finding: a backup that takes longer than the grace misses old runs."""
    store.append(frames(3))
    store.append(frames(2))
    before = known(store.path)
    copied = 0

    def meanwhile(step: str) -> None:
        nonlocal copied
        if step == "backup.copied":
            copied += 1
            if copied == 1:
                fold_and_wait(store)

    if not holds:
        monkeypatch.setattr(backup, "_hold", lambda *_: None)
    monkeypatch.setattr(files, "on_step", meanwhile)
    made = store.backup(target).path
    monkeypatch.undo()
    assert before <= known(made)
    runs, points, trades = counted(made)
    assert (points, trades) == (5 * runs, 2 * runs)
    assert not Store(made).check().damaged


def save_for_a_while(path: Path, stop: Path, said: Path) -> None:
    store = Store(path)
    with open(said, "a") as file:
        while not stop.exists():
            made = frames(1)
            store.append(made)
            file.write(ids(made)[0] + "\n")
            file.flush()


@pytest.mark.thorough
def test_backups_beside_writers_and_folders(
    store: Store, target: Path, tmp_path: Path, monkeypatch
):
    store.create()
    said = [tmp_path / f"said-{n}" for n in range(2)]
    writers = [
        _processes.Process(target=save_for_a_while, args=(store.path, tmp_path / "stop", one))
        for one in said
    ]
    for writer in writers:
        writer.start()
    try:
        monkeypatch.setattr(
            files, "on_step", lambda step: time.sleep(0.01 * (step == "backup.copied"))
        )
        for _ in range(4):
            time.sleep(0.5)
            store.compact(grace_s=0)
            before = {
                line for one in said if one.exists() for line in one.read_text().split("\n")[:-1]
            }
            made = store.backup(target).path
            assert before <= known(made)
            runs, points, trades = counted(made)
            assert (points, trades) == (5 * runs, 2 * runs)
            assert not Store(made).check().damaged
    finally:
        (tmp_path / "stop").touch()
        for writer in writers:
            writer.join()


def test_a_backup_that_was_killed_goes_on(store: Store, target: Path, monkeypatch):
    for _ in range(3):
        store.append(frames(1))

    class Killed(BaseException):
        pass

    for step in ("backup.held", "backup.copied", "backup.before_name"):

        def die(name: str, step: str = step) -> None:
            if name == step:
                raise Killed

        monkeypatch.setattr(files, "on_step", die)
        with pytest.raises(Killed):
            store.backup(target)
        assert copies.backups(target) == []
    monkeypatch.undo()
    done = store.backup(target)
    assert done.reused >= 9
    assert counted(done.path) == (3, 15, 6)


def test_old_backups_go(store: Store, target: Path):
    for _ in range(4):
        store.append(frames(1))
        last = store.backup(target, keep=2)
    assert [counted(path)[0] for path in copies.backups(target)] == [3, 4]
    assert len(last.pruned) == 1
    assert not list((target / "_stage").glob("*.old"))


def test_a_copy_that_rotted_is_found_and_mended(store: Store, target: Path, tmp_path: Path):
    store.append(frames(1))
    first = store.backup(target)
    (file,) = first.path.glob("equity/*/*")
    data = bytearray(file.read_bytes())
    data[40] ^= 1
    file.write_bytes(data)
    assert copies.rotten(first.path) == [file.relative_to(first.path).as_posix()]
    with pytest.raises(Damaged, match="the copy has rotted"):
        Store(tmp_path / "again").recover(first.path)
    again = store.backup(target, verify=True)
    assert again.mended == copies.rotten(first.path)
    assert copies.rotten(again.path) == []
    assert counted(Store(tmp_path / "whole").recover(target).path) == (1, 5, 2)


@pytest.mark.slow
def test_a_lake_again_from_a_backup(store: Store, target: Path, tmp_path: Path, monkeypatch):
    made = frames(3)
    store.append(made)
    store.append_events("tag", ids(made)[:1], "good")
    store.backup(target)
    again = Store(tmp_path / "again")

    def die(step: str) -> None:
        if step == "recover.copied":
            raise KeyboardInterrupt

    monkeypatch.setattr(files, "on_step", die)
    with pytest.raises(KeyboardInterrupt):
        again.recover(target)
    monkeypatch.undo()
    assert not again.layout.exists
    again.recover(target)
    assert counted(again.path) == (3, 15, 6)
    assert again.ask(
        lambda c: c.execute("select count(*) from runs where tags = ['good']").fetchall()
    ) == [(1,)]
    again.append(frames(1))
    assert not again.check().damaged
    with pytest.raises(BadInput, match="`bt-lake merge .*` takes in"):
        again.recover(target)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(BadInput, match="other files in it"):
        Store(tmp_path / "full").recover(target)


def test_places_that_cannot_be(store: Store, target: Path, tmp_path: Path):
    store.append(frames(1))
    with pytest.raises(BadInput, match="backups go to a folder"):
        store.backup("s3://bucket/lake")
    for place in (store.path, store.path / "copies", tmp_path):
        with pytest.raises(BadInput, match="one folder, or one is in the other"):
            store.backup(place)
    other = Store(tmp_path / "other")
    other.append(frames(1))
    with pytest.raises(BadInput, match="is a lake"):
        store.backup(other.path)
    other.backup(target)
    with pytest.raises(BadInput, match="the backups of another lake"):
        store.backup(target)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").touch()
    with pytest.raises(BadInput, match="other files in it"):
        store.backup(tmp_path / "full")


def test_a_lake_that_lacks_something_is_not_backed_up(store: Store, target: Path, tmp_path: Path):
    store.append(frames(1))
    store.backup(target, keep=1)
    (store.path / "equity").rename(tmp_path / "away")
    with pytest.raises(Damaged, match="equity.* is not there, and the lake needs it"):
        store.backup(target, keep=1)
    assert len(copies.backups(target)) == 1
    (tmp_path / "away").rename(store.path / "equity")
    (equity,) = store.path.glob("equity/*/*")
    store.compact(grace_s=0)
    (equity,) = store.path.glob("equity/*/*")
    equity.write_bytes(equity.read_bytes().replace(b"PAR1", b"PAR2", 1))
    with pytest.raises(Damaged, match="it has rotted in the lake"):
        store.backup(target, keep=1)


def test_on_the_command_line(store: Store, target: Path, tmp_path: Path, capsys):
    store.append(frames(2))
    assert run(["--lake", str(store.path), "backup", str(target), "--keep", "3"]) == 0
    assert "backed up to" in capsys.readouterr().err
    assert run(["--lake", str(tmp_path / "again"), "recover", str(target)]) == 0
    assert counted(tmp_path / "again") == (2, 10, 4)
    assert run(["--lake", str(tmp_path / "again"), "recover", str(target)]) == 2
    assert run(["--lake", str(store.path), "backup", "s3://bucket/x"]) == 2
