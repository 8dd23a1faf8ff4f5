"""Kill writers and compactors at every step, with readers alongside: nothing may be lost or torn."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import crash_worker
import pytest

from bt_lake.warehouse.store import Store

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["crash_worker"])


def run(target, *arguments, **options):
    process = _processes.Process(target=target, args=arguments, kwargs=options, daemon=True)
    process.start()
    return process


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def all_steps(tmp_path: Path) -> list[str]:
    folder = tmp_path / "steps"
    folder.mkdir()
    run(crash_worker.record_steps, tmp_path / "rehearsal", folder).join()
    return crash_worker.lines(folder / "steps")


@pytest.mark.thorough
@pytest.mark.parametrize("grace_s", [None, 0.3], ids=["default grace", "short grace"])
def test_killed_at_every_step(tmp_path: Path, desk: Path, grace_s: float | None):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    steps = all_steps(tmp_path)
    assert {"commit.published.runs", "rewrite.durable", "log.published", "unlink.one"} <= set(steps)
    lake = tmp_path / "lake"
    Store(lake).create()
    # The plain shell does not start over by itself, so it is promised only the default grace.
    kinds = [False, True] if grace_s is None else [False]
    readers = [run(crash_worker.watch, lake, desk, plain=plain) for plain in kinds]
    # The lake is made before; nothing is unlinked within the default grace period.
    never = {step for step in steps if step.startswith("create.")}
    aims = set(steps) - never - ({"unlink.one"} if grace_s is None else set())
    killed: set[str] = set()

    def rounds() -> Iterator[str]:
        """Each step twice; which are passed depends on the others, so what was missed again."""
        yield from steps * 2
        for _ in range(20):
            yield from sorted(aims - killed)

    for step in rounds():
        victims = [
            run(crash_worker.write, lake, desk, rng.randrange(2**32), step, rng.randint(1, 2), 8),
            run(crash_worker.write, lake, desk, rng.randrange(2**32), None, 0, 4),
            run(crash_worker.tidy, lake, step, rng.randint(1, 2), 2, grace_s),
        ]
        for victim in victims:
            victim.join()
            if victim.exitcode == -9:
                killed.add(step)
            else:
                assert victim.exitcode == 0, f"a process failed at {step}"
    (desk / "stop").touch()
    for reader in readers:
        reader.join()
    assert crash_worker.lines(desk / "wrong") == []
    assert len(crash_worker.lines(desk / "reads")) == len(readers)
    assert killed >= aims
    _whole(lake, desk)


def _whole(lake: Path, desk: Path) -> None:
    """Without any repair: all that was acknowledged is there once, nothing that was not tried."""
    store = Store(lake)
    acknowledged = set(crash_worker.lines(desk / "acknowledged"))
    tagged = set(crash_worker.lines(desk / "tagged"))
    assert len(acknowledged) > 50
    assert store.ask(lambda c: crash_worker.look(c, acknowledged, tagged)) == ""
    seen = {r[0] for r in store.ask(lambda c: c.execute("select run_id from trials").fetchall())}
    assert seen <= set(crash_worker.lines(desk / "tried"))
    report = store.check()
    assert not report.damaged, report.findings
    store.append(crash_worker.frames(1))
    store.compact()
    assert store.ask(lambda c: crash_worker.look(c, acknowledged, tagged)) == ""


@pytest.mark.thorough
def test_killed_while_forgetting_and_replacing(tmp_path: Path, desk: Path):
    rehearsal = tmp_path / "rehearsal-desk"
    rehearsal.mkdir()
    run(crash_worker.record_purge_steps, tmp_path / "rehearsal", rehearsal).join()
    steps = crash_worker.lines(rehearsal / "steps")
    assert {"rewrite.staged.runs", "rewrite.published", "log.published"} <= set(steps)
    lake = tmp_path / "lake"
    store = Store(lake)
    store.create()
    reader = run(crash_worker.watch_purges, lake, desk)
    for step, occurrence in product(steps, (1, 2)):
        known = crash_worker.two_commits(lake)
        crash_worker.note(desk / "groups", " ".join(known))
        victim = run(crash_worker.purge, lake, desk, known, step, occurrence)
        victim.join()
        assert victim.exitcode in ((-9,) if occurrence == 1 else (-9, 0)), step
        assert crash_worker.look_at_purges(store, desk) == "", step
    (desk / "stop").touch()
    reader.join()
    assert reader.exitcode == 0
    assert crash_worker.lines(desk / "wrong") == []
    assert crash_worker.lines(desk / "forgotten")
    assert not store.check().damaged


@pytest.mark.slow
def test_killed_while_making_the_lake(tmp_path: Path, desk: Path):
    for step in ("create.folders", "create.before_card"):
        lake = tmp_path / step
        process = run(crash_worker.write, lake, desk, 1, step, 1, 1)
        process.join()
        assert process.exitcode == -9
        makers = [run(crash_worker.write, lake, desk, n, None, 0, 3) for n in range(4)]
        for maker in makers:
            maker.join()
            assert maker.exitcode == 0
        assert not Store(lake).check().damaged
