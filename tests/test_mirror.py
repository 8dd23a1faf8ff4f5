"""Questions to a lake in an object store, through a folder that keeps what they need."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bucket_fixtures import URL, content, save

import bt_lake
from bt_lake.errors import Damaged, LakeError
from bt_lake.lake import Lake
from bt_lake.queries.curves import rows_of
from bt_lake.warehouse import listing, mirror, objects
from bt_lake.warehouse.ids import uuid7

pytest_plugins = ["bucket_fixtures"]


@pytest.fixture
def lake(filled: Lake) -> Lake:
    return filled


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mirror, "_FRESH_S", 0.0)
    return tmp_path / "cache"


@pytest.fixture
def far(lake: Lake, bucket: Path) -> Lake:
    Lake.copy(lake.path, URL)
    return bt_lake.open(URL)


def here(far: Lake, table: str) -> int:
    return len([*(far.path / table).rglob("[cm]-*.parquet")])


@pytest.mark.slow
def test_every_question_is_answered_as_by_the_lake(lake, far):
    run_id = lake.runs()["run_id"][0]
    assert here(far, "runs") == 2 and here(far, "equity") == 0
    assert far.runs().equals(lake.runs()) and here(far, "equity") == 0
    assert far.equity(run_id).equals(lake.equity(run_id))
    assert far.run(run_id).row == lake.run(run_id).row
    assert content(far) == content(lake)
    assert far.scan("equity").collect().height == 12 and far.info().runs == 4
    assert sum(map(len, far.live_files().values())) == sum(map(len, lake.live_files().values()))
    assert far.connect().execute("select count(*) from equity").fetchall() == [(12,)]
    assert repr(far) == f"Lake('{URL}')" and content(pickle.loads(pickle.dumps(far))) == content(
        lake
    )


@pytest.mark.slow
def test_it_follows_the_copy_and_keeps_only_what_is_live(lake, far, bucket):
    content(far)
    for step in range(3):
        save(lake, 10 + step)
        lake.tag("t", lake.runs()["run_id"].to_list())
        if step == 1:
            lake.compact(grace_s=0.0)
        if step == 2:
            lake.store.forget([lake.runs()["run_id"][0]])
        Lake.copy(lake.path, URL)
        assert content(far) == content(lake)
        kept = {path.relative_to(far.path) for path in far.path.glob("*/month=*/*")}
        assert kept == {path.relative_to(bucket) for path in bucket.glob("*/month=*/*")}


def test_what_is_here_is_not_read_again(lake, far, monkeypatch):
    content(far)
    read, names = objects.Objects.read, []
    monkeypatch.setattr(
        objects.Objects, "read", lambda self, name: (names.append(name), read(self, name))[1]
    )
    assert content(far) == content(lake) == content(bt_lake.open(URL))
    assert {name for name in names if name.endswith(".parquet")} == set()


def test_one_curve_brings_the_file_that_has_it(far):
    run_ids = far.runs()["run_id"].to_list()
    far.sql("from events"), far.sql("from best('total_return')"), far.sql("from studies")
    assert here(far, "equity") == 0
    newest, oldest = max(run_ids), min(run_ids)
    assert far.equity(newest).height == 3 and here(far, "equity") == 1
    assert far.equity([newest]).height == 3 and here(far, "equity") == 1
    assert far.equity(oldest).height == 3 and here(far, "equity") == 2


def test_what_went_meanwhile_is_fetched_again_and_no_more(lake, far):
    """Another process may have made room, or a file was replaced, after the question was planned."""
    tries = []

    def question(connection):
        points = rows_of(connection, "equity", [max(far.runs()["run_id"])])
        if not tries:
            [file.unlink() for file in (far.path / "equity").rglob("?-*.parquet")]
        tries.append(points)
        return connection.execute(f"select count(*) from {points}").fetchall()

    save(lake, 4)
    Lake.copy(lake.path, URL)
    # Without its commit, the standing ones may have it, and those of maintenance that span it.
    assert far.reader.ask(question) == [(3,)] and len(tries) == 2 and here(far, "equity") == 2
    assert far.sql("from equity").height == 15 and here(far, "equity") == 3


@pytest.mark.parametrize("how", ["shorter", "longer", "another byte", "another file"])
def test_a_changed_object_or_one_of_another_length_is_not_taken(far, bucket, how):
    (other,) = bucket.glob("runs/*/c-*.parquet")
    for file in bucket.glob("equity/*/m-*.parquet"):
        data = file.read_bytes()
        changed = {
            "shorter": data[:-9],
            "longer": data + b"!",
            "another byte": data[:40] + bytes([data[40] ^ 1]) + data[41:],
            "another file": other.read_bytes(),
        }
        file.write_bytes(changed[how])
    for _ in range(2):
        with pytest.raises(Damaged, match="is not what was written"):
            far.sql("from equity")
    assert far.sql("from runs").height == 4 and here(far, "equity") <= 1


@pytest.mark.parametrize("table", ["runs", "equity"])
def test_what_is_kept_with_another_length_is_brought_again(lake, far, table):
    content(far)
    for file in (far.path / table).rglob("*.parquet"):
        file.write_bytes(file.read_bytes()[:-9])
    assert content(bt_lake.open(URL)) == content(lake)


def test_another_lake_at_the_same_address_is_another_lake(far, bucket, tmp_path):
    content(far)
    for path in sorted(bucket.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    other = bt_lake.open(tmp_path / "other")
    save(other, 77)
    Lake.copy(other.path, URL)
    assert content(bt_lake.open(URL)) == content(other)


def test_a_full_disk_is_told(lake, far, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    far.runs()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)  # what was written has no room
        with pytest.raises(LakeError, match=f"cannot keep files of {URL} in .*: .*(full|space)"):
            far.sql("from equity")
    assert here(far, "equity") == 0 and not [*far.path.rglob("*.part")]
    assert content(bt_lake.open(URL)) == content(lake)


@pytest.mark.slow
def test_several_readers_of_one_folder_while_the_lake_goes_on(lake, far):
    """Threads stand for processes: each has a mirror of its own over the same folder."""
    until = time.monotonic() + 1.5

    def reads() -> int:
        own, asked = bt_lake.open(URL), 0
        while time.monotonic() < until:
            ids = own.sql("select run_id from runs")["run_id"].to_list()
            assert len(ids) == len(set(ids)) >= 4
            assert own.sql("select count(distinct run_id) as n from equity")["n"][0] >= 4
            asked += 1
        return asked

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(reads) for _ in range(2)]
        for step in range(99):
            if time.monotonic() > until:
                break
            save(lake, step)
            if step % 3 == 2:
                lake.compact(grace_s=0.0)
            Lake.copy(lake.path, URL)
        assert all(reader.result() for reader in readers)
    assert content(far) == content(lake)


def test_two_threads_that_write_one_file_meet_in_nothing_but_its_name(tmp_path, monkeypatch):
    both, flush = threading.Barrier(2, timeout=20), os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (both.wait(), flush(file)))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(mirror.write_whole, [tmp_path / "c-x.parquet"] * 2, [b"whole"] * 2))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"whole"]


@pytest.mark.slow
def test_a_slower_reader_takes_nothing_from_a_faster_one(lake, far, monkeypatch):
    """It looked before a commit that the other brought meanwhile, and tidies after it."""
    other, look = bt_lake.open(URL), mirror.remote
    content(far), content(other)

    def slowly(store, known, **how):
        seen = look(store, known, **how)
        monkeypatch.setattr(mirror, "remote", look)
        save(lake, 11)
        Lake.copy(lake.path, URL)
        assert content(other) == content(lake)
        return seen

    save(lake, 10)
    Lake.copy(lake.path, URL)
    monkeypatch.setattr(mirror, "remote", slowly)
    far.sql("select count(*) from runs")
    assert content(other) == content(lake)


@pytest.fixture
def young(tmp_path: Path, bucket: Path) -> Lake:
    """Of commits alone: no file of maintenance is missed when they go."""
    lake = bt_lake.open(tmp_path / "young")
    save(lake, 1), save(lake, 2)
    Lake.copy(lake.path, URL)
    return lake


def overtaken(lake: Lake, monkeypatch, place, name: str, then=lambda: None) -> None:
    """While a look lists the runs, once, the lake is merged and goes up again."""
    lists = getattr(place, name)

    def slowly(owner, *table):
        if table == ("runs",):
            monkeypatch.setattr(place, name, lists)
            lake.compact()
            Lake.copy(lake.path, URL)
            then()
        return lists(owner, *table)

    monkeypatch.setattr(place, name, slowly)


def test_a_look_at_the_store_is_of_one_moment(young, monkeypatch):
    far = bt_lake.open(URL)
    far.sql("from runs")
    save(young, 3)
    Lake.copy(young.path, URL)
    overtaken(young, monkeypatch, objects.Objects, "sizes")
    assert far.sql("from runs").height == 3


def test_a_copy_down_is_of_one_moment(young, tmp_path, monkeypatch):
    overtaken(young, monkeypatch, objects.Objects, "sizes")
    Lake.copy(URL, tmp_path / "down")
    assert content(bt_lake.open(tmp_path / "down")) == content(young)


def test_a_reader_that_another_overtakes_looks_again(young, monkeypatch):
    far, other = bt_lake.open(URL), bt_lake.open(URL)
    far.sql("from runs"), other.sql("from runs")
    save(young, 3)
    Lake.copy(young.path, URL)
    for log in (far.path / "_log").glob("*.json"):
        listing._grace_s(log)  # as if it had been asked for before
    overtaken(young, monkeypatch, listing, "commits_of", lambda: other.sql("from runs"))
    assert far.sql("from runs").height == 3


@pytest.mark.slow
def test_curves_that_only_a_later_look_of_another_knows(lake, far, monkeypatch):
    far.sql("from runs")
    monkeypatch.setattr(mirror, "_FRESH_S", 60.0)
    save(lake, 14)
    lake.compact()
    Lake.copy(lake.path, URL)
    bt_lake.open(URL).sql("from runs")
    assert content(far) == content(lake)


def test_curves_of_commits_whose_ids_do_not_say_so(lake, bucket, monkeypatch):
    """The ids of older versions did not say what there is."""
    monkeypatch.setattr("bt_lake.warehouse.commit.new_commit_id", lambda children: uuid7().hex)
    run_id = save(lake, 4)
    Lake.copy(lake.path, URL)
    far = bt_lake.open(URL)
    assert far.equity(run_id).height == 3
    assert content(far) == content(lake)


def test_what_a_killed_reader_left_is_no_hindrance(lake, far):
    (far.path / "runs").joinpath(".c-x.parquet.99.part").write_bytes(b"half")
    assert content(bt_lake.open(URL)) == content(lake)


def test_the_command_line_asks_it_by_its_address():
    command = [sys.executable, "-m", "bt_lake", "--lake", "s3://127.0.0.1/lake", "list"]
    nowhere = {**os.environ, "AWS_ENDPOINT_URL": "nonsense://"}
    done = subprocess.run(command, capture_output=True, text=True, env=nowhere, timeout=60)
    assert done.returncode != 0 and done.stderr.startswith("error: s3://127.0.0.1/lake: ")
