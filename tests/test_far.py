"""A lake in an object store that is written where it is, by machines that share nothing else."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from subprocess import PIPE

import pytest
from bucket_fixtures import URL, content, obstore, save
from far_rounds import prove, rounds

import bt_lake
from bt_lake.errors import (
    BadInput,
    BudgetSpent,
    Busy,
    CannotRead,
    CannotWrite,
    Duplicate,
    LakeError,
    NotFound,
)
from bt_lake.lake import Lake
from bt_lake.warehouse import claims, compact, log, mirror, objects
from bt_lake.warehouse.errors import Unconfirmed

pytest_plugins = ["bucket_fixtures"]
Machine = Callable[[str], Lake]


@pytest.fixture
def machine(bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Open the lake as another machine does: with a cache of its own."""
    monkeypatch.setattr(mirror, "_FRESH_S", 0.0)
    monkeypatch.setattr(objects, "_WAITS_S", (0.0, 0.0))

    def opened(name: str) -> Lake:
        monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "caches" / name))
        return bt_lake.open(URL)

    return opened


def run_ids(lake: Lake) -> list[str]:
    return lake.sql("select run_id from trials")["run_id"].to_list()


def whole(lake: Lake, saved: list[str], tmp_path: Path) -> None:
    """All that was acknowledged is there once, with its curve; brought down it has no damage."""
    assert sorted(run_ids(lake)) == sorted(saved)
    curves = lake.sql("select run_id from equity")["run_id"].to_list()
    assert sorted(curves) == sorted(saved * 3)
    Lake.copy(URL, tmp_path / "down")
    assert not [each for each in bt_lake.open(tmp_path / "down").check().findings if each.damage]


@pytest.mark.slow
def test_what_one_machine_saves_another_sees(machine, bucket, tmp_path):
    one, two = machine("one"), machine("two")
    saved = [save(one, 0), save(two, 1), save(one, 2)]
    with two.batch() as batch:
        saved += [
            batch.save(
                strategy="s",
                params={"n": n},
                equity=[["2024-01-01", 1.0], ["2024-01-02", 2.0], ["2024-01-03", 3.0]],
            )
            for n in (3, 4)
        ]
    assert content(one) == content(two)
    two.tag("good", saved[:2])
    one.note("why", saved[:1])
    two.delete(saved[2:3])
    assert one.run(saved[0]).row["tags"] == ["good"] and len(two) == 4
    one.restore(saved[2:3])
    assert two.compact(grace_s=0.0)
    assert content(one) == content(two) and len(one) == 5
    assert one.delete(saved[4:], forget=True) == 1
    two.compact(grace_s=0.0)
    two.compact(grace_s=0.0)
    assert not [*bucket.rglob("c-*.parquet")]
    whole(machine("three"), saved[:4], tmp_path)


def test_a_machine_that_looked_before_the_lake_was_made(machine):
    one, two = machine("one"), machine("two")
    with pytest.raises(NotFound, match=f"no lake at {URL}"):
        two.compact()
    saved = save(one, 0)
    assert two.compact() and run_ids(two) == [saved]


@pytest.mark.slow
def test_random_acts_on_two_machines_are_those_of_a_local_lake(machine, tmp_path):
    """The same runs and events, whoever wrote, folded or was asked."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    first, local = machine("one"), bt_lake.open(tmp_path / "local")
    first.create(), local.create()
    far = [first, machine("two")]
    curve = [["2024-01-01", 1.0], ["2024-01-02", 2.0]]
    ids: list[str] = []
    hidden: set[str] = set()
    for step in range(12):
        lake, some = draw.choice(far), draw.sample(ids, min(len(ids), 2))
        act = draw.choice(["save", "save", "tag", "delete", "restore", "compact", "fold", "forget"])
        if act == "save":
            ids.append(f"run-{step}")
            given = {"strategy": "s", "params": {"n": step}, "equity": curve, "run_id": ids[-1]}
            lake.save(**given, unique=draw.random() < 0.5)
            local.save(**given)
        elif act == "compact":
            lake.compact(grace_s=draw.choice([0.0, 60.0]))
            local.compact()  # curves of deleted runs go, and do not come back
        elif act == "fold":
            compact.fold(lake.store.layout)
        elif some and act == "forget" and some[0] not in hidden:
            lake.delete(some[:1], forget=True)
            local.delete(some[:1], forget=True)
            ids.remove(some[0])
        elif some and act in ("delete", "restore"):
            some = [i for i in some if (i in hidden) == (act == "restore")]
            hidden ^= {*some}
            for each in (lake, local):
                getattr(each, act)(some)
        elif some and act == "tag" and not hidden.intersection(some):
            lake.tag("t", some)
            local.tag("t", some)
        asked = "select run_id, params, tags, deleted_at is null as live from trials order by all"
        assert draw.choice(far).sql(asked).equals(local.sql(asked)), act
        curves = "select run_id, ts, equity from equity order by all"
        assert draw.choice(far).sql(curves).equals(local.sql(curves)), act


def at_once(*acts: Callable[[], object]) -> list[object]:
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> object:
        start.wait()
        try:
            return act()
        except LakeError as error:
            return error

    with ThreadPoolExecutor(len(acts)) as pool:
        return [*pool.map(run, acts)]


@pytest.mark.slow
def test_of_two_machines_one_is_first(machine, tmp_path):
    """A look and its commit are one step: ids, `unique`, the budget of a study."""
    lakes = [machine(str(n)) for n in range(3)]
    lakes[0].study("s", hypothesis="it works", budget=2)
    at_once(*[partial(save, lake, 1) for lake in lakes])
    assert len(run_ids(lakes[0])) == 3
    for given, refusal in (
        ({"run_id": "mine"}, Duplicate),
        ({"unique": True, "params": {"n": 99}}, Duplicate),
    ):
        saves = [partial(lake.save, strategy="s", metrics={"own": 1.0}, **given) for lake in lakes]
        said = at_once(*saves)
        assert [type(each) for each in said if not isinstance(each, str)] == [refusal] * 2
    tries = {"strategy": "s", "study": "s", "metrics": {"own": 1.0}}
    said = at_once(
        *[partial(lake.save, params={"n": n}, **tries) for n, lake in enumerate(lakes)],
    )
    assert [type(each) for each in said if not isinstance(each, str)] == [BudgetSpent]
    assert len(run_ids(lakes[1])) == 7


@pytest.mark.slow
def test_two_that_maintain_at_once_lose_nothing(machine, tmp_path):
    lakes = [machine(str(n)) for n in range(3)]
    saved = [save(lakes[0], n) for n in range(4)]
    for _ in range(3):
        said = at_once(
            lambda: lakes[0].compact(grace_s=0.0),
            lambda: compact.fold(lakes[1].store.layout),
            lambda: [save(lakes[2], n) for n in range(4)],
        )
        saved += said[2]
    whole(machine("last"), saved, tmp_path)


class Faulty:
    """`put` fails as told: before it does anything, or after, so that its answer is lost."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.put, self.how, self.late = obstore.put, lambda name: "", []
        monkeypatch.setattr(obstore, "put", self)

    def __call__(self, store, name, data, **options):
        how = self.how(name)
        if how == "late":
            self.late.append(lambda: self.put(store, name, data, **options))
        elif how != "away":
            self.put(store, name, data, **options)
        if how:
            raise obstore.exceptions.GenericError("operation timed out")


@pytest.fixture
def faulty(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Faulty:
    return Faulty(monkeypatch)


@pytest.mark.slow
def test_lost_answers_and_refusals_that_pass(machine, faulty, tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    one, two = machine("one"), machine("two")
    last: dict[str, str] = {}

    def some(name: str) -> str:
        """Never twice in a row, so that the third try succeeds."""
        last[name] = "" if last.get(name) else draw.choice(["", "lost", "away"])
        return last[name]

    faulty.how = some
    saved = []
    for n in range(6):
        saved.append(save(draw.choice([one, two]), n))
        if n % 3 == 2:
            draw.choice([one, two]).tag("t", saved)
            draw.choice([one, two]).compact(grace_s=0.0)
    faulty.how = lambda name: ""
    whole(machine("three"), saved, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["runs", "events", "_log"])
def test_without_an_answer_it_is_said_and_nothing_taken_back(machine, faulty, table, tmp_path):
    """The put may be carried out after we gave up: then it is whole."""
    lake = machine("one")
    saved = [save(lake, n) for n in range(2)]
    faulty.how = lambda name: "late" if name.startswith(table) else ""
    acts = {
        "runs": lambda: save(lake, 5),
        "events": lambda: lake.tag("t", saved),
        "_log": lake.compact,
    }
    with pytest.raises(Unconfirmed, match=f"{URL}: this may or may not have been saved"):
        acts[table]()
    before = content(lake)
    faulty.how = lambda name: ""
    faulty.late[0]()
    after = content(machine("two"))
    assert (after == before) == (table == "_log")
    assert sorted(run_ids(lake)) == sorted(run_ids(machine("two")))
    assert len(lake.sql("from equity")) == 3 * len(run_ids(lake))
    save(machine("two"), 6)
    lake.compact(grace_s=0.0)
    whole(machine("three"), run_ids(lake), tmp_path)


def test_a_child_without_an_answer_is_not_saved(machine, faulty, bucket):
    lake = machine("one")
    save(lake, 0)
    faulty.how = lambda name: "away" if name.startswith("equity") else ""
    with pytest.raises(CannotWrite, match="nothing was saved") as said:
        save(lake, 1)
    assert not isinstance(said.value, Unconfirmed) and len(run_ids(lake)) == 1
    assert len([*bucket.rglob("c-*.parquet")]) == 2


def test_a_curve_and_trades_are_put_at_once_and_then_the_run(machine, monkeypatch):
    lake = machine("one")
    lake.create()
    both, put, order = threading.Barrier(2, timeout=20), objects.Objects.create, []

    def waits(store, name, data):
        if not name.startswith("runs/"):
            both.wait()  # each until the other is asked for, too
        put(store, name, data)
        order.append(name.partition("/")[0])

    monkeypatch.setattr(objects.Objects, "create", waits)
    trade = {"entry_at": "2024-01-01", "exit_at": "2024-01-02", "side": "long", "pnl": 1.0}
    lake.save(strategy="s", equity=[["2024-01-01", 1.0], ["2024-01-02", 2.0]], trades=[trade])
    assert sorted(order) == ["equity", "runs", "trades"] and order[-1] == "runs"


@pytest.mark.parametrize("child", ["equity", "trades"])
def test_of_children_put_at_once_none_is_left_where_one_fails(machine, faulty, bucket, child):
    lake = machine("one")
    save(lake, 0)
    there = {*bucket.rglob("c-*.parquet")}
    faulty.how = lambda name: "away" if name.startswith(child) else ""
    trade = {"entry_at": "2024-01-01", "exit_at": "2024-01-02", "side": "long", "pnl": 1.0}
    with pytest.raises(CannotWrite, match="nothing was saved"):
        lake.save(strategy="s", equity=[["2024-01-01", 1.0], ["2024-01-02", 2.0]], trades=[trade])
    assert {*bucket.rglob("c-*.parquet")} == there


def test_what_fails_after_a_commit_does_not_deny_it(machine, monkeypatch):
    lake = machine("one")
    save(lake, 0)
    monkeypatch.setattr(log, "KEPT_EPOCHS", 1)
    run = {"strategy": "s", "unique": True}
    lake.save(**run, metrics={"own": 1.0})

    def away(*_, **__):
        raise obstore.exceptions.GenericError("operation timed out")

    monkeypatch.setattr(obstore, "delete", away)
    lake.save(**run, metrics={"own": 2.0}, params={"n": 2})

    def unseen(_):
        raise CannotRead("operation timed out")

    monkeypatch.setattr(mirror.Mirror, "epochs", unseen)
    with pytest.raises(Unconfirmed, match="this was written, but"):
        lake.save(**run, metrics={"own": 3.0}, params={"n": 3})
    assert len(run_ids(machine("two"))) == 4


def test_a_full_cache_keeps_nothing_from_the_store(machine, monkeypatch):
    lake = machine("one")
    save(lake, 0)
    monkeypatch.setattr("os.link", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
    save(lake, 1)
    lake.compact()
    monkeypatch.undo()


@pytest.mark.slow
def test_what_was_written_in_the_store_is_not_copied_over(machine, filled, bucket):
    Lake.copy(filled.path, URL)
    far = machine("one")
    save(filled, 8)
    Lake.copy(filled.path, URL)
    save(far, 9)
    with pytest.raises(BadInput, match=f"written to where it is.*bt-lake --lake {URL} merge"):
        Lake.copy(filled.path, URL)
    assert len(run_ids(far)) == 6
    filled.save(strategy="more", metrics={"own": 1.0})
    far.merge(filled.path)
    assert len(run_ids(machine("two"))) == 7


@pytest.mark.slow
def test_nothing_is_saved_between_a_look_of_a_copy_and_its_log(
    machine, filled, bucket, monkeypatch
):
    """A copy that is at its files when somebody begins to write does not put its log."""
    Lake.copy(filled.path, URL)
    far, copying = machine("one"), claims.copying
    filled.compact(), save(filled, 7), filled.compact()

    saved = []

    def late(objects):
        saved.append(save(far, 8))
        far.compact()
        return copying(objects)

    monkeypatch.setattr(claims, "copying", late)
    with pytest.raises(BadInput, match="written to where it is"):
        Lake.copy(filled.path, URL)
    assert content(far) == content(machine("two")) and {*saved} <= {*run_ids(far)}


def test_who_begins_to_write_waits_for_a_copy_that_puts_its_log(machine, filled, bucket):
    Lake.copy(filled.path, URL)
    mark = bucket / "_stage/copying-1"
    mark.touch()
    far = machine("one")
    far.store.layout.wait_s = 0.0
    with pytest.raises(Busy, match="a copy goes up there at this moment"):
        save(far, 8)
    os.utime(mark, (0, 0))  # of a copy that was killed
    save(far, 8)
    assert not mark.exists() and len(run_ids(machine("two"))) == 5


def test_a_lake_is_made_only_where_nothing_else_is(machine, filled, bucket):
    bucket.mkdir(parents=True)
    (bucket / "other.csv").touch()
    with pytest.raises(BadInput, match="is not empty: it has other.csv; name another prefix"):
        save(machine("one"), 0)
    with pytest.raises(BadInput, match="is not empty"):
        Lake.copy(filled.path, URL)
    (bucket / "other.csv").unlink()
    (bucket / "_stage").mkdir()
    (bucket / "_stage/its-id").touch()
    with pytest.raises(BadInput, match="a copy of a lake .its-id. that did not come to its end"):
        save(machine("one"), 0)
    (bucket / "_stage/its-id").unlink()
    save(machine("one"), 0)
    with pytest.raises(BadInput, match="written to where it is"):
        Lake.copy(filled.path, URL)


def test_what_was_forgotten_is_removed_from_the_store(machine, bucket):
    """By whom it was saved its file is kept, by whom it is forgotten it was never read."""
    one, two = machine("one"), machine("two")
    saved = [save(one, 0), save(one, 1)]
    [forgotten] = [f for f in bucket.glob("runs/*/*") if saved[0].encode() in f.read_bytes()]
    two.delete(saved[:1], forget=True)
    two.compact(grace_s=0.0)
    assert not [*bucket.rglob(forgotten.name)] and run_ids(one) == saved[1:]


def test_the_folder_that_keeps_its_files_is_no_lake_to_write_to(machine):
    far = machine("one")
    save(far, 0)
    with pytest.raises(CannotWrite, match=f"only keeps files of the lake {URL}: open it by that"):
        save(bt_lake.open(far.path), 1)


@pytest.mark.slow
def test_a_sweep_saves_in_the_store(machine):
    far = machine("one")
    far.run_sweep(f"{__file__}:tried", {"n": [1, 2, 3]})
    assert len(run_ids(machine("two"))) == 3
    assert len(far.run_sweep(f"{__file__}:tried", {"n": [1, 2, 3, 4]}).run_ids) == 1


def tried(n: int) -> dict[str, float]:
    return {"own": float(n)}


@pytest.mark.parametrize(
    "act",
    [
        lambda lake: lake.delta(),
        lambda lake: lake.backup("backups"),
        lambda lake: lake.create(shared=True),
    ],
    ids=["delta", "backup", "shared"],
)
def test_what_is_not_made_for_a_store_is_refused(machine, act):
    far = machine("one")
    save(far, 0)
    with pytest.raises(CannotWrite, match=f"{URL} is a lake in an object store: "):
        act(far)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the store is asked for, in order."""
    requests: list[str] = []
    for name in ("listed", "read", "create", "replace", "remove", "changed_at", "touch"):
        method = getattr(objects.Objects, name)

        def notes(self, *given, method=method, name=name):
            requests.append(f"{name} {given[0] if given else ''}")
            return method(self, *given)

        monkeypatch.setattr(objects.Objects, name, notes)
    return requests


def test_a_look_after_the_first_asks_for_no_log_that_it_knows(machine, asked):
    one, two = machine("one"), machine("two")
    save(one, 0)
    run_ids(two), asked.clear(), run_ids(two)
    assert asked == ["listed events", "listed runs", "listed _log"]
    save(one, 1), one.compact(grace_s=0.0), save(one, 2)
    assert len(run_ids(two)) == 3  # the log that it knows is no longer the newest


def test_a_save_that_must_look_first_asks_for_no_time_that_it_does_not_need(
    machine, asked, monkeypatch
):
    lake = machine("one")
    monkeypatch.setattr(mirror, "_FRESH_S", 60.0)
    run = {"strategy": "s", "metrics": {"own": 1.0}, "unique": True}
    lake.save(**run, params={"n": 0}), asked.clear()
    lake.save(**run, params={"n": 1})
    assert len(asked) <= 8 and not [each for each in asked if each.startswith(("touch", "changed"))]


SAVER = """
import sys, time
import far_worker
from far_worker import bt_lake, objects, obstore, opened, slow
from bt_lake.errors import Duplicate
objects._opened = lambda url: opened(sys.argv[1])
for request in ("put", "get", "list", "delete"):
    setattr(obstore, request, slow(getattr(obstore, request), 0.01))
lake = bt_lake.open("s3://bucket/lake")
print("ready", flush=True), sys.stdin.readline()
for n in range(2):
    for own in ("all", sys.argv[2]):
        try:
            lake.save(strategy=own, params={"n": n}, equity=far_worker.CURVE, unique=True)
        except Duplicate:
            assert own == "all"
"""


@pytest.mark.thorough
def test_of_many_machines_that_look_and_save_at_once_nobody_fails(machine, bucket, tmp_path):
    """Each saves runs of its own, and some that all of them save: these are there once."""
    lake = machine("last")
    lake.create()
    savers = []
    for n in range(16):
        command = [sys.executable, "-c", SAVER, str(bucket), f"own-{n}"]
        where = {**os.environ, "BT_LAKE_CACHE": str(tmp_path / f"caches/{n}")}
        where |= {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
        pipes = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE, "text": True}
        savers.append(subprocess.Popen(command, env=where, **pipes))
    assert [saver.stdout.readline() for saver in savers] == ["ready\n"] * 16
    for saver in savers:
        saver.stdin.write("go\n"), saver.stdin.flush()
    assert [saver.communicate()[1] for saver in savers] == [""] * 16
    found = lake.sql("select strategy, (params->>'n')::int as n from runs").rows()
    assert sorted(found) == sorted(
        (own, n) for own in ("all", *(f"own-{n}" for n in range(16))) for n in range(2)
    )
    whole(lake, run_ids(lake), tmp_path)


@pytest.mark.thorough
def test_killed_writers_and_compactors_lose_double_and_tear_nothing(machine, bucket, tmp_path):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    lake = machine("last")
    lake.create()
    said = rounds(str(bucket), random.Random(seed), tmp_path / "caches")
    found = prove(lake, said, tmp_path / "down")
    lake.compact(grace_s=0.0)
    assert sorted(run_ids(machine("other"))) == sorted(found)
