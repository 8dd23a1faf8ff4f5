"""The parts of the soak that attack a lake while it is written: one function is one round."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import crash_worker
from crash_worker import lines
from factory import frames, ids
from older_stores import add_results, result

from bt_lake.lake import Lake
from bt_lake.warehouse import compact, files
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.store import Store

Counted = Counter[str]
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["crash_worker"])
_PATIENCE_S = 300


def start(target, *arguments, **options):
    process = _processes.Process(target=target, args=arguments, kwargs=options, daemon=True)
    process.start()
    return process


def ended(*processes, counted: Counted | None = None, at: Path | None = None) -> None:
    """Wait; a process is killed, or ends well. While the desk `at` fills, nobody is stuck."""
    try:
        for process in processes:
            seen = -1
            while process.exitcode is None and (now := _noted(at)) != seen:
                seen = now
                process.join(_PATIENCE_S)
            assert process.exitcode is not None, "a process does not come to its end"
            assert process.exitcode in (0, -9), f"a process ended with {process.exitcode}"
            if counted is not None:
                counted["kills"] += process.exitcode == -9
    finally:
        for process in processes:  # none goes on beside the next round
            process.kill()


def _noted(desk: Path | None) -> int:
    """How much is acknowledged; without a desk always the same."""
    return 0 if desk is None else len(lines(desk / "acknowledged"))


def whole(lake: Path, desk: Path) -> None:
    """Without repair: what was acknowledged is there once, and nothing that was not tried."""
    store = Store(lake)
    known, tagged = set(lines(desk / "acknowledged")), set(lines(desk / "tagged"))
    wrong = store.ask(lambda connection: crash_worker.look(connection, known, tagged))
    assert not wrong, wrong
    seen = {
        row[0] for row in store.ask(lambda c: c.execute("select run_id from trials").fetchall())
    }
    assert seen <= set(lines(desk / "tried")), "a run is there that nobody tried to save"
    report = store.check()
    assert not report.damaged, report.findings


def kills(seed: int, folder: Path, counted: Counted) -> None:
    """Writers, compactors, forgetters killed at named steps, two readers alongside."""
    chance = random.Random(seed)
    lake, desk = folder / "lake", folder / "desk"
    rehearsal, purging = folder / "steps", folder / "purges"
    for each in (desk, rehearsal, purging):
        each.mkdir()
    ended(start(crash_worker.record_steps, folder / "rehearsal", rehearsal))
    ended(start(crash_worker.record_purge_steps, folder / "purged", purging))
    steps, purges = lines(rehearsal / "steps"), lines(purging / "steps")
    Store(lake).create()
    readers = [start(crash_worker.watch, lake, desk, plain=plain) for plain in (False, True)]
    for _ in range(12):
        step, number = chance.choice(steps), chance.randint(1, 3)
        victims = [
            start(crash_worker.write, lake, desk, chance.randrange(2**32), step, number, 6),
            start(crash_worker.write, lake, desk, chance.randrange(2**32), None, 0, 3),
            start(crash_worker.tidy, lake, chance.choice(steps), number, 2, None),
        ]
        ended(*victims, counted=counted)
    (desk / "stop").touch()
    ended(*readers)
    assert lines(desk / "wrong") == [], lines(desk / "wrong")[:3]
    counted["reads"] += sum(int(line.split()[1]) for line in lines(desk / "reads"))
    whole(lake, desk)
    other, beside = folder / "other", folder / "beside"
    beside.mkdir()
    Store(other).create()
    reader = start(crash_worker.watch_purges, other, beside)
    for _ in range(6):
        known = crash_worker.two_commits(other)
        crash_worker.note(beside / "groups", " ".join(known))
        step = chance.choice(purges)
        ended(start(crash_worker.purge, other, beside, known, step, 1), counted=counted)
        assert crash_worker.look_at_purges(Store(other), beside) == "", step
    (beside / "stop").touch()
    ended(reader)
    assert lines(beside / "wrong") == []
    assert not Store(other).check().damaged


def _takes_in(lake: Path, source: Path, step: str | None, occurrence: int) -> None:
    crash_worker.die_at(step, occurrence)
    if source.suffix == ".db":
        from bt_lake.cli.main import run

        assert run(["--lake", str(lake), "import", "sqlite", str(source)]) == 0
    else:
        Lake(lake).ingest(source)


def taken_in(seed: int, folder: Path, counted: Counted) -> None:
    """ingest and import killed at every kind of step and begun again: each run once."""
    chance = random.Random(seed)
    source, database = folder / "results", folder / "old.db"
    source.mkdir()
    for number in range(20):
        run = {"strategy": "s", "params": {"n": number}, "symbol": f"S{number}",
               "equity": [["2024-01-02", 100.0], ["2024-01-03", 100.0 + number]]}  # fmt: skip
        (source / f"{number}.json").write_text(json.dumps(run))
    add_results(database, result())
    steps = ["commit.staged_durable", "commit.published.equity", "commit.children_durable",
             "commit.published.runs", "commit.durable", "commit.cleaned"]  # fmt: skip
    for origin, expected in ((source, 20), (database, 1)):
        lake = folder / f"from-{origin.stem}"
        for _ in range(4):
            ended(start(_takes_in, lake, origin, chance.choice(steps), 1), counted=counted)
        ended(start(_takes_in, lake, origin, None, 0), start(_takes_in, lake, origin, None, 0))
        found = Lake(lake).sql("select count(*), count(distinct run_id) from trials").row(0)
        assert found == (expected, expected), found
        assert not Lake(lake).check().damaged


def _state(store: Store) -> tuple:
    question = (
        "select count(*), (select count(*) from equity), (select count(*) from trades) from runs"
    )
    return store.ask(lambda connection: connection.execute(question).fetchall())[0]


def disk(seed: int, folder: Path, counted: Counted) -> None:
    """EIO, ENOSPC, EDQUOT and EROFS at a random step of a write: as before, or as after."""
    chance = random.Random(seed)
    origin = Store(folder / "origin")
    known = ids(made := frames(3))
    origin.append(made)
    origin.append(frames(2))
    acts = {
        "append": lambda store: store.append(frames(2, points=3)),
        "compact": lambda store: store.compact(grace_s=0),
        "forget": lambda store: store.forget(known[:2]),
        "replace": lambda store: store.replace(frames(points=9, run_ids=known[:1])),
        "tag": lambda store: store.append_events("tag", known, "x"),
    }
    for name, act in acts.items():
        names: list[str] = []
        lake = Store(folder / f"{name}-whole")
        shutil.copytree(origin.path, lake.path)
        files.on_step = names.append
        try:
            act(lake)
        finally:
            files.on_step = files._nothing
        before, after = _state(origin), _state(lake)
        for _ in range(4):
            store = Store(folder / f"{name}-{counted['failures']}")
            shutil.copytree(origin.path, store.path)
            at, number = chance.choice(names), chance.choice(
                [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS]
            )  # fmt: skip

            def fails(step: str, at: str = at, number: int = number) -> None:
                if step == at:
                    raise OSError(number, os.strerror(number))

            files.on_step = fails
            try:
                act(store)
            except (OSError, LakeError):
                counted["failures"] += 1
            finally:
                files.on_step = files._nothing
            assert _state(store) in (before, after), f"{name}: {os.strerror(number)} at {at}"
            assert not store.check().damaged, f"{name}: {os.strerror(number)} at {at}"
            shutil.rmtree(store.path)


def full_disk(seed: int, folder: Path, counted: Counted) -> None:
    """A file system of a few MB that fills up: what was acknowledged is there, and it goes on."""
    if os.name == "nt" or os.geteuid() != 0 or not sys.platform.startswith("linux"):
        counted["skipped: needs root to mount"] += 1
        return
    small = folder / "small"
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        counted["skipped: may not mount"] += 1
        return
    try:
        store, saved = Store(small / "lake"), []
        while True:
            made = frames(random.Random(seed).randint(1, 5), points=200)
            try:
                store.append(made)
            except LakeError:
                break
            saved += ids(made)
            assert len(saved) < 100_000
        counted["saved until full"] += len(saved)
        for _ in range(3):
            try:
                store.compact(grace_s=0)
            except LakeError:
                counted["refused"] += 1
        assert set(saved) == _ids(store)
        subprocess.run(["mount", "-o", "remount,size=12m", str(small)], check=True)
        store.append(frames(1))
        store.compact(grace_s=0)
        assert set(saved) < _ids(store) and not store.check().damaged
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def _ids(store: Store) -> set[str]:
    rows = Store(store.path).ask(lambda c: c.execute("select run_id from runs").fetchall())
    assert len(rows) == len(set(rows)), "a run is there twice"
    return {row[0] for row in rows}


def read_only(seed: int, folder: Path, counted: Counted) -> None:
    """A lake on a read-only mount: it is read, and nothing that writes changes anything."""
    origin = Store(folder / "lake")
    origin.append(frames(5))
    bind = ["mount", "--bind", str(folder / "lake"), str(folder / "lake")]
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(bind, check=False).returncode:
        counted["skipped: needs root to mount"] += 1
        return
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(origin.path)], check=True)
        store = Store(origin.path)
        assert len(_ids(store)) == 5 and not store.check().damaged
        for act in (lambda: store.append(frames(1)), lambda: store.append_events("tag", list(_ids(store)), "x"),
                    lambda: store.forget(list(_ids(store))[:1])):  # fmt: skip
            try:
                act()
            except LakeError:
                counted["refused"] += 1
            else:
                raise AssertionError("something was written to a read-only mount")
        assert len(_ids(store)) == 5
    finally:
        subprocess.run(["umount", "-l", str(origin.path)], check=False)


def _at_another_time(days: float, act, *arguments) -> None:
    """The act in a process whose clock is wrong by some days."""
    import bt_lake.ingest.saving  # noqa: F401
    from bt_lake.warehouse import commit, events, ids, log, maintenance, purge  # noqa: F401

    class Shifted(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=days)

    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + days * 86_400
    time.time_ns = lambda: real_ns() + int(days * 86_400e9)
    for name, module in list(sys.modules.items()):
        if name.startswith("bt_lake.") and getattr(module, "datetime", None) is datetime:
            module.datetime = Shifted
    act(*arguments)


def clocks(seed: int, folder: Path, counted: Counted) -> None:
    """Writers a day ahead and a day behind, beside right ones and their compactors."""
    chance = random.Random(seed)
    lake, desk = folder / "lake", folder / "desk"
    desk.mkdir()
    Store(lake).create()
    for _ in range(4):
        days = [chance.choice([-1, 1, -365, 0]) for _ in range(3)]
        ended(*[
            start(_at_another_time, shift, crash_worker.write, lake, desk, chance.randrange(2**32), None, 0, 5)
            for shift in days
        ])  # fmt: skip
        ended(
            start(
                _at_another_time,
                chance.choice([-1, 0, 1]),
                crash_worker.tidy,
                lake,
                None,
                0,
                1,
                None,
            )
        )
        counted["shifted writers"] += sum(map(bool, days))
        whole(lake, desk)


def half_synced(seed: int, folder: Path, counted: Counted) -> None:
    """A copy of which any part has come: an answer of what is there, or an error, nothing made up."""
    chance = random.Random(seed)
    origin = Store(folder / "origin")
    compact.FOLD_AT, compact.LOOK_EVERY = 6, 2
    known: set[str] = set()
    for _ in range(12):
        made = frames(chance.randint(1, 3))
        origin.append(made)
        known |= set(ids(made))
    if chance.random() < 0.7:
        origin.compact(grace_s=chance.choice([None, 0]))
    every = [path for path in origin.path.rglob("*") if path.is_file()]
    for number in range(10):
        copy = folder / f"copy{number}"
        late = [path for path in every if chance.random() < 0.9 and path.suffix == ".parquet"]
        first = [path for path in every if path not in late] if chance.random() < 0.8 else []
        for path in [*first, *chance.sample(late, chance.randint(0, len(late)))]:
            target = copy / path.relative_to(origin.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            content = path.read_bytes()
            target.write_bytes(
                content[: chance.randint(0, len(content))] if chance.random() < 0.05 else content
            )
        try:
            seen = _ids(Store(copy))
            assert seen <= known
            counted["answered"] += 1
        except LakeError:
            counted["refused"] += 1
        if copy.exists():
            try:
                Store(copy).check()
            except LakeError:
                counted["check refused"] += 1
        shutil.rmtree(copy, ignore_errors=True)


def crowd(seed: int, folder: Path, counted: Counted) -> None:
    """64 writers at once, a reader alongside: everything is there once, and nobody fails."""
    lake, desk = folder / "lake", folder / "desk"
    desk.mkdir()
    Store(lake).create()
    reader = start(crash_worker.watch, lake, desk, plain=False)
    writers = [start(crash_worker.write, lake, desk, seed * 64 + n, None, 0, 10) for n in range(64)]
    ended(*writers, at=desk)
    (desk / "stop").touch()
    ended(reader)
    assert lines(desk / "wrong") == [], lines(desk / "wrong")[:3]
    counted["writers"] += 64
    counted["runs"] += len(lines(desk / "acknowledged"))
    whole(lake, desk)
