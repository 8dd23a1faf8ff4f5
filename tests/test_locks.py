"""Locks: who waits says for whom, gives up in time, and a stopped holder keeps nobody waiting."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest
from factory import frames, ids

from bt_lake.cli.main import run
from bt_lake.warehouse import files
from bt_lake.warehouse.compact import fold
from bt_lake.warehouse.errors import Busy
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.locks import holders, locked
from bt_lake.warehouse.store import Store

_processes = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="only Linux tells whether a process is stopped"
)


def hold(path: Path, name: str, ready: Path) -> None:
    with locked(Store(path).layout, name):
        ready.touch()
        time.sleep(60)


def save_and_stop(path: Path, run_id: str, step: str, ready: Path) -> None:
    """Save a run under the ingest lock, and stop at a step of it."""

    def stop(name: str) -> None:
        if name == step and not ready.exists():
            ready.touch()
            os.kill(os.getpid(), signal.SIGSTOP)

    files.on_step = stop
    store = Store(path)
    appended = store.append_new(frames(run_ids=[run_id]))
    (ready.parent / "outcome").write_text(f"{len(appended.added)} {len(appended.already)}")


def until(path: Path) -> None:
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} did not come")


@pytest.fixture
def holder(store: Store, tmp_path: Path):
    """Start a process that holds a lock."""
    started = []

    def start(target, *arguments):
        ready = tmp_path / "ready"
        process = _processes.Process(target=target, args=(store.path, *arguments, ready))
        process.start()
        started.append(process)
        until(ready)
        return process

    store.create()
    yield start
    for process in started:
        process.kill()
        process.join()


@pytest.mark.slow
def test_a_waiter_says_for_whom_and_gives_up(store: Store, holder, monkeypatch):
    process = holder(hold, "ingest")
    monkeypatch.setattr("bt_lake.warehouse.locks.SAY_AFTER_S", 0.05)
    waiter = Store(store.path, wait_s=0.3)
    with (
        pytest.warns(UserWarning, match=f"waiting for the ingest lock .* pid {process.pid} of "),
        pytest.raises(
            Busy, match=rf"waited 0.3 s for the ingest lock.*pid {process.pid} of .*since"
        ),
    ):
        waiter.append_new(frames(1))
    assert len(waiter.known(ids(frames(1)))) == 0
    store.append(frames(1))  # a plain save takes no lock


def test_giving_up_has_an_exit_code_of_its_own(store: Store, holder, capsys):
    holder(hold, "maintenance")
    assert run(["--lake", str(store.path), "compact", "--wait", "0.1"]) == Busy.exit_code == 5
    said = capsys.readouterr().err
    assert "waited 0.1 s for the maintenance lock" in said
    assert "--wait SECONDS" in said


def test_holders_are_told_and_gone_ones_not(store: Store, holder):
    process = holder(hold, "maintenance")
    (found,) = holders(store.layout).items()
    assert (found[0], found[1].pid) == ("maintenance", process.pid)
    assert found[1].since
    if Path("/proc").exists():
        assert found[1].state == "alive"
    process.kill()
    process.join()
    assert holders(store.layout) == {}


@needs_proc
def test_a_stopped_holder_keeps_nobody_from_folding(store: Store, holder, fold_early):
    process = holder(hold, "maintenance")
    os.kill(process.pid, signal.SIGSTOP)
    for _ in range(3):
        store.append(frames(1))
    with pytest.warns(UserWarning, match=f"in the place of pid {process.pid}"):
        store.append(frames(1))
    assert not list(holders(store.layout))
    assert len(list(store.path.glob("runs/*/m-*"))) == 1
    os.kill(process.pid, signal.SIGCONT)


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize(
    "step",
    [
        "commit.staged.equity",
        "commit.staged.runs",
        "commit.children_durable",
        "commit.published.runs",
    ],
)
def test_a_stopped_saver_is_passed_over_and_nothing_is_doubled(
    store: Store, holder, tmp_path: Path, monkeypatch, step: str
):
    """Whatever the step it was stopped at: the run is in once when both are done."""
    monkeypatch.setattr("bt_lake.warehouse.locks.SAY_AFTER_S", 0.05)
    run_id = str(uuid7())
    process = holder(save_and_stop, run_id, step)
    with warnings.catch_warnings(record=True):
        appended = store.append_new(frames(run_ids=[run_id]))
    was_in = step == "commit.published.runs"
    assert appended.already == ([run_id] if was_in else [])
    os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert process.exitcode == 0
    assert (tmp_path / "outcome").read_text() == ("1 0" if was_in else "0 1")
    counts = "select (select count(*) from runs), (select count(*) from equity)"
    assert store.ask(lambda c: c.execute(counts).fetchall()) == [(1, 5)]
    assert not store.check().damaged


def test_two_take_turns(store: Store):
    store.create()
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with locked(store.layout, "ingest"):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_lock_whose_file_was_deleted_is_no_lock(store: Store):
    store.create()
    with locked(store.layout, "ingest"):
        (store.layout.stage / "ingest.lock").unlink()
        with locked(store.layout, "ingest") as other:
            assert other is not None
            assert other.is_ours


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_pool_does_not_keep_a_lock(store: Store):
    store.create()
    with locked(store.layout, "ingest"):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        with locked(store.layout, "ingest", wait=False) as lock:
            assert lock is not None
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_while_another_thread_makes_an_id_can_make_ids(monkeypatch):
    from bt_lake.warehouse import ids as made

    with made._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(5)
            uuid7()
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_fold_that_finds_the_lock_taken_does_without(store: Store, holder):
    holder(hold, "maintenance")
    assert fold(store.layout) is False
