"""The bound on what is kept of lakes in object stores."""

from __future__ import annotations

import errno
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from bucket_fixtures import URL, content, save

import bt_lake
from bt_lake.errors import BadInput
from bt_lake.lake import Lake
from bt_lake.warehouse import keeping, mirror
from bt_lake.warehouse.ids import uuid7

pytest_plugins = ["bucket_fixtures"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mirror, "_FRESH_S", 0.0)
    for name in ("_IN_USE_S", "_MARKED_EVERY_S", "_LOOKED_EVERY_S"):
        monkeypatch.setattr(keeping, name, 0.0)
    return tmp_path / "cache"


@pytest.fixture
def lake(tmp_path: Path, bucket: Path, cache: Path) -> Lake:
    lake = bt_lake.open(tmp_path / "lake")
    for n in range(4):
        save(lake, n)
    Lake.copy(lake.path, URL)
    return lake


def curves(far: Lake) -> set[str]:
    """The commits whose curves are kept."""
    return {path.name[2:-8] for path in (far.path / "equity").rglob("?-*.parquet")}


def kept(far: Lake) -> int:
    return sum(path.stat().st_size for path in far.path.rglob("*") if path.is_file())


def bounded(monkeypatch: pytest.MonkeyPatch, most: int) -> Lake:
    monkeypatch.setenv("BT_LAKE_CACHE_SIZE", str(most))
    return bt_lake.open(URL)


def test_what_was_used_longest_ago_goes_first(lake, cache):
    far = bt_lake.open(URL)
    rows = far.sql("select run_id, commit_id from runs order by run_id").rows()
    runs, commits = zip(*rows, strict=True)
    for run in (*runs[:3], runs[0]):  # the first is used again
        assert far.equity(run).height == 3
    assert curves(far) == {*commits[:3]}
    assert keeping.trim(cache, kept(far)) == kept(far) and len(curves(far)) == 3
    keeping.trim(cache, kept(far) - 1)
    assert curves(far) == {commits[0], commits[2]}
    assert content(far) == content(lake)


def test_the_bound_holds(lake, monkeypatch):
    far = bt_lake.open(URL)
    runs, nothing = far.runs()["run_id"].to_list(), kept(far)
    far.equity(runs[0])
    one = kept(far) - nothing
    for most, curves_kept in ((nothing + 99 * one, 4), (nothing, 1), (0, 1)):
        tight = bounded(monkeypatch, most)
        for run in runs:
            assert tight.equity(run).height == 3
        assert len(curves(far)) == curves_kept  # what is needed now comes in any case


def test_nothing_goes_that_a_listing_needs(lake, bucket, cache, monkeypatch):
    monkeypatch.setattr("bt_lake.warehouse.commit.new_commit_id", lambda children: uuid7().hex)
    save(lake, 4)  # its id does not say that it has a curve
    lake.tag("t", lake.runs()["run_id"].to_list())
    Lake.copy(lake.path, URL)
    far = bt_lake.open(URL)
    assert content(far) == content(lake)
    ahead = far.path / "equity/month=2024-01" / f"m-00000099-{'0' * 32}.parquet"
    ahead.parent.mkdir(), ahead.write_bytes(b"about to be published")
    (cache / "notes.txt").write_bytes(b"somebody's"), (cache / "0123456789abcdef").mkdir()
    (cache / "0123456789abcdef/x").write_bytes(b"no lake")
    others = {
        path for path in cache.rglob("*") if path.is_file() and "/equity/" not in path.as_posix()
    }
    assert keeping.trim(cache, 0) == kept(far)
    assert len(curves(far)) == 2 and ahead.exists() and all(path.exists() for path in others)
    assert content(far) == content(lake)


def test_what_is_in_use_stays(lake, cache, monkeypatch):
    far = bt_lake.open(URL)
    content(far)
    monkeypatch.setattr(keeping, "_IN_USE_S", 60.0)
    keeping.trim(cache, 0)
    assert len(curves(far)) == 4
    for path in (far.path / "equity").rglob("*.parquet"):
        os.utime(path, (time.time() - 99, path.stat().st_mtime))
    keeping.trim(cache, 0)
    assert len(curves(far)) == 0


def test_what_a_killed_process_left_goes(lake, cache):
    far = bt_lake.open(URL)
    left = [far.path / f"equity/.c-{n}.parquet.99-1.part" for n in range(2)]
    for path in left:
        path.write_bytes(b"half")
    os.utime(left[0], (0, time.time() - 7200))
    keeping.trim(cache, 1e9)
    assert [path.exists() for path in left] == [False, True]  # the other is being written


def test_what_a_killed_writer_had_staged_goes_after_a_day(lake, cache):
    far = bt_lake.open(URL)
    far.runs()
    names = [
        f"{uuid7().hex}.runs",
        "spill/x.tmp",
        "ingest.lock",
        "image-1/runs.parquet",
        "young.log",
    ]
    left = [far.path / "_stage" / name for name in names]
    for path in left:
        path.parent.mkdir(exist_ok=True), path.write_bytes(b"staged")
        hours = 23 if path.stem == "young" else 25
        os.utime(path, (0, time.time() - hours * 3600))
    keeping.trim(cache, 1e9)
    assert [path.exists() for path in left] == [False, False, True, True, True]


def test_a_question_that_needs_more_than_there_is_room_for(lake, monkeypatch):
    tight = bounded(monkeypatch, 0)
    for _ in range(2):
        assert content(tight) == content(lake)


def test_on_a_full_disk_room_is_made_first(lake, monkeypatch):
    far = bt_lake.open(URL)
    run = far.runs()["run_id"].to_list()
    far.equity(run[0])
    first, write = curves(far), mirror.write_whole

    def full(path: Path, data: bytes) -> None:
        if curves(far) & first:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    monkeypatch.setattr(mirror, "write_whole", full)
    assert far.equity(run[1]).height == 3
    assert len(curves(far)) == 1 and not curves(far) & first


def test_random_questions_while_others_make_room(lake, cache, monkeypatch):
    """Threads stand for processes: each has a mirror of its own over the same folder.

    All goes just before it is read, one time in ten.
    """
    seed = random.randrange(1 << 32)
    print("seed", seed)
    runs, fetch = lake.runs()["run_id"].to_list(), mirror.Mirror.fetch_for_a_few

    def asks(draw: random.Random) -> None:
        def fetches(own, *asked):
            found = fetch(own, *asked)
            if draw.random() < 0.1:
                keeping.trim(cache, 0)
            return found

        own = bt_lake.open(URL)
        own.store.layout.origin.fetch_for_a_few = partial(fetches, own.store.layout.origin)
        for _ in range(15):
            some = draw.sample(runs, draw.randrange(1, 4))
            assert own.equity(some).height == 3 * len(some)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(asks, [random.Random(seed), random.Random(seed + 1)]))


def test_a_size_that_is_none(monkeypatch):
    from bt_lake.warehouse.settings import CACHE_BYTES, cache_bytes

    for text, size in {
        "": CACHE_BYTES, "none": float("inf"), "0": 0, "500": 500, "20GB": 20e9, "1.5 TiB": 1.5 * 2**40,
        "7k": 7000, "9b": 9,
    }.items():  # fmt: skip
        monkeypatch.setenv("BT_LAKE_CACHE_SIZE", text)
        assert cache_bytes() == size
    for text in ("much", "-1", "20 XB", "GB", "1e9", "nan"):
        monkeypatch.setenv("BT_LAKE_CACHE_SIZE", text)
        with pytest.raises(BadInput, match=f"BT_LAKE_CACHE_SIZE is '{text.lower()}': write a size"):
            bt_lake.open(URL)
