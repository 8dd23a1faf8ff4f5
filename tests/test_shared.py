"""One lake, several users: whatever their umasks, each can do what the others can."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from factory import frames, ids
from users import ANNA, BEN, GROUP, as_user, needs_root

from bt_lake.cli.main import run
from bt_lake.warehouse import clock
from bt_lake.warehouse.compact import fold
from bt_lake.warehouse.sharing import unlike
from bt_lake.warehouse.store import Store


@pytest.fixture
def team_folder():
    """Where others may go: below a folder of pytest only root may."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shared = folder / "team"
    shared.mkdir()
    os.chown(shared, 0, GROUP)
    shared.chmod(0o2775)
    yield shared
    shutil.rmtree(folder)


def done(user: int, umask: int, act, team_folder: Path) -> None:
    assert as_user(user, act, umask=umask, said=team_folder.parent / "said") == ""


def counted(path: Path) -> tuple[int, int, int]:
    question = "select (select count(*) from trials), (select count(*) from equity), (select count(*) from trades)"
    return Store(path).ask(lambda c: c.execute(question).fetchall()[0])


def write_all(path: Path) -> None:
    """Everything that changes a lake, once."""
    store = Store(path, wait_s=1)
    made = frames(2, points=3, trades=1)
    store.append(made)
    store.append_new(frames(1, points=3, trades=1), unique=False)
    store.append_events("tag", ids(made)[:1], "seen")
    fold(store.layout)
    store.compact(grace_s=0)
    gone = frames(1)
    store.append(gone)
    store.forget(ids(gone))


@pytest.mark.slow
@needs_root
@pytest.mark.parametrize("umask", [0o022, 0o077])
@pytest.mark.parametrize("made", ["by the first save", "by init --shared"])
def test_every_user_can_do_everything(team_folder: Path, umask: int, made: str):
    lake = team_folder / "lake"
    if made == "by init --shared":
        team_folder.chmod(0o777)
        os.chown(team_folder, 0, 0)
        lake.mkdir()
        os.chown(lake, ANNA, GROUP)
        done(ANNA, umask, lambda: _init(lake), team_folder)
    for user in (ANNA, BEN, ANNA):
        done(user, umask, partial(write_all, lake), team_folder)
    assert counted(lake) == (9, 27, 9)
    assert list(unlike(Store(lake).layout)) == []
    done(BEN, umask, lambda: _check(lake), team_folder)


def _init(lake: Path) -> None:
    assert run(["--lake", str(lake), "init", "--shared"]) == 0


def _check(lake: Path) -> None:
    report = Store(lake).check()
    assert not report.damaged, report.findings


@needs_root
def test_a_new_month_belongs_to_all(team_folder: Path, monkeypatch):
    lake = team_folder / "lake"
    done(ANNA, 0o022, lambda: Store(lake).append(frames(1)), team_folder)

    monkeypatch.setattr(clock, "now", lambda layout: datetime(2031, 12, 1, tzinfo=UTC))
    for user in (ANNA, BEN):
        done(user, 0o022, lambda: Store(lake).append(frames(1)), team_folder)
    assert len(list(lake.glob("runs/month=2031-12/c-*"))) == 2


@needs_root
def test_a_folder_that_refuses_is_named_and_whose(team_folder: Path):
    lake = team_folder / "lake"
    done(ANNA, 0o022, lambda: Store(lake).append(frames(1)), team_folder)
    (month,) = (lake / "equity").iterdir()
    month.chmod(0o2755)
    said = as_user(BEN, lambda: Store(lake).append(frames(1)), said=team_folder.parent / "said")
    assert said.startswith("CannotWrite: nothing was saved")
    assert f"{month} belongs to {ANNA}:{GROUP}, drwxr-sr-x" in said.splitlines()[0]
    (found,) = unlike(Store(lake).layout)
    assert found.path == f"equity/{month.name}"
    assert f"{ANNA}:{GROUP}" in found.message
    month.chmod(0o2775)
    assert not list(unlike(Store(lake).layout))
    done(BEN, 0o022, lambda: Store(lake).append(frames(1)), team_folder)


@pytest.mark.slow
@needs_root
def test_locks_of_another_user_lock_nobody_out(team_folder: Path):
    """Of a lake made before lakes were shared."""
    lake = team_folder / "lake"
    done(ANNA, 0o022, partial(write_all, lake), team_folder)
    for lock in (lake / "_stage").glob("*.lock"):
        lock.chmod(0o644)
    done(BEN, 0o022, partial(write_all, lake), team_folder)


@pytest.mark.slow
@needs_root
def test_init_shared_gives_an_older_lake_to_its_group(team_folder: Path, capsys):
    lake = team_folder / "lake"
    team_folder.chmod(0o755)
    Store(lake).append(frames(1))
    for folder, _, names in os.walk(lake):
        os.chown(folder, ANNA, GROUP)
        os.chmod(folder, 0o755)
        for name in names:
            os.chown(Path(folder, name), ANNA, GROUP)
            os.chmod(Path(folder, name), 0o600)
    said = as_user(BEN, lambda: Store(lake).append(frames(1)), said=team_folder.parent / "said")
    assert said.startswith("NotFound: no lake that you may read")
    assert _as_anna(lake, team_folder) == ""
    assert stat.S_IMODE(lake.stat().st_mode) == 0o2775
    done(BEN, 0o022, partial(write_all, lake), team_folder)
    assert list(unlike(Store(lake).layout)) == []


def _as_anna(lake: Path, team_folder: Path) -> str:
    return as_user(ANNA, lambda: _init(lake), said=team_folder.parent / "said")


def test_a_private_lake_stays_private(tmp_path: Path):
    old = os.umask(0o077)
    try:
        Store(tmp_path / "lake").append(frames(1))
    finally:
        os.umask(old)
    modes = {stat.S_IMODE(p.stat().st_mode) & 0o077 for p in (tmp_path / "lake").rglob("*")}
    assert modes == {0}
