"""What the processes of the crash test do; they are killed at a named step of a write."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow.parquet  # noqa: F401  (loaded once, before the processes fork)
from factory import frames, ids

from bt_lake.warehouse import check, compact, database, events, files, maintenance  # noqa: F401
from bt_lake.warehouse.store import Store

HALF_SEEN = """
select r.run_id, r.bars, e.n, r.total_trades, t.n
from runs r
left join (select run_id, count(*) as n from equity group by 1) e using (run_id)
left join (select run_id, count(*) as n from trades group by 1) t using (run_id)
where r.bars <> coalesce(e.n, 0) or r.total_trades <> coalesce(t.n, 0)
"""


def note(path: Path, *lines: str) -> None:
    """Append lines that survive the death of the process."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, "".join(f"{line}\n" for line in lines).encode())
    os.close(descriptor)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def die_at(step: str | None, occurrence: int) -> None:
    seen: Counter[str] = Counter()

    def on_step(name: str) -> None:
        seen[name] += 1
        if name == step and seen[name] == occurrence:
            os.kill(os.getpid(), signal.SIGKILL)

    files.on_step = on_step


def write(lake: Path, desk: Path, seed: int, step: str | None, occurrence: int, saves: int) -> None:
    """Save runs; what was acknowledged is noted after, what was tried before."""
    rng = random.Random(seed)
    compact.FOLD_AT, compact.LOOK_EVERY, compact.FAN_IN = 6, 2, 4
    die_at(step, occurrence)
    store = Store(lake)
    for _ in range(saves):
        made = frames(rng.randint(1, 4), points=rng.randint(1, 6), trades=rng.randint(0, 3))
        note(desk / "tried", *ids(made))
        store.append(made)
        note(desk / "acknowledged", *ids(made))
        if rng.random() < 0.7:
            store.append_events("tag", ids(made)[:1], "seen")
            note(desk / "tagged", ids(made)[0])


def tidy(lake: Path, step: str | None, occurrence: int, times: int, grace_s: float | None) -> None:
    die_at(step, occurrence)
    store = Store(lake)
    for _ in range(times):
        store.compact(grace_s=grace_s)


def purge(lake: Path, desk: Path, known: list[str], step: str | None, occurrence: int) -> None:
    """Forget the first half of these runs in one act, replace the rest by longer ones in another."""
    die_at(step, occurrence)
    half = len(known) // 2
    store = Store(lake)
    store.forget(known[:half])
    note(desk / "forgotten", *known[:half])
    store.replace(frames(points=9, run_ids=known[half:]))
    note(desk / "replaced", *known[half:])


def watch_purges(lake: Path, desk: Path) -> None:
    """Read until told to stop: what is purged in one act is there in one piece."""
    store = Store(lake)
    while not (desk / "stop").exists():
        if wrong := look_at_purges(store, desk):
            note(desk / "wrong", wrong)
        time.sleep(0.05)


def look_at_purges(store: Store, desk: Path) -> str:
    """What is wrong; what was acknowledged is read before the lake is."""
    forgotten, replaced = lines(desk / "forgotten"), lines(desk / "replaced")
    groups = [line.split() for line in lines(desk / "groups")]

    def question(connection: duckdb.DuckDBPyConnection) -> str:
        bars = dict(connection.execute("select run_id, bars from runs").fetchall())
        for a, b, c, d in groups:
            if (a in bars) != (b in bars):
                return "one of two runs is forgotten"
            if c not in bars or bars[c] != bars.get(d):
                return "one of two runs is replaced, or gone"
        if bars.keys() & set(forgotten) or {bars[run_id] for run_id in replaced} - {9}:
            return "what was acknowledged is not seen"
        return str(connection.execute(HALF_SEEN).fetchall() or "")

    return store.ask(question)


def record_purge_steps(lake: Path, desk: Path) -> None:
    names: list[str] = []
    known = two_commits(lake)
    files.on_step = names.append
    Store(lake).forget(known[:2])
    Store(lake).replace(frames(points=9, run_ids=known[2:]))
    note(desk / "steps", *sorted(set(names)))


def two_commits(lake: Path) -> list[str]:
    """Four runs: each half of them lies in two files."""
    one, two = ids_of_commit(lake), ids_of_commit(lake)
    return [one[0], two[0], one[1], two[1]]


def ids_of_commit(lake: Path) -> list[str]:
    made = frames(2)
    Store(lake).append(made)
    return ids(made)


def watch(lake: Path, desk: Path, *, plain: bool) -> None:
    """Read until told to stop, through Python or through `lake.sql` in plain DuckDB."""
    store = Store(lake)
    os.chdir(lake)
    reads = 0
    while not (desk / "stop").exists():
        known, tagged = set(lines(desk / "acknowledged")), set(lines(desk / "tagged"))
        try:
            if plain:
                with duckdb.connect() as connection:
                    connection.execute((lake / "lake.sql").read_text())
                    wrong = look(connection, known, tagged)
            else:
                wrong = store.ask(lambda c, k=known, t=tagged: look(c, k, t))
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            note(desk / "wrong", f"{'plain' if plain else 'python'}: {wrong}".replace("\n", " "))
        reads += 1
        time.sleep(0.05)
    note(desk / "reads", f"{'plain' if plain else 'python'} {reads}")


def look(connection: duckdb.DuckDBPyConnection, known: set[str], tagged: set[str]) -> str:
    """What is wrong with the lake as this reader sees it; nothing if all is well."""
    seen = [row[0] for row in connection.execute("select run_id from runs").fetchall()]
    if missing := known - set(seen):
        return f"{len(missing)} acknowledged runs are not visible"
    if len(seen) != len(set(seen)):
        return "a run is visible twice"
    if half := connection.execute(HALF_SEEN).fetchall():
        return f"half visible: {half[:3]}"
    marked = connection.execute("select run_id from runs where list_contains(tags, 'seen')")
    if missing := tagged - {row[0] for row in marked.fetchall()}:
        return f"{len(missing)} acknowledged tags are not visible"
    return ""


def record_steps(lake: Path, desk: Path) -> None:
    """Note the name of every step that the processes of this test pass."""
    names: list[str] = []
    write(lake, desk, 0, None, 0, saves=30)
    files.on_step = names.append
    store = Store(lake)
    for _ in range(3):
        store.append(frames(2))
    store.append_events("delete", lines(desk / "tried")[:2])
    store.compact(grace_s=0)
    store.append(frames(2))
    store.compact(grace_s=0)
    note(desk / "steps", *sorted(set(names)))
