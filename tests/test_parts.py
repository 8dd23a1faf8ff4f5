"""Of a large file in an object store only the groups of rows that a question needs."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from bucket_fixtures import URL

import bt_lake
from bt_lake.errors import Damaged
from bt_lake.lake import Lake
from bt_lake.warehouse import keeping, mirror, objects
from bt_lake.warehouse.parts import _Group, _Window
from bt_lake.warehouse.schema import TABLES

pytest_plugins = ["bucket_fixtures"]
_RUNS, _POINTS = 12, 1000


def points(n: int) -> list[list]:
    return [
        [f"2020-01-01T{i // 60:02}:{i % 60:02}", 100.0 + (n + 1) * i % 37] for i in range(_POINTS)
    ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_small_groups(monkeypatch)
        lake = bt_lake.open(tmp_path_factory.mktemp("parts") / "lake")
        with lake.batch() as batch:
            for n in range(_RUNS):
                save(batch, n)
        save(lake, _RUNS)
        lake.compact()
    return lake.path


@pytest.fixture
def lake(made: Path, tmp_path: Path, bucket: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mirror, "_FRESH_S", 0.0)
    monkeypatch.setattr(mirror, "LARGE_BYTES", 1)
    in_small_groups(monkeypatch)
    lake = bt_lake.open(shutil.copytree(made, tmp_path / "lake"))
    Lake.copy(lake.path, URL)
    return lake


def in_small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    for table in ("equity", "trades"):
        monkeypatch.setitem(TABLES, table, replace(TABLES[table], row_group_size=2048))


def save(to: Any, n: int) -> None:
    trades = [
        {
            "entry_at": f"2020-01-01T00:{i % 60:02}",
            "quantity": 1.0,
            "side": "long",
            "pnl": i,
            "why": n,
        }
        for i in range(n * 50)
    ]
    run = {"run_id": f"run-{n:02}", "strategy": "s", "params": {"n": n}}
    to.save(**run, equity=points(n), trades=trades)


@pytest.fixture
def far(lake: Lake) -> Lake:
    return bt_lake.open(URL)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each request read."""
    lengths: list[int] = []
    for name in ("read", "read_range"):
        method = getattr(objects.Objects, name)

        def counts(self, *given, method=method):
            found = method(self, *given)
            lengths.append(len(found if isinstance(found, bytes) else found[0]))
            return found

        monkeypatch.setattr(objects.Objects, name, counts)
    return lengths


def here(far: Lake) -> list[str]:
    found = [*far.path.glob("equity/*/m-*"), *far.path.glob("_part/*")]
    return sorted(path.name.partition(".")[2] for path in found)


def test_one_curve_is_a_footer_and_the_rows_around_it(lake, far, read):
    far.runs(), read.clear()
    assert far.equity("run-07").equals(lake.equity("run-07"))
    # Rows 7,000 to 7,999 lie in the fourth group of 2,048.
    assert here(far) == ["3.parquet", "footer"] and len(read) == 2
    (file,) = lake.path.glob("equity/*/m-*")
    assert max(read[1:]) < file.stat().st_size / 4
    read.clear()
    assert far.equity(["run-07"]).equals(lake.equity(["run-07"])) and not read
    assert far.equity("run-06").equals(lake.equity("run-06")) and len(read) == 1
    assert here(far) == ["2.parquet", "3.parquet", "footer"]


def test_a_part_has_the_columns_and_ids_of_the_file(lake, far):
    far.equity("run-07")
    (file,), (part,) = lake.path.glob("equity/*/m-*"), far.path.glob("_part/*.parquet")
    assert pq.read_schema(part).equals(pq.read_schema(file), check_metadata=False)
    ids = [[f.metadata for f in pq.read_schema(path)] for path in (file, part)]
    assert ids[0] == ids[1] and ids[0][0] == {b"PARQUET:field_id": b"1"}
    assert pq.read_table(part).equals(pq.ParquetFile(file).read_row_group(3))


def test_most_of_a_file_is_all_of_it_and_proved(lake, far, read):
    ids = [f"run-{n:02}" for n in range(_RUNS)]
    assert far.equity(ids).equals(lake.equity(ids))
    assert here(far) == ["footer", "parquet"]
    assert far.sql("from equity order by all").equals(lake.sql("from equity order by all"))


def test_random_questions_are_answered_as_by_the_lake(lake, far, monkeypatch):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    ids = [f"run-{n:02}" for n in range(_RUNS + 1)]
    for _ in range(5):
        some = draw.sample(ids, draw.choice((1, 1, 2, 3, 5)))
        assert far.equity(some).equals(lake.equity(some))
        if draw.random() < 0.3:
            for path in draw.sample(found := [*far.path.glob("_part/*")], len(found) // 2):
                path.write_bytes(b"rotten") if draw.random() < 0.2 and "footer" not in path.name else path.unlink()  # fmt: skip
        assert far.trades(some).equals(lake.trades(some))
    assert far.drawdowns(some).equals(lake.drawdowns(some))


def test_parts_go_with_their_file(lake, far):
    far.equity("run-07")
    before = {*far.path.glob("_part/*")}
    save(lake, _RUNS + 1)
    lake.compact()
    Lake.copy(lake.path, URL)
    assert far.equity("run-07").equals(lake.equity("run-07"))
    after = {*far.path.glob("_part/*")}
    assert len(before) == len(after) == 2 and not before & after


def test_parts_make_room(lake, far, tmp_path, monkeypatch):
    far.equity("run-07")
    monkeypatch.setattr(keeping, "_IN_USE_S", 0.0)
    keeping.trim(tmp_path / "cache", 0)
    assert here(far) == []
    assert far.equity("run-07").equals(lake.equity("run-07"))


@pytest.mark.parametrize("how", ["another length", "another object", "no footer"])
def test_an_object_that_changed_is_not_read(far, bucket, how):
    (object_,) = bucket.glob("equity/*/m-*")
    data = object_.read_bytes()
    if how == "another object":
        far.equity("run-07")
    object_.unlink()
    object_.write_bytes(
        {"another length": data + b"!", "another object": data, "no footer": data[:-300] + b"?" * 300}[how]
    )  # fmt: skip
    for _ in range(2):
        with pytest.raises(Damaged, match=r"equity/.*(is not what was written|has no footer)"):
            far.equity("run-01")
    assert far.runs().height == _RUNS + 1


def test_nothing_is_read_that_was_not_brought():
    window = _Window(b"abcd", _Group(0, 100, 104))
    for start, count in ((99, 1), (100, 5), (104, 1), (0, 4), (101, -1)):
        window.seek(start)
        with pytest.raises(OSError, match="were not brought"):
            window.read(count)
    window.seek(101)
    assert (window.read(3), window.tell(), window.seek(0, 2)) == (b"bcd", 104, 104)
