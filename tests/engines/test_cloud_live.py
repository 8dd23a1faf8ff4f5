"""A lake in a store that speaks S3 over the network: a server of moto on this machine."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from far_rounds import prove, rounds

import bt_lake
from bt_lake.errors import LakeError
from bt_lake.lake import Lake
from bt_lake.warehouse import lifting, objects

KEY = "a-key-nobody-should-read"
COPY = [sys.executable, "-m", "bt_lake", "copy"]
WRITER = """
import sys, bt_lake
lake = bt_lake.open(sys.argv[1])
for n in range(400):
    run_id = lake.save(strategy="s", params={"n": n}, equity=[["2024-01-01", 100.0], ["2024-01-02", 101.0 + n]])
    print(run_id, flush=True)
    if n % 15 == 14:
        lake.compact(grace_s=0.0)
"""


@pytest.fixture(scope="module")
def server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(__file__).with_name("s3_server.py"))
    process = subprocess.Popen([sys.executable, program, str(port)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with suppress(OSError):
                harm(url, 0)
                break
            time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()


def harm(server: str, one_in: int) -> dict[str, int]:
    """From now on one request in so many is harmed; gives how many were."""
    request = urllib.request.Request(f"{server}/_harm/{one_in}", method="PUT")
    return json.loads(urllib.request.urlopen(request).read())


@pytest.fixture
def bucket(server, monkeypatch, tmp_path) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"b{time.time_ns()}"
    urllib.request.urlopen(urllib.request.Request(f"{server}/{name}", method="PUT"))
    return f"s3://{name}/lake"


def content(lake: Lake) -> list[list[tuple]]:
    return [sorted(lake.sql(f"from {t}").rows(), key=repr) for t in ("trials", "equity", "events")]


def test_up_and_down(bucket, tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    for n in range(3):
        lake.save(strategy="s", params={"n": n}, equity=[["2024-01-01", 1.0], ["2024-01-02", 2.0]])
    done = subprocess.run([*COPY, lake.path, bucket], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"copied to {bucket}" in done.stderr
    Lake.copy(bucket, tmp_path / "down")
    assert content(bt_lake.open(tmp_path / "down")) == content(lake)


def test_it_is_asked_by_its_address(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "cache"))
    lake = bt_lake.open(tmp_path / "lake")
    for n in range(3):
        lake.save(strategy="s", params={"n": n}, equity=[["2024-01-01", 1.0], ["2024-01-02", 2.0]])
    Lake.copy(lake.path, bucket)
    assert content(bt_lake.open(bucket)) == content(lake)
    for asked in (
        ["list"],
        ["best", "total_return"],
        ["equity", lake.runs()["run_id"][0]],
        ["info"],
    ):
        command = [sys.executable, "-m", "bt_lake", "--lake", bucket, *asked]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    folded = [sys.executable, "-m", "bt_lake", "--lake", bucket, "compact"]
    subprocess.run(folded, check=True, capture_output=True)
    saved = bt_lake.open(bucket).save(strategy="s", params={"n": 9}, metrics={"own": 1.0})
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "another"))
    far = bt_lake.open(bucket)
    assert saved in far.runs()["run_id"] and len(far.sql("from equity")) == 6
    done = subprocess.run([*COPY, lake.path, bucket], capture_output=True, text=True)
    assert done.returncode == 2 and "is written to where it is" in done.stderr


def test_it_is_checked_and_mended_where_it_is(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "cache"))
    lake = bt_lake.open(bucket)
    for n in range(3):
        lake.save(strategy="s", params={"n": n}, equity=[["2024-01-01", 1.0], ["2024-01-02", 2.0]])
        if n == 1:
            lake.compact()
    check = [sys.executable, "-m", "bt_lake", "--lake", bucket, "check"]
    store = objects.Objects(bucket)
    [torn] = [n for n in store.sizes("equity") if "/m-" in n]
    [lost] = [
        name
        for name in store.sizes("equity")
        if "/c-" in name and f"runs{name[6:]}" in store.sizes("runs") and name not in removed(store)
    ]
    store.replace(torn, store.read(torn)[:-9])
    store.remove([lost])
    done = subprocess.run([*check, "--deep"], capture_output=True, text=True)
    assert done.returncode == 4, done.stderr
    assert f"{bucket}/{torn}: " in done.stdout and f"{bucket}/{lost}: " in done.stdout
    assert subprocess.run([*check, "--repair"], capture_output=True).returncode == 0
    done = subprocess.run([*check, "--deep"], capture_output=True, text=True)
    assert done.returncode == 0 and "nothing wrong" in done.stderr, done.stdout
    assert len(bt_lake.open(bucket)) == 3


def removed(store: objects.Objects) -> set[str]:
    state = lifting.newest_state(store)
    return {name for name in store.sizes("equity") if state.has_removed(name)}


def test_readers_are_killed_and_go_on(bucket, tmp_path, monkeypatch):
    """Two at a time over one cache, killed at any moment: the next ones see the whole lake."""
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "cache"))
    lake = bt_lake.open(tmp_path / "lake")
    for n in range(30):
        lake.save(strategy="s", params={"n": n}, equity=[["2024-01-01", 1.0], ["2024-01-02", 2.0]])
    Lake.copy(lake.path, bucket)
    command = [sys.executable, "-m", "bt_lake", "--lake", bucket, "sql", "from equity"]
    for wait in (0.3, 0.5, 0.6, 0.7, 0.8):
        readers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
        time.sleep(wait)
        for reader in readers:
            reader.kill()
            reader.wait()
    assert content(bt_lake.open(bucket)) == content(lake)


def test_killed_while_others_save_and_fold(bucket, tmp_path):
    """A copy down sees a whole lake with all that was acknowledged before the copy up began."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    draw = random.Random(seed)
    folder = tmp_path / "lake"
    bt_lake.open(folder).create()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    first = writer.stdout.readline().strip()
    killed = whole = 0
    known: set[str] = set()
    for round in range(12):
        copying = subprocess.Popen([*COPY, str(folder), bucket], stderr=subprocess.DEVNULL)
        before = {*bt_lake.open(folder).sql("from runs")["run_id"]} if round % 4 == 3 else set()
        if round % 4 == 3:
            copying.wait()
            copying = subprocess.Popen([*COPY, str(folder), bucket], stderr=subprocess.PIPE)
            assert copying.wait() == 0, copying.stderr.read()
            known |= before
        else:
            time.sleep(draw.uniform(0.2, 1.2))
            killed += copying.poll() is None
            copying.kill()
            copying.wait()
        down = tmp_path / f"down-{round}"
        try:
            Lake.copy(bucket, down)
        except LakeError as error:
            assert "no lake at" in str(error) and not known
            continue
        whole += 1
        copy = bt_lake.open(down)
        ids = copy.sql("from runs")["run_id"].to_list()
        assert len(ids) == len(set(ids)) and known <= {*ids}
        assert len(copy.sql("from equity")) == 2 * len(ids)
        assert not [each for each in copy.check().findings if each.damage]
    writer.kill()
    assert killed and whole >= 3 and first in known
    subprocess.run([*COPY, str(folder), bucket], check=True, capture_output=True)
    Lake.copy(bucket, tmp_path / "last")
    assert content(bt_lake.open(tmp_path / "last")) == content(bt_lake.open(folder))


@pytest.mark.thorough
@pytest.mark.parametrize("one_in", [0, 8])
def test_killed_writers_and_compactors_lose_double_and_tear_nothing(
    server, bucket, tmp_path, monkeypatch, one_in
):
    """Killed at any moment; and where one request in some is refused, late or done without an answer."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "caches/last"))
    lake = bt_lake.open(bucket)
    lake.create()
    before = harm(server, one_in)
    said = rounds(bucket, random.Random(seed), tmp_path / "caches")
    harmed = harm(server, 0)
    print(sum(did == "saved" for did, _ in said), "saved", harmed)
    assert not one_in or all(harmed[how] > before[how] for how in harmed)
    lake.store.layout.origin.refresh(now=True)
    found = prove(lake, said, tmp_path / "down")
    lake.compact(grace_s=0.0)
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "caches/other"))
    assert sorted(bt_lake.open(bucket).sql("from trials")["run_id"]) == sorted(found)


def test_a_refusal_names_no_key(bucket, tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    lake.save(strategy="s", metrics={"own": 1.0})
    for target in ("s3://no-such-bucket-here/lake", f"s3://me:{KEY}@bucket/lake"):
        done = subprocess.run([*COPY, lake.path, target], capture_output=True, text=True)
        assert done.returncode != 0 and KEY not in done.stdout + done.stderr
        assert done.stderr.startswith("error: s3://")
        assert "Traceback" not in done.stderr


def test_a_server_that_is_away_is_an_error_in_a_sentence(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    lake = bt_lake.open(Path(tmp_path / "lake"))
    lake.save(strategy="s", metrics={"own": 1.0})
    done = subprocess.run([*COPY, lake.path, bucket], capture_output=True, text=True)
    assert done.returncode != 0 and done.stderr.startswith(f"error: {bucket}: ")
