"""Ctrl-C and failing disks at every step of a write: the lake is as before, or as after."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from itertools import product

import pytest
from factory import frames, ids

from bt_lake.warehouse import database, files
from bt_lake.warehouse.errors import CannotWrite
from bt_lake.warehouse.store import Store

State = tuple[int, int, int, int]


def state(store: Store) -> State:
    """Runs, points, trades; what a run claims to have is there or the answer is wrong."""
    question = """
        select count(*), coalesce(sum(n), 0), (select count(*) from trades),
          count(*) filter (bars <> coalesce(n, 0))
        from runs left join (select run_id, count(*) as n from equity group by 1) using (run_id)
    """
    return Store(store.path).ask(lambda c: c.execute(question).fetchall())[0]


def prepare(store: Store) -> list[str]:
    made = frames(3)
    store.append(made)
    store.append(frames(2, points=4))
    store.compact()
    store.append(frames(1))
    return ids(made)


ACTS: dict[str, Callable[[Store, list[str]], object]] = {
    "append": lambda store, _: store.append(frames(2, points=3)),
    "compact": lambda store, _: store.compact(grace_s=0),
    "forget": lambda store, known: store.forget(known[:2]),
    "replace": lambda store, known: store.replace(frames(points=9, run_ids=known[:1])),
}


def steps_of(store: Store, act: str, known: list[str]) -> list[str]:
    names: list[str] = []
    files.on_step = names.append
    try:
        ACTS[act](store, known)
    finally:
        files.on_step = files._nothing
    return sorted(set(names))


@pytest.mark.thorough
@pytest.mark.parametrize("act", ACTS)
def test_stopped_at_every_step(tmp_path, act):
    origin, whole = Store(tmp_path / "origin"), Store(tmp_path / "whole")
    known = prepare(origin)
    shutil.copytree(origin.path, whole.path)
    steps = steps_of(whole, act, known)
    before, after = state(origin), state(whole)
    for number, (step, stop) in enumerate(product(steps, (KeyboardInterrupt(), OSError(5, "EIO")))):
        store = Store(tmp_path / f"lake{number}")
        shutil.copytree(origin.path, store.path)

        def stopped(name: str, at: str = step, stop: BaseException = stop) -> None:
            if name == at:
                raise stop

        files.on_step = stopped
        try:
            ACTS[act](store, known)
        except (KeyboardInterrupt, OSError, CannotWrite):
            pass
        finally:
            files.on_step = files._nothing
        assert state(store) in (before, after), f"{stop!r} at {step}"
        assert not store.check().damaged, f"{stop!r} at {step}"


def test_ctrl_c_in_a_question_is_a_keyboard_interrupt(store):
    store.append(frames(1))
    asked = threading.Event()

    def endless(connection) -> None:
        asked.set()
        connection.execute("select sum(a.range % 7) from range(1000000000000) a").fetchall()

    def press() -> None:
        """As the command line does: DuckDB may be too busy to look for signals by itself."""
        asked.wait()
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)
        database.interrupt()

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        store.ask(endless)
    assert state(store)[0] == 1
