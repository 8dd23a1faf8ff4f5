"""When the file system says no: a clear error, and the lake as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from factory import frames, ids

from bt_lake.warehouse import files
from bt_lake.warehouse.errors import CannotWrite
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.store import Store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts and user ids of Linux")


def count(store: Store) -> tuple[int, int]:
    question = "select count(*), (select count(*) from equity) from trials"
    return Store(store.path).ask(lambda c: c.execute(question).fetchall())[0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may write anywhere, so permissions bind only somebody else."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.slow
def test_a_full_disk(small_disk):
    store = Store(small_disk / "lake")
    store.append(frames(1))
    saved, before = 1, sorted(p for p in store.path.rglob("*"))
    with pytest.raises(CannotWrite, match="disk is full"):
        for _ in range(100):
            store.append(frames(1, points=5000))
            saved += 1
            before = sorted(p for p in store.path.rglob("*"))
    assert sorted(p for p in store.path.rglob("*")) == before, "nothing is left of the failed save"
    assert count(store)[0] == saved
    assert not store.check().damaged


def test_a_disk_that_fills_up_at_the_last_step(store, monkeypatch):
    store.append(frames(1))
    before = sorted(p for p in store.path.rglob("*"))

    def full(step: str) -> None:
        if step == "commit.children_durable":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "on_step", full)
    with pytest.raises(CannotWrite, match="disk is full"):
        store.append(frames(1))
    assert sorted(p for p in store.path.rglob("*")) == before
    assert count(store) == (1, 5)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where others may go too: pytest shuts its own folders whenever it starts."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def test_a_folder_without_permission(open_folder):
    store = Store(open_folder / "lake")
    store.append(frames(1))
    for folder in [store.path, *(p for p in store.path.rglob("*") if p.is_dir())]:
        folder.chmod(0o555)
    with as_nobody():
        assert count(store) == (1, 5), "reading needs no permission to write"
        with pytest.raises(CannotWrite, match="permission denied"):
            Store(store.path).append(frames(1))
        with pytest.raises(CannotWrite, match="permission denied"):
            Store(store.path).compact()
        with pytest.raises(CannotWrite, match="permission denied"):
            Store(open_folder / "other").append(frames(1))
    for folder in [store.path, *(p for p in store.path.rglob("*") if p.is_dir())]:
        folder.chmod(0o755)
    assert count(store) == (1, 5)


@pytest.mark.slow
def test_a_read_only_disk(small_disk):
    store = Store(small_disk / "lake")
    made = frames(2)
    store.append(made)
    store.compact()
    store.append(frames(1))
    remount(small_disk, "ro")
    try:
        assert count(store) == (3, 15)
        assert store.check().findings == []
        for act in (
            lambda: store.append(frames(1)),
            lambda: store.append_new(frames(1)),
            lambda: store.append_events("delete", ids(made)),
            lambda: store.compact(),
            lambda: store.forget(ids(made)),
        ):
            with pytest.raises(CannotWrite, match="read-only"):
                act()
    finally:
        remount(small_disk, "rw")
    assert count(store) == (3, 15)


def test_a_disk_without_hard_links(store, monkeypatch, rows):
    def refused(*_: object, **how: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    made = frames(2)
    store.append(made)
    store.append(frames(1))
    store.compact()
    assert rows("select count(*), (select count(*) from equity) from runs") == [(3, 15)]
    existing = store.path / "existing"
    existing.write_text("old")
    staged = store.path / "staged"
    staged.write_text("new")
    with pytest.raises(FileExistsError):
        Folders(store.path).publish("staged", "existing")
    assert existing.read_text() == "old"
