"""The recipes of docs/backup.md, as they stand there, while others save and fold."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from factory import frames, ids
from test_backup import counted, known, save_for_a_while

from bt_lake.warehouse.store import Store

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(sys.platform == "win32", reason="the recipes are for a Unix shell"),
]
_processes = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
TEXT = (Path(__file__).parents[1] / "docs" / "backup.md").read_text("utf-8")
RECIPES = dict(re.findall(r"<!-- recipe: (\w+) -->\n```sh\n(.*?)```", TEXT, re.DOTALL))


@pytest.fixture
def busy(tmp_path: Path):
    """A lake of 40 runs, some folded, that two processes go on to save to."""
    store = Store(tmp_path / "lake")
    for _ in range(8):
        store.append(frames(5))
    store.compact()
    store.append(frames(2))
    stop = tmp_path / "stop"
    writers = [
        _processes.Process(target=save_for_a_while, args=(store.path, stop, tmp_path / f"said-{n}"))
        for n in range(2)
    ]
    for writer in writers:
        writer.start()
    yield store, writers
    stop.touch()
    for writer in writers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(writer.pid, signal.SIGCONT)
        writer.join()


def follow(recipe: str, store: Store, copy: Path, path: str = "") -> None:
    bin_ = Path(sys.executable).parent
    environment = os.environ | {
        "LAKE": str(store.path),
        "COPY": str(copy),
        "PATH": f"{path}{os.pathsep}{bin_}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", RECIPES[recipe]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def is_whole(copy: Path, before: set[str]) -> None:
    runs, points, trades = counted(copy)
    assert before <= known(copy)
    assert (points, trades) == (5 * runs, 2 * runs)


def test_backup_and_recover_and_merge(busy, tmp_path: Path):
    store, _ = busy
    before = known(store.path)
    follow("backup", store, tmp_path / "copy")
    follow("recover", store, tmp_path / "copy")
    is_whole(tmp_path / "lake.again", before)
    other = Store(tmp_path / "lake.again")
    lost = ids(frames(1))
    other.append(frames(run_ids=lost))
    other.backup(tmp_path / "copies")
    follow("merge", store, tmp_path / "copies")
    assert set(lost) <= known(store.path)


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_rsync_twice(busy, tmp_path: Path):
    """All that the first, slow pass has listed is folded and unlinked before it is copied."""
    store, _ = busy
    shim = tmp_path / "bin" / "rsync"
    shim.parent.mkdir()
    said = tmp_path / "passes"
    shim.write_text(
        "#!/bin/bash\n"
        f"echo pass >> {said}\n"
        f'if [ $(wc -l < {said}) = 1 ]; then {shutil.which("rsync")} --bwlimit=40 "$@"; exit 0; fi\n'
        f'exec {shutil.which("rsync")} "$@"\n'
    )
    shim.chmod(shim.stat().st_mode | stat.S_IXUSR)
    import threading

    def fold() -> None:
        while not said.exists():
            time.sleep(0.01)
        while said.read_text().count("pass") < 2:
            store.compact(grace_s=0)
            time.sleep(0.05)

    folder = threading.Thread(target=fold)
    folder.start()
    before = known(store.path)
    follow("rsync", store, tmp_path / "copy", str(shim.parent))
    folder.join()
    is_whole(tmp_path / "copy", before)


def test_cp(busy, tmp_path: Path):
    store, _ = busy
    before = known(store.path)
    follow("cp", store, tmp_path / "copy")
    is_whole(tmp_path / "copy", before)


def test_a_snapshot_is_a_lake_at_any_moment(busy, tmp_path: Path):
    """All writers stand still at whatever they are doing, as for a snapshot of a file system."""
    store, writers = busy
    for number in range(3):
        time.sleep(0.2)
        before = {
            line for said in tmp_path.glob("said-*") for line in said.read_text().split("\n")[:-1]
        }
        for writer in writers:
            os.kill(writer.pid, signal.SIGSTOP)
        copy = tmp_path / f"snapshot-{number}"
        shutil.copytree(store.path, copy)
        for writer in writers:
            os.kill(writer.pid, signal.SIGCONT)
        is_whole(copy, before)
        assert not Store(copy).check().damaged
