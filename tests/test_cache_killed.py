"""Processes that share a cache with a bound, and are killed at any moment while they bring and remove."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bucket_fixtures import URL, content
from cache_worker import STEPS, points

import bt_lake
from bt_lake.lake import Lake
from bt_lake.warehouse import keeping, mirror
from bt_lake.warehouse.objects import AT_ONCE
from bt_lake.warehouse.schema import TABLES

pytest_plugins = ["bucket_fixtures"]
WORKER = str(Path(__file__).with_name("cache_worker.py"))


@pytest.fixture
def lake(bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """In the store, with a file of several groups of rows; its own cache is not the one at stake."""
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "of the writer"))
    monkeypatch.setattr(mirror, "_FRESH_S", 0.0)
    monkeypatch.setitem(TABLES, "equity", replace(TABLES["equity"], row_group_size=2048))
    lake = bt_lake.open(URL)
    with lake.batch() as batch:
        for n in range(24):
            save(batch, n)
    lake.compact(grace_s=0.0)
    return lake


def save(to: object, n: int) -> None:
    to.save(strategy="s", params={"n": n}, equity=points(n))


def kept(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


def half(cache: Path) -> list[Path]:
    return [path for path in kept(cache) if path.name.endswith(".part")]


@pytest.mark.thorough
def test_whoever_is_killed_no_torn_file_is_used_and_little_is_left(
    lake, bucket, tmp_path, monkeypatch
):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw, cache = random.Random(seed), tmp_path / "shared"
    bound = draw.choice(["0", "60kB"])
    store = str(bucket.parent.parent)
    where = {**os.environ, "BT_LAKE_CACHE": str(cache), "BT_LAKE_CACHE_SIZE": bound}
    readers: list[subprocess.Popen[str]] = []
    killed = 0
    try:
        for step in range(8):
            while len(readers) < 2:
                name, dies_at = f"{seed}-{step}-{len(readers)}", draw.choice(STEPS)
                command = [sys.executable, WORKER, store, URL, name, dies_at]
                pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
                readers.append(subprocess.Popen(command, env=where, **pipes))
            save(lake, 24 + step)
            if step % 3 == 2:
                lake.compact(grace_s=0.0)
            for reader in readers:
                reader.stdout.readline()  # an answer, or it has died
            time.sleep(draw.uniform(0, 0.3))
            some = draw.sample(readers, draw.choice([0, 1, 1, 2]))
            for reader in {*some, *(reader for reader in readers if reader.poll() is not None)}:
                readers.remove(reader)
                reader.kill()
                assert reader.communicate()[1] == "" and reader.returncode == -9
                killed += 1
            whole(cache, bucket)
    finally:
        for reader in readers:
            reader.kill(), reader.communicate()
            killed += 1
    assert len(half(cache)) <= killed * AT_ONCE
    for path in half(cache):
        os.utime(path, (0, time.time() - keeping._ABANDONED_S - 1))
    monkeypatch.setenv("BT_LAKE_CACHE", str(cache))
    monkeypatch.setenv("BT_LAKE_CACHE_SIZE", bound)
    assert content(bt_lake.open(URL)) == content(lake)
    assert not half(cache)
    monkeypatch.setattr(keeping, "_IN_USE_S", 0.0)
    needed = keeping.trim(cache, 0)
    assert not [path for path in kept(cache) if "/equity/" in str(path) or "/_part/" in str(path)]
    assert needed == sum(path.stat().st_size for path in kept(cache))


def whole(cache: Path, bucket: Path) -> None:
    """What has a name is the object of that name, or rows that one has."""
    (folder,) = cache.iterdir()
    for path in kept(cache):
        name = path.relative_to(folder)
        with suppress(FileNotFoundError):  # the other reader goes on, and so does the lake
            if path.name.startswith(".") or path.suffix == ".footer":
                continue
            if name.parts[0] == "_part":
                assert pq.read_table(path).num_rows
            elif (bucket / name).exists():
                assert path.read_bytes() == (bucket / name).read_bytes()
