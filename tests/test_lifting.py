"""A lake in an object store: up, down again, and interrupted anywhere."""

from __future__ import annotations

import os
import random
import shutil
import threading
from threading import Lock

import pytest
from bucket_fixtures import URL, content, obstore, save

import bt_lake
from bt_lake.errors import BadInput, CannotWrite, Damaged, LakeError
from bt_lake.lake import Lake
from bt_lake.warehouse import objects
from bt_lake.warehouse.objects import each_of

pytest_plugins = ["bucket_fixtures"]


@pytest.fixture
def lake(filled: Lake) -> Lake:
    return filled


@pytest.mark.slow
def test_it_goes_up_and_comes_down_as_it_is(lake, bucket, tmp_path):
    done = Lake.copy(lake.path, URL)
    assert (done.reused, done.files) == (0, sum(len(files) for _, _, files in os.walk(bucket)) - 1)
    again = Lake.copy(lake.path, URL)
    assert (again.bytes, again.reused) == (0, again.files)
    Lake.copy(URL, tmp_path / "down")
    down = bt_lake.open(tmp_path / "down")
    assert content(down) == content(lake)
    assert not down.check().findings
    save(down, 9)
    assert len(down) == len(lake) + 1


@pytest.mark.slow
def test_it_follows_what_the_lake_becomes(lake, bucket, tmp_path):
    """After each copy the store has what the lake has, and nothing else."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    for step in range(5):
        ids = lake.sql("from runs")["run_id"].to_list()
        act = draw.choice([save, lake.compact, lake.delete, lake.store.forget])
        if act == save:
            save(lake, step)
        elif act == lake.compact:
            lake.compact(grace_s=draw.choice([0.0, 60.0]))
        elif ids:
            act([draw.choice(ids)])
        Lake.copy(lake.path, URL)
        shutil.rmtree(tmp_path / "down", ignore_errors=True)
        Lake.copy(URL, tmp_path / "down")
        down = bt_lake.open(tmp_path / "down")
        assert content(down) == content(lake)
        files = {path for live in down.live_files().values() for path in live}
        assert {
            down.path / path.relative_to(bucket) for path in bucket.glob("*/month=*/*")
        } == files


class Stopped(Exception):
    pass


class Stops:
    """A method that stops the process, as far as its caller can tell, after so many calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.left, real, lock = 0, getattr(objects.Objects, name), Lock()

        def stops(objects_, *arguments):
            with lock:
                self.left -= 1
                if self.left < 0:
                    raise Stopped
            return real(objects_, *arguments)

        monkeypatch.setattr(objects.Objects, name, stops)


@pytest.mark.slow
def test_stopped_on_its_way_up_there_is_no_lake_and_then_it_goes_on(
    lake, bucket, tmp_path, monkeypatch
):
    total = Lake.copy(lake.path, URL).files
    stops = Stops(monkeypatch, "create")
    for allowed in range(0, total + 1, 2):  # a mark, and then each file
        shutil.rmtree(bucket)
        stops.left = allowed
        with pytest.raises(Stopped):
            Lake.copy(lake.path, URL)
        with pytest.raises(LakeError, match="no lake at s3://bucket/lake, or a copy"):
            Lake.copy(URL, tmp_path / "down")
        stops.left = 99
        assert Lake.copy(lake.path, URL).reused == max(0, allowed - 1)
    Lake.copy(URL, tmp_path / "down")
    assert content(bt_lake.open(tmp_path / "down")) == content(lake)


def test_stopped_on_its_way_down_there_is_no_lake_and_then_it_goes_on(
    lake, bucket, tmp_path, monkeypatch
):
    total = Lake.copy(lake.path, URL).files
    stops, down = Stops(monkeypatch, "read"), tmp_path / "down"
    for allowed in range(0, total, 3):
        shutil.rmtree(down, ignore_errors=True)  # or there is less to be read each time
        stops.left = allowed
        with pytest.raises(Stopped):
            Lake.copy(URL, down)
        assert not (down / "lake.json").exists()
    stops.left = 99
    save(lake, 7)  # and the lake has gone on, too
    lake.compact(grace_s=0.0)
    Lake.copy(lake.path, URL)
    assert Lake.copy(URL, down).files
    assert content(bt_lake.open(down)) == content(lake)
    assert not bt_lake.open(down).check().findings
    with pytest.raises(BadInput, match="has a lake already"):
        Lake.copy(URL, down)


def test_of_small_objects_more_are_asked_for_at_once():
    names, lock, now = [str(n) for n in range(200)], Lock(), [0, 0]
    all_small = threading.Barrier(64, timeout=20)

    def one(name: str) -> str:
        with lock:
            now[0] += 1
            now[1] = max(now)
        if int(name) < 64:
            all_small.wait()
        with lock:
            now[0] -= 1
        return name

    large = list(each_of(one, names[64:], {"99": 5 << 20}))
    assert [*map(str, range(64, 200))] == [name for name, done in large if name == done]
    assert now[1] <= 16
    assert len([*each_of(one, names[:64], dict.fromkeys(names, 99))]) == 64


def test_a_put_that_succeeded_though_the_answer_was_lost(lake, bucket, tmp_path, monkeypatch):
    put = obstore.put

    def lost(*arguments, **how):
        put(*arguments, **how)
        raise obstore.exceptions.GenericError("connection reset")

    monkeypatch.setattr(obstore, "put", lost)
    Lake.copy(lake.path, URL)
    Lake.copy(URL, tmp_path / "down")
    assert content(bt_lake.open(tmp_path / "down")) == content(lake)


@pytest.mark.slow
def test_what_fails_says_why_and_keeps_the_secret(lake, bucket, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "open-sesame")

    def refused(*arguments, **how):
        raise obstore.exceptions.GenericError("503 for open-sesame: slow down")

    monkeypatch.setattr(obstore, "put", refused)
    with pytest.raises(CannotWrite) as said:
        Lake.copy(lake.path, URL)
    assert "s3://bucket/lake: 503 for ***: slow down" in str(said.value)
    with pytest.raises(BadInput) as said:
        Lake.copy(lake.path, "s3://me:open-sesame@bucket/lake")
    assert "open-sesame" not in str(said.value)


def test_a_store_that_cannot_create_conditionally_is_refused(lake, bucket, monkeypatch):
    def refused(*arguments, **how):
        raise obstore.exceptions.NotSupportedError("no If-None-Match here")

    monkeypatch.setattr(obstore, "put", refused)
    with pytest.raises(CannotWrite, match="cannot create an object only if it is not there"):
        Lake.copy(lake.path, URL)


def test_no_damage_is_passed_on(lake, bucket, tmp_path):
    Lake.copy(lake.path, URL)
    (folded,) = bucket.glob("runs/*/m-*.parquet")
    whole = folded.read_bytes()
    for changed in (whole[:100] + bytes([whole[100] ^ 1]) + whole[101:], whole[:-7]):
        folded.write_bytes(changed)
        with pytest.raises(Damaged, match="is not what was written"):
            Lake.copy(URL, tmp_path / "down")
        assert not (tmp_path / "down/lake.json").exists()
    folded.write_bytes(whole)
    Lake.copy(URL, tmp_path / "down")
    own = bt_lake.open(tmp_path / "down")
    name = save(own, 5) and max((own.path / "runs").rglob("c-*.parquet"), key=os.path.getmtime)
    data = name.read_bytes()
    name.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    with pytest.raises(Damaged, match=r"has rotted. It was not copied"):
        Lake.copy(own.path, "s3://bucket/other")


def test_one_prefix_has_one_lake(lake, bucket, tmp_path):
    Lake.copy(lake.path, URL)
    other = bt_lake.open(tmp_path / "other")
    save(other, 1)
    with pytest.raises(BadInput, match="has another lake .* name another prefix"):
        Lake.copy(other.path, URL)
    (bucket.parent / "full").mkdir()
    (bucket.parent / "full/thesis.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not empty, and has no copy of a lake"):
        Lake.copy(lake.path, "s3://bucket/full")
    with pytest.raises(BadInput, match=r"is not empty: it has .*\.txt; name another folder"):
        Lake.copy(URL, bucket.parent / "full")
    for source, target in ((lake.path, tmp_path / "x"), (URL, "s3://bucket/y")):
        with pytest.raises(BadInput, match="copy goes from a folder to an object store"):
            Lake.copy(source, target)
    with pytest.raises(LakeError, match="no lake at"):
        Lake.copy(tmp_path / "nowhere", URL)


@pytest.mark.parametrize(
    ("url", "said", "variable"),
    [
        (
            "s3://b/x",
            "Error performing PUT http://169.254.169.254/latest/api/token",
            "AWS_ACCESS_KEY_ID",
        ),
        (
            "gs://b/x",
            "Error performing GET http://metadata.google.internal/x",
            "GOOGLE_APPLICATION",
        ),
        (
            "az://b/x",
            "Generic MicrosoftAzure error: Account must be specified",
            "AZURE_STORAGE_ACCOUNT_KEY",
        ),
    ],
)
def test_without_credentials_it_says_which(url: str, said: str, variable: str):
    words = objects.plainly(url, OSError(said))
    assert "no credentials" in words and variable in words
    assert "credentials" not in objects.plainly(url, OSError("connection refused"))
