"""`check` of a lake in an object store: every kind of damage found by its address, and mended."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from bucket_fixtures import URL, content, save

import bt_lake
from bt_lake.errors import CannotRead, CannotWrite, Conflict, NotFound
from bt_lake.lake import Lake
from bt_lake.warehouse import farcheck, image, mirror, objects

pytest_plugins = ["bucket_fixtures"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs in files of maintenance, and one commit of one more."""
    lake = bt_lake.open(tmp_path_factory.mktemp("made") / "lake")
    for n in range(2):
        save(lake, n)
    lake.compact(grace_s=0.0)
    lake.compact(grace_s=0.0)
    save(lake, 2)
    lake.tag("good", lake.runs(n=1)["run_id"].to_list())
    return lake.path


@pytest.fixture
def far(made: Path, bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(mirror, "_FRESH_S", 0.0)
    Lake.copy(made, URL)
    return bt_lake.open(URL)


def found(lake: Lake, **options) -> list[tuple[str, str, bool]]:
    return [(f.kind, f.path, f.damage) for f in lake.check(**options).findings]


def only(bucket: Path, pattern: str) -> Path:
    (path,) = bucket.glob(pattern)
    return path


def old(path: Path) -> Path:
    long_ago = time.time() - 7200
    os.utime(path, (long_ago, long_ago))
    return path


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.slow
def test_a_sound_lake_has_no_findings(far, bucket):
    before = content(far)
    there = {path: path.stat().st_mtime_ns for path in bucket.rglob("*")}
    for deep in (False, True):
        report = far.check(deep=deep)
        assert report.findings == [] and report.files == 5
    assert {path: path.stat().st_mtime_ns for path in bucket.rglob("*")} == there
    assert far.check(repair=True).findings == [] and content(far) == before
    assert not [*far.path.glob("_stage/image-*")]


DAMAGE = [
    ("missing", "equity/month=*/m-*", Path.unlink, 1),
    ("lost", "equity/month=*/c-*", Path.unlink, 2),
    ("torn", "equity/month=*/m-*", cut, 1),
    ("torn", "runs/month=*/c-*", cut, 2),
    ("torn", "events/month=*/c-*", lambda path: path.write_bytes(b""), 3),
    ("furniture", "lake.json", Path.unlink, 3),
    ("furniture", "_seed/runs.parquet", cut, 3),
    ("log", "_log/*.json", cut, 3),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "pattern", "harm", "curves"), DAMAGE, ids=[f"{d[0]}-{d[1]}" for d in DAMAGE]
)
def test_what_is_damaged_is_named_and_mended(far, bucket, kind, pattern, harm, curves):
    path = only(bucket, pattern)
    harm(path)
    far = bt_lake.open(URL)
    where = f"{URL}/_log" if kind == "log" else f"{URL}/{path.relative_to(bucket)}"
    assert (kind, where, True) in found(far)
    report = far.check(repair=True)
    assert not report.damaged and str(far.path) not in str(report.findings)
    assert found(far, deep=True) == []
    runs = 2 if pattern.startswith("runs") else 3
    assert len(far.sql("from trials")) == runs == len(bt_lake.open(URL))
    assert far.sql("select count(distinct run_id) from equity").item() == curves


def test_what_a_repair_would_do_is_tried_here(far, bucket):
    cut(only(bucket, "equity/month=*/m-*"))
    there = {path: path.stat().st_mtime_ns for path in bucket.rglob("*")}
    report = far.check(dry_run=True)
    assert [f.kind for f in report.findings if f.repaired] == ["torn"]
    assert (report.before["equity"], report.after["equity"]) == (1, 1)
    assert {path: path.stat().st_mtime_ns for path in bucket.rglob("*")} == there


@pytest.mark.slow
def test_it_goes_on_after_a_repair(far, bucket):
    only(bucket, "lake.json").unlink()
    only(bucket, "_log/*.json").unlink()
    cut(only(bucket, "equity/month=*/m-*"))
    owner = only(bucket, "_stage/*")
    far = bt_lake.open(URL)
    assert not far.check(repair=True).damaged
    assert owner.name in only(bucket, "lake.json").read_text()
    save(far, 9)
    far.compact()
    assert found(far, deep=True) == [] and len(bt_lake.open(URL)) == 4


@pytest.mark.slow
def test_bytes_that_changed_are_found_by_reading_them_all(far, bucket, made):
    path = only(bucket, "equity/month=*/m-*")
    before = content(far)
    flip(path)
    assert found(far) == []
    (finding,) = far.check(deep=True).findings
    assert (finding.path, finding.damage) == (f"{URL}/{path.relative_to(bucket)}", True)
    (finding,) = far.check(repair=True, source=made).findings
    assert finding.repaired.startswith("put right from")
    assert found(far, deep=True) == [] and content(bt_lake.open(URL)) == before


def test_an_object_of_another_length(far, bucket):
    path = only(bucket, "equity/month=*/m-*")
    path.write_bytes(path.read_bytes()[:4] + path.read_bytes())
    (finding,) = far.check().findings
    assert (finding.kind, finding.path) == ("rotten", f"{URL}/{path.relative_to(bucket)}")
    assert "were written" in finding.message


def test_what_only_takes_room_is_listed(far, bucket):
    month = only(bucket, "runs/month=*")
    for name in (
        "_stage/copying-1",
        "_stage/another-lake",
        f"runs/{month.name}/notes.txt",
        f"equity/{month.name}/c-{'0' * 12}7{'0' * 19}.parquet",
        "readme.md",
    ):
        (bucket / name).write_bytes(b"x")
        old(bucket / name)
    shutil.copy(only(bucket, "runs/month=*/m-*"), month / f"m-00000009-{'a' * 32}.parquet")
    old(month / f"m-00000009-{'a' * 32}.parquet")
    (bucket / "_stage/copying-2").touch()
    assert sorted(found(far)) == [
        ("foreign", f"{URL}/readme.md", False),
        ("foreign", f"{URL}/runs/{month.name}/notes.txt", False),
        ("leftover", f"{URL}/equity/{month.name}/c-{'0' * 12}7{'0' * 19}.parquet", False),
        ("leftover", f"{URL}/runs/{month.name}/m-00000009-{'a' * 32}.parquet", False),
        ("staging", f"{URL}/_stage/another-lake", False),
        ("staging", f"{URL}/_stage/copying-1", False),
    ]


def test_a_curve_whose_writer_may_only_sleep_is_left(far, bucket):
    path = only(bucket, "equity/month=*/c-*")
    other = old(shutil.copy(path, path.with_name(f"c-{'0' * 12}7{'0' * 19}.parquet")))
    (finding,) = far.check(repair=True).findings
    assert finding.kind == "leftover" and not finding.repaired and other.exists()
    assert not [*bucket.glob("_quarantine/equity/**/*.parquet")]


def test_an_object_that_the_store_does_not_give(far, bucket, monkeypatch):
    name = str(only(bucket, "equity/month=*/m-*").relative_to(bucket))
    read = objects.Objects.read

    def refuses(store, asked):
        if asked == name:
            raise CannotRead("AccessDenied")
        return read(store, asked)

    monkeypatch.setattr(objects.Objects, "read", refuses)
    for options in ({}, {"deep": True}, {"repair": True}):
        assert found(far, **options) == [("unreachable", f"{URL}/{name}", True)]
    monkeypatch.undo()
    assert (bucket / name).exists()


def test_a_file_of_a_copy_that_holds_what_the_lake_lacks_is_taken_in(far, bucket, tmp_path):
    other = bt_lake.open(tmp_path / "other")
    run_id = save(other, 7)
    month = only(bucket, "runs/month=*").name
    path = only(other.path, "runs/month=*/c-*")
    shutil.copy(path, bucket / f"runs/{month}/{path.stem} (conflicted copy).parquet")
    assert [each[0] for each in found(far)] == ["copy"]
    far.check(repair=True)
    assert run_id in far.sql("select run_id from runs")["run_id"].to_list()
    assert found(far) == [] and len([*bucket.glob("_quarantine/runs/*/*copy*")]) == 1


def test_footers_are_asked_for_not_whole_files(far, monkeypatch):
    monkeypatch.setattr(image, "_TAIL", 100)
    read: list[str] = []
    whole = objects.Objects.read
    monkeypatch.setattr(objects.Objects, "read", lambda s, n: (read.append(n), whole(s, n))[1])
    assert found(far) == []
    assert not [name for name in read if name.startswith("equity/")]


def test_only_what_is_newer(far, bucket):
    path = only(bucket, "equity/month=*/m-*")
    cut(path)
    old(path)
    assert found(far, since="1h") == [] and found(far, since="3h") != []


def test_a_repair_that_another_overtakes_changes_nothing(far, bucket, monkeypatch):
    cut(only(bucket, "equity/month=*/m-*"))
    log = only(bucket, "_log/*.json")
    carry, there = farcheck._carry_over, set[Path]()

    def late(*arguments):
        shutil.copy(log, log.with_name(f"{int(log.stem) + 1:08d}.json"))
        there.update(path for path in bucket.rglob("*") if "_quarantine" not in str(path))
        carry(*arguments)

    monkeypatch.setattr(farcheck, "_carry_over", late)
    with pytest.raises(Conflict, match="others maintained the lake meanwhile"):
        far.check(repair=True)
    now = {path for path in bucket.rglob("*") if "_quarantine" not in str(path)}
    assert now - there == {bucket / "_stage/written"} and not there - now


def test_where_no_lake_is(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("BT_LAKE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(NotFound, match=f"no lake at {URL}"):
        bt_lake.open(URL).check()


def test_an_image_that_was_left_goes_after_a_day(far, monkeypatch):
    left = far.path / "_stage/image-of-a-killed-one"
    left.mkdir()
    found(far)
    assert left.exists()
    os.utime(left, (0, 0))
    found(far)
    assert not left.exists()


def test_a_repair_there_is_not_taken_back(far):
    with pytest.raises(CannotWrite, match="stays below its _quarantine"):
        far.undo_repair()
