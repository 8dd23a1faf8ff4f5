"""A repair is a plan first; it hides nothing, doubles nothing, and can be taken back."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factory import frames, ids
from hypothesis import given, settings
from hypothesis import strategies as st
from test_check import age, everything, flip, only

from bt_lake.warehouse import repair
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.store import Store


def whole_tree(store: Store) -> dict[str, bytes]:
    return {
        path.relative_to(store.path).as_posix(): path.read_bytes()
        for path in store.path.rglob("*")
        if path.is_file() and not path.name.endswith(".lock")
    }


@pytest.mark.slow
def test_a_plan_says_what_could_be_read_and_changes_nothing(store):
    for _ in range(2):
        store.append(frames(2))
    store.compact(grace_s=0)
    store.append(frames(1))
    only(store, "equity/month=*/m-*").unlink()
    torn = only(store, "trades/month=*/c-*")
    torn.write_bytes(b"")
    before = whole_tree(store)
    plan = store.check(dry_run=True)
    assert whole_tree(store) == before
    assert [f.kind for f in plan.findings if f.damage] == ["missing", "torn"]
    assert all(str(store.path / "_stage") not in f.repaired for f in plan.findings)
    done = store.check(repair=True)
    assert (plan.before, plan.after) == (done.before, done.after)
    assert (done.after["runs"], done.after["equity"], done.after["trades"]) == (5, 1, 4)
    told = [(f.kind, f.path) for f in plan.findings]
    assert told == [(f.kind, f.path) for f in done.findings]


def test_a_plan_needs_no_log(store):
    store.append(frames(3))
    for path in store.layout.log.iterdir():
        path.unlink()
    plan = store.check(dry_run=True)
    assert (plan.before["runs"], plan.after["runs"]) == (0, 3)
    assert not list(store.layout.log.iterdir())


@pytest.mark.slow
def test_what_nobody_has_is_listed_by_run(store, tmp_path):
    """Of two runs whose curve is lost a backup has one, in a file that is not this lake's."""
    kept, lost = frames(1), frames(1)
    store.append(kept)
    store.append(lost)
    other = Store(tmp_path / "backup")
    other.append(kept)
    store.compact(grace_s=0)
    only(store, "equity/month=*/m-*").unlink()
    found = store.check(repair=True, source=other.path).findings
    gone = {f.path: f for f in found if f.kind == "gone"}
    assert gone.keys() == {f"equity of {ids(f)[0]}" for f in (kept, lost)}
    assert "merge" in gone[f"equity of {ids(kept)[0]}"].remedy
    assert "nor of" in gone[f"equity of {ids(lost)[0]}"].message
    store.merge(other.path)
    assert everything(store) == [(2, 2, 5, 4)]


def test_a_lost_run_is_listed_by_what_others_say_of_it(store):
    made = frames(1)
    store.append(made)
    store.append(frames(1))
    store.append_events("tag", ids(made), "x")
    runs = next(p for p in store.path.glob("runs/*/c-*") if ids(made)[0] in str(pq.read_table(p)))
    runs.write_bytes(b"")
    found = store.check(repair=True).findings
    assert [f.path for f in found if f.kind == "gone"] == [f"runs of {ids(made)[0]}"]


def test_a_repair_that_is_cut_can_be_taken_back(store, monkeypatch):
    store.append(frames(1))
    store.append(frames(1))
    torn = sorted(store.path.glob("trades/*/c-*"))
    for path in torn:
        path.write_bytes(b"")
    moved = []

    def cut(self, name):
        if moved:
            raise KeyboardInterrupt
        moved.append(name)
        return real(self, name)

    real = repair.Repair.quarantine
    monkeypatch.setattr(repair.Repair, "quarantine", cut)
    with pytest.raises(KeyboardInterrupt):
        store.check(repair=True)
    assert not all(path.exists() for path in torn)
    assert repair.undo(store.layout) == [f"{moved[0]} is back"]
    assert all(path.exists() for path in torn)


# What is whole of a torn file.


def spoil(path: Path, group: int, column: str) -> None:
    """Make the pages of one column of one row group unreadable."""
    metadata = pq.read_metadata(path)
    chunk = next(
        chunk
        for chunk in map(metadata.row_group(group).column, range(metadata.num_columns))
        if chunk.path_in_schema.split(".")[0] == column
    )
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)


@pytest.mark.slow
def test_of_a_torn_curve_file_whole_runs_are_saved(store, rows):
    """Points of 30 runs in three row groups, of which the middle one is torn."""
    store.append(frames(15, points=5_000, trades=0))
    store.append(frames(15, points=5_000, trades=0))
    store.compact(grace_s=0)
    path = only(store, "equity/month=*/m-*")
    assert pq.read_metadata(path).num_row_groups == 3
    spoil(path, 1, "equity")
    plan = store.check(dry_run=True)
    found = store.check(repair=True)
    assert not found.damaged
    (torn,) = [f for f in found.findings if f.kind == "torn"]
    assert "could still be read" in torn.repaired
    curves = dict(rows("select run_id, count(*) from equity group by 1"))
    assert set(curves.values()) == {5_000}, "no half curve"
    assert 10 <= len(curves) < 20
    gone = [f for f in found.findings if f.kind == "gone"]
    assert len(gone) == 30 - len(curves)
    assert plan.after == found.after


@pytest.mark.slow
def test_of_a_torn_runs_file_the_other_columns_are_saved(store, rows):
    made = frames(5, notes="lost", symbol="KEPT")
    store.append(made)
    store.append(frames(2))
    path = max(store.path.glob("runs/month=*/c-*"), key=lambda p: p.stat().st_size)
    spoil(path, 0, "notes")
    found = store.check(repair=True)
    assert not found.damaged
    (torn,) = [f for f in found.findings if f.kind == "torn"]
    assert "without notes" in torn.repaired
    kept = rows("select symbol, notes from runs where symbol = 'KEPT'")
    assert kept == [("KEPT", None)] * 5
    assert everything(store) == [(7, 7, 35, 14)]


@pytest.mark.slow
def test_a_deletion_that_cannot_be_read_saves_nothing(store, rows):
    made = frames(3)
    store.append(made)
    store.append(frames(1))
    store.append_events("delete", ids(made)[:1])
    store.compact(grace_s=0)
    path = only(store, "runs/month=*/m-*")
    spoil(path, 0, "deleted_at")
    store.check(repair=True)
    assert rows("select count(*) from runs") == [(0,)]


# Random damage.

KINDS = ["truncate", "empty", "flip", "unlink", "copy", "double", "return", "log", "month", "stage"]


def a_lake(path: Path, rng: random.Random) -> tuple[Store, Path]:
    """Some commits, some of them folded, and a backup from the middle of its life."""
    store = Store(path / "lake")
    store.create()
    for _ in range(rng.randint(2, 6)):
        made = frames(rng.randint(1, 3), points=rng.randint(1, 40), trades=rng.randint(0, 2))
        store.append(made)
        if rng.random() < 0.3:
            store.append_events("tag", ids(made)[:1], "t")
        if rng.random() < 0.2:
            store.append_events("delete", ids(made)[-1:])
        if rng.random() < 0.4:
            store.compact(grace_s=rng.choice([0, 60]))
        if rng.random() < 0.3:
            shutil.copytree(store.path, path / "backup", dirs_exist_ok=True)
    return store, path / "backup"


def damage(store: Store, backup: Path, kind: str, rng: random.Random) -> None:
    parquet = sorted(p for t in ("runs", "equity", "trades", "events") for p in store.path.glob(f"{t}/*/*.parquet"))  # fmt: skip
    victim = rng.choice(parquet)
    match kind:
        case "truncate":
            victim.write_bytes(victim.read_bytes()[: rng.randrange(max(1, victim.stat().st_size))])
        case "empty":
            victim.write_bytes(b"")
        case "flip":
            if victim.stat().st_size:
                flip(victim, rng)
        case "unlink":
            victim.unlink()
        case "copy":
            shutil.copy(victim, victim.with_name(f"{victim.stem} (1).parquet"))
        case "double":
            other = victim.with_name("c-f" + victim.name[2:33].replace("-", "0")[:31] + ".parquet")
            if victim.name.startswith("c-") and not other.exists():
                shutil.copy(victim, other)
        case "return":
            for path in backup.glob("*/month=*/*"):
                target = store.path / path.relative_to(backup)
                if not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, target)
        case "log":
            log = max(store.layout.log.iterdir(), default=None)
            if log:
                log.unlink() if rng.random() < 0.5 else log.write_bytes(b"{")
        case "month":
            shutil.rmtree(victim.parent) if rng.random() < 0.2 else None
        case "stage":
            (store.layout.stage / "abc.runs").write_bytes(b"half")


def seen(store: Store) -> dict[str, Counter]:
    """The runs of each table, as far as files can be read: what a reader could see."""
    found: dict[str, Counter] = {}
    layout = store.layout
    from bt_lake.warehouse.database import Database

    try:
        connection = Database(layout, views=False).connection
        live = connection.execute("select table_name, path from lake_files").fetchall()
        connection.close()
    except LakeError:
        return {}
    for table, path in live:
        try:
            some = pq.read_table(layout.root / path)["run_id"].to_pylist()
        except (OSError, pa.ArrowException, ValueError):
            continue
        found.setdefault(table, Counter()).update(some)
    shown = found.get("runs", Counter())
    return {t: Counter({r: n for r, n in c.items() if r in shown}) for t, c in found.items()}


def hides_and_doubles_nothing(seed: int, kinds: list[str], folder: Path) -> None:
    rng = random.Random(seed)
    store, backup = a_lake(folder, rng)
    for kind in kinds:
        damage(store, backup, kind, rng)
    if rng.random() < 0.5:
        for path in store.path.rglob("*"):
            if path.is_file():
                age(path)
    before, tree = seen(store), whole_tree(store)
    try:
        plan = store.check(dry_run=True)
    except LakeError:
        plan = None
    assert whole_tree(store) == tree
    report = store.check(repair=True)
    after = seen(store)
    for table, runs in before.items():
        missing = runs.keys() - after.get(table, {}).keys()
        assert not missing, (table, missing, report.findings)
    if not report.damaged:
        doubled = [r for r, n in after.get("runs", {}).items() if n > 1]
        assert not doubled, (doubled, report.findings)
        for table in ("equity", "trades"):
            for run, n in after.get(table, {}).items():
                most = before.get(table, {}).get(run)
                assert most is None or n <= most, (table, run)
        Store(store.path).ask(lambda c: c.execute("select count(*) from equity").fetchall())
        if plan is not None:
            assert plan.after == report.after
    if (store.path / "_quarantine").is_dir() and list(store.path.glob("_quarantine/repair-*.json")):
        repair.undo(store.layout)
        again = seen(store)
        for table, runs in before.items():
            assert runs.keys() <= again.get(table, {}).keys(), table


SOME = st.lists(st.sampled_from(KINDS), min_size=1, max_size=4)


def test_a_file_that_is_cut_off_does_not_stop_the_log_from_being_rebuilt(tmp_path):
    hides_and_doubles_nothing(2221, ["truncate", "log", "truncate"], tmp_path)


@pytest.mark.slow
@settings(max_examples=4)
@given(seed=st.integers(0, 2**32), kinds=SOME)
def test_a_repair_hides_and_doubles_nothing(tmp_path_factory, seed, kinds):
    hides_and_doubles_nothing(seed, kinds, tmp_path_factory.mktemp("lake"))


@pytest.mark.thorough
@settings(max_examples=80)
@given(seed=st.integers(0, 2**32), kinds=SOME)
def test_a_repair_hides_and_doubles_nothing_often(tmp_path_factory, seed, kinds):
    hides_and_doubles_nothing(seed, kinds, tmp_path_factory.mktemp("lake"))
