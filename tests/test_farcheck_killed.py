"""A repair of a lake in a store that is killed at each of its writes: nothing goes, and the next one ends well."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import obstore
import pytest
from bucket_fixtures import URL, save

import bt_lake
from bt_lake.errors import LakeError
from bt_lake.lake import Lake
from bt_lake.warehouse import mirror, objects

pytest_plugins = ["bucket_fixtures"]
TABLES = ("trials", "equity", "trades", "events")


class Killed(BaseException):
    """Nothing that this process asks for afterwards is done."""


class Writes:
    """Counts what is written to the store, and ends it all at one; a removal may be half done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.put, self.delete = obstore.put, obstore.delete
        self.last, self.count = 1_000_000, 0
        for name in ("get", "list", "head", "get_range"):
            monkeypatch.setattr(obstore, name, self.reading(getattr(obstore, name)))
        monkeypatch.setattr(obstore, "put", self.putting)
        monkeypatch.setattr(obstore, "delete", self.deleting)

    def reading(self, ask: Callable) -> Callable:
        def asks(*given, **options):
            if self.count > self.last:
                raise Killed
            return ask(*given, **options)

        return asks

    def next(self) -> bool:
        """Whether this is the last one."""
        self.count += 1
        if self.count > self.last:
            raise Killed
        return self.count == self.last

    def putting(self, *given, **options):
        ends = self.next()
        done = self.put(*given, **options)
        if ends:
            self.count += 1
            raise Killed
        return done

    def deleting(self, store, names):
        ends = self.next()
        names = [names] if isinstance(names, str) else names
        for name in random.sample(names, (len(names) + 1) // 2) if ends else names:
            self.delete(store, name)
        if ends:
            self.count += 1
            raise Killed


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with files of maintenance, commits, events; and what a copy put beside them."""
    folder = tmp_path_factory.mktemp("sound")
    lake = bt_lake.open(folder / "lake")
    for n in range(2):
        save(lake, n)
    lake.tag("good", lake.runs()["run_id"].to_list())
    lake.compact(grace_s=0.0)
    lake.compact(grace_s=0.0)
    for n in (2, 3):
        save(lake, n)
    lake.tag("late", lake.runs(n=1)["run_id"].to_list())
    return lake.path


def files(lake: Path, pattern: str) -> list[Path]:
    found = sorted(lake.glob(pattern))
    assert found, pattern
    return found


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def spoil(pattern: str, how: Callable[[Path], object] = cut) -> Callable[[Path], None]:
    return lambda lake: how(files(lake, pattern)[0])


def copied(lake: Path) -> None:
    """Two that only a copy has: one whose rows the lake lacks, one that it has."""
    other = bt_lake.open(lake.parent / "other")
    save(other, 7)
    month = files(lake, "runs/*")[0]
    for path in (*files(other.path, "runs/*/c-*"), *files(lake, "runs/*/c-*")[:1]):
        shutil.copy(path, month / f"{path.stem} (conflicted copy).parquet")


def doubled(lake: Path) -> None:
    path = files(lake, "runs/*/c-*[0-9a-f].parquet")[0]
    for table in ("equity", "runs"):
        child = files(lake, f"{table}/*/{path.name}")[0]
        name = child.name.replace(child.stem[-6:], "abcdef")
        shutil.copy(child, child.with_name(name))


def all_of_it(lake: Path) -> None:
    for harm in [each for name, each in HARMS.items() if name not in ("all", "log", "unlogged")]:
        harm(lake)


HARMS: dict[str, Callable[[Path], None]] = {
    "torn": spoil("equity/*/m-*"),
    "missing": spoil("equity/*/m-*", Path.unlink),
    "run": spoil("runs/*/c-*"),
    "events": spoil("events/*/c-*"),
    "lost": lambda lake: files(lake, "equity/*/c-*")[-1].unlink(),
    "card": spoil("lake.json", Path.unlink),
    "seed": spoil("_seed/runs.parquet"),
    "log": lambda lake: cut(files(lake, "_log/*.json")[-1]),
    "unlogged": lambda lake: [path.unlink() for path in files(lake, "_log/*.json")],
    "copied": copied,
    "doubled": doubled,
}
HARMS["all"] = all_of_it


def read(lake: Lake) -> dict[str, set[tuple]]:
    """What can be read of each table."""
    found = {}
    for table in TABLES:
        try:
            rows = lake.sql(
                f"select * exclude (ingested_at) from {table}"
                if table == "trials"
                else f"from {table}"
            ).rows()
        except LakeError:
            continue
        found[table] = {repr(row) for row in rows}
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("harm", HARMS)
def test_a_repair_that_is_killed_loses_nothing_and_the_next_one_ends(
    sound, bucket, tmp_path, monkeypatch, harm
):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    random.seed(seed)
    monkeypatch.setattr(mirror, "_FRESH_S", 0.0)
    monkeypatch.setattr(objects, "_WAITS_S", ())
    writes, place = Writes(monkeypatch), iter(range(1_000_000))
    Lake.copy(sound, URL)
    HARMS[harm](bucket)
    harmed = shutil.copytree(bucket, tmp_path / "harmed")

    def machine() -> Lake:
        monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / f"caches/{next(place)}"))
        return bt_lake.open(URL)

    def again(last: int) -> None:
        shutil.rmtree(bucket)
        shutil.copytree(harmed, bucket)
        writes.count, writes.last = 0, last

    before = read(machine())
    again(1_000_000)
    assert not machine().check(repair=True).damaged
    total, mended = writes.count, read(machine())
    assert total > 2 and all(rows <= mended[table] for table, rows in before.items())
    for last in range(1, total + 1):
        again(last)
        with pytest.raises(Killed):
            machine().check(repair=True)
        writes.last = 1_000_000
        left = read(machine())
        for table, rows in before.items():
            assert rows <= left.get(table, set()), (last, table)
        assert not machine().check(repair=True).damaged, last
        assert read(machine()) == mended, last
        assert not machine().check(deep=True).damaged, last
        shutil.rmtree(tmp_path / "caches")
