from __future__ import annotations

import builtins
import errno
import os
import random
import shutil
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factory import frames, ids, table

from bt_lake.warehouse import files, log, repair, rot, schema, strays
from bt_lake.warehouse.errors import CannotWrite, Conflict, Damaged, LakeError, NotFound
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.store import Store
from bt_lake.warehouse.surface import lake_sql


def kinds(store: Store) -> list[tuple[str, bool]]:
    return sorted({(f.kind, f.damage) for f in store.check().findings})


def only(store: Store, pattern: str) -> Path:
    (path,) = store.path.glob(pattern)
    return path


def age(path: Path) -> None:
    long_ago = time.time() - 2 * strays.YOUNG_S
    os.utime(path, (long_ago, long_ago))


def test_a_sound_lake_has_no_findings(store):
    store.append(frames(3))
    store.append_events("tag", ["x"], "y")
    store.compact()
    store.append(frames(2))
    report = store.check()
    assert report.findings == []
    assert report.files >= 6


def test_no_lake(store):
    with pytest.raises(NotFound):
        store.check()


@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_a_torn_file_is_named_by_readers_and_by_check(store, rows, damage):
    store.append(frames(2))
    store.append(frames(1))
    path = sorted(store.path.glob("runs/month=*/c-*"))[0]
    content = {"truncated": path.read_bytes()[:-9], "empty": b"", "text": b"hello"}[damage]
    path.write_bytes(content)
    with pytest.raises(Damaged, match=path.name):
        rows("select * from runs")
    report = store.check()
    assert [(f.kind, f.path) for f in report.findings] == [
        ("torn", path.relative_to(store.path).as_posix())
    ]
    assert report.damaged
    assert path.exists(), "nothing is moved without being asked"
    report = store.check(repair=True)
    assert not report.damaged
    assert "_quarantine" in report.findings[0].repaired
    assert (store.path / "_quarantine" / path.relative_to(store.path)).read_bytes() == content
    assert rows("select count(*) from runs") == [(1,)]


@pytest.mark.slow
def test_a_torn_compacted_file_is_struck_from_the_log(store, rows):
    made = frames(2)
    store.append(made)
    store.append(frames(1))
    store.compact()
    path = only(store, "equity/month=*/m-*")
    path.write_bytes(path.read_bytes()[:100])
    assert kinds(store) == [("torn", True)]
    assert not store.check(repair=True).damaged
    assert rows("select count(*), (select count(*) from equity) from runs") == [(3, 0)]
    assert store.check().findings == []


def test_a_parquet_file_with_other_columns_is_foreign(store):
    store.append(frames(1))
    path = only(store, "trades/month=*/c-*")
    pq.write_table(pa.table({"price": [1.0]}), path)
    (finding,) = store.check().findings
    assert (finding.kind, finding.damage) == ("foreign", True)
    assert "no column has the field id of trades.run_id (1)" in finding.message


def test_a_stray_file_is_passed_over_and_left_alone(store, rows):
    store.append(frames(1))
    stray = store.layout.month("runs") / "backup.parquet"
    pq.write_table(pa.table({"x": [1]}), stray)
    assert rows("select count(*) from runs") == [(1,)]
    assert kinds(store) == [("foreign", False)]
    store.check(repair=True)
    assert stray.exists()


def test_a_missing_file_of_the_log_is_named(store, rows):
    store.append(frames(1))
    store.append(frames(1))
    store.compact(grace_s=0)
    path = only(store, "trades/month=*/m-*")
    path.unlink()
    (finding,) = store.check().findings
    assert (finding.kind, finding.path) == ("missing", path.relative_to(store.path).as_posix())
    assert "4 rows" in finding.message
    assert not store.check(repair=True).damaged
    assert rows("select count(*), (select count(*) from trades) from runs") == [(2, 0)]


@pytest.mark.slow
def test_a_child_without_its_run_is_a_leftover(store, rows):
    store.append(frames(1))
    store.append(frames(1))
    runs = sorted(store.path.glob("runs/month=*/c-*"))[0]
    runs.unlink()
    assert store.check().findings == [], "it may be a commit on its way"
    for child in ("equity", "trades"):
        age(only(store, f"{child}/month=*/{runs.name}"))
    assert kinds(store) == [("leftover", False)]
    assert rows("select count(*), (select count(*) from equity) from runs") == [(1, 5)]
    store.check(repair=True)
    assert store.check().findings == []
    assert len(list(store.path.glob("_quarantine/*/month=*/c-*"))) == 2


@pytest.mark.slow
def test_staging_is_left_over_after_an_hour(store):
    store.append(frames(1))
    scrap = store.layout.stage / "abc.runs"
    scrap.write_bytes(b"half")
    assert store.check().findings == []
    age(scrap)
    assert kinds(store) == [("staging", False)]
    store.check(repair=True)
    assert not scrap.exists()


def test_rows_that_break_the_rules_are_counted(store):
    made = frames(2)
    runs = made.runs.append_column("cagr", pa.array([1.0, float("nan")]))
    twice = table("equity", {"run_id": ids(made)[:1] * 2, "ts": [0, 0], "equity": [1.0, 2.0]})
    store.append(Frames(runs, twice))
    store.append(Frames(made.runs.slice(0, 1)))
    messages = [f.message for f in store.check().findings]
    assert len(messages) == 3
    assert any("cagr is finite" in m and ids(made)[1] in m for m in messages)
    assert any("run_id occur once" in m for m in messages)
    assert any("run_id and ts occur once" in m for m in messages)
    assert store.check().damaged


@pytest.mark.slow
def test_lost_furniture_is_written_again(store, rows):
    store.append(frames(2))
    for path in (store.layout.card, store.layout.sql, store.layout.seed("trades")):
        path.unlink()
    assert {f.path for f in store.check().findings} == {
        "lake.json",
        "lake.sql",
        "_seed/trades.parquet",
    }
    assert not store.check(repair=True).damaged
    assert Store(store.path).check().findings == []
    assert rows("select count(*) from runs") == [(2,)]


def test_seeds_that_a_repair_has_just_written_are_not_put_aside(store):
    store.append(frames(1))
    for seed in (store.path / "_seed").iterdir():
        seed.unlink()
    assert not store.check(repair=True).damaged
    assert not list(store.path.glob("_quarantine/_seed/*"))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["torn", "lost"])
@pytest.mark.parametrize("grace_s", [0, 60], ids=["unlinked", "lingering"])
def test_the_log_is_rebuilt_from_the_files(store, rows, how, grace_s):
    for _ in range(3):
        store.append(frames(2))
    store.compact(grace_s=grace_s)
    store.append(frames(2))
    store.append_events("tag", ["x"], "y")
    store.compact(grace_s=grace_s)
    store.append(frames(1))
    before = rows("select list(run_id order by run_id), (select count(*) from equity) from runs")
    for path in store.layout.log.iterdir():
        if how == "torn":
            path.write_bytes(b"{")
        else:
            path.unlink()
    with pytest.raises(Damaged):
        Store(store.path).ask(lambda connection: None)
    assert kinds(store) == [("log", True)]
    assert not store.check(repair=True).damaged
    fresh = Store(store.path)
    question = "select list(run_id order by run_id), (select count(*) from equity) from runs"
    assert fresh.ask(lambda c: c.execute(question).fetchall()) == before
    assert log.newest(store.layout).epoch > 2
    assert fresh.check().findings == []


def lose_log(store: Store) -> Store:
    for path in store.layout.log.iterdir():
        path.unlink()
    assert not store.check(repair=True).damaged
    return Store(store.path)


@pytest.mark.slow
def test_a_rebuilt_log_knows_which_events_are_in_the_rows(store):
    made = frames(2)
    store.append(made)
    store.append_events("note", ids(made)[:1], "one")
    store.compact(grace_s=0)
    store.append_events("note", ids(made)[:1], "two")
    found = lose_log(store).ask(lambda c: c.execute("select notes from runs order by 1").fetchall())
    assert found == [("one\ntwo",), (None,)]


@pytest.mark.slow
def test_a_rebuilt_log_passes_over_what_lingers(store):
    for _ in range(3):
        store.append(frames(1))
    store.compact()
    fresh = lose_log(store)
    assert not list(store.path.glob("_quarantine/*/*"))
    fresh.compact(grace_s=0)
    fresh.compact(grace_s=0)
    assert not list(store.path.glob("*/month=*/c-*"))
    assert fresh.ask(lambda c: c.execute("select count(*) from equity").fetchall()) == [(15,)]


@pytest.mark.slow
def test_a_rebuilt_log_leaves_nobody_out(store, rows):
    """Of two commits that share a run the other run of the second is taken in, with its curve."""
    one, two = frames(2), frames(1)
    store.append(one)
    store.append(frames(run_ids=[*ids(one)[:1], *ids(two)]))
    lose_log(store)
    question = "select count(*), count(distinct run_id), (select count(*) from equity) from runs"
    assert rows(question) == [(3, 3, 15)]
    assert len(list(store.path.glob("_quarantine/runs/month=*/c-*"))) == 1


@pytest.mark.slow
def test_a_rebuilt_log_removes_no_curve_that_is_nowhere_else(store):
    store.append(frames(1))
    store.compact()
    only(store, "equity/month=*/m-*").unlink()
    curve = only(store, "equity/month=*/c-*")
    content = curve.read_bytes()
    for path in store.layout.log.iterdir():
        path.unlink()
    store.check(repair=True)
    assert (store.path / "_quarantine" / curve.relative_to(store.path)).read_bytes() == content


@pytest.mark.slow
def test_pages_that_cannot_be_read_are_found(store, rows):
    made = frames(1, points=50)
    store.append(made)
    store.append(frames(1))
    path = max(store.path.glob("equity/month=*/c-*"), key=lambda p: p.stat().st_size)
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(content)
    (finding,) = store.check().findings
    assert (finding.kind, finding.path) == ("torn", path.relative_to(store.path).as_posix())
    assert not store.check(repair=True).damaged
    assert rows("select count(*), (select count(*) from equity) from runs") == [(2, 5)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lake.json", "_seed/runs.parquet", "lake.sql"])
def test_spoilt_furniture_is_put_aside_and_written_again(store, name):
    store.append(frames(1))
    (store.path / name).write_text("spoilt")
    assert [(f.kind, f.path) for f in store.check().findings] == [("furniture", name)]
    if name != "lake.sql":
        with pytest.raises(LakeError, match="bt-lake check"):
            Store(store.path).ask(lambda c: c.execute("select count(*) from runs").fetchall())
    assert not store.check(repair=True).damaged
    assert (store.path / "_quarantine" / name).read_text() == "spoilt"
    assert Store(store.path).check().findings == []


def test_a_folder_left_in_staging_is_deleted(store):
    store.append(frames(1))
    spill = store.layout.stage / "spill"
    spill.mkdir()
    (spill / "duckdb_temp.tmp").write_bytes(b"x")
    age(spill)
    store.check(repair=True)
    assert not spill.exists()


@pytest.mark.slow
def test_a_writer_that_wakes_up_after_a_repair_commits_nothing(store, monkeypatch):
    """Its children are in quarantine by then: its run must not appear without them."""
    store.append(frames(1))

    def sleep(step: str) -> None:
        if step == "commit.children_durable":
            monkeypatch.setattr(files, "on_step", files._nothing)
            for path in [*store.layout.stage.iterdir(), *store.path.glob("*/month=*/c-*")]:
                age(path)
            store.check(repair=True)

    monkeypatch.setattr(files, "on_step", sleep)
    with pytest.raises(CannotWrite):
        store.append(frames(1))
    report = store.check()
    assert not report.damaged
    question = "select count(*), (select count(*) from equity) from runs"
    assert store.ask(lambda c: c.execute(question).fetchall()) == [(1, 5)]


# Nothing is lost: not by whom checks, not by whom repairs.


@pytest.fixture
def unreadable(monkeypatch):
    """As root tests may run, permissions are pretended: Python and DuckDB are refused alike."""

    def refuse(path: Path) -> None:
        real = builtins.open

        def refusing(file, *args, **options):
            if str(file) == str(path):
                raise PermissionError(errno.EACCES, "Permission denied", str(file))
            return real(file, *args, **options)

        monkeypatch.setattr(builtins, "open", refusing)

    return refuse


def everything(store: Store) -> list[tuple]:
    question = (
        "select count(*), count(distinct run_id), (select count(*) from equity), "
        "(select count(*) from trades) from runs"
    )
    return Store(store.path).ask(lambda c: c.execute(question).fetchall())


def test_a_file_that_may_not_be_read_is_not_torn(store, unreadable):
    store.append(frames(2))
    store.append(frames(1))
    path = min(store.path.glob("runs/month=*/c-*"))
    unreadable(path)
    for mending in (False, True):
        (finding,) = store.check(repair=mending).findings
        assert (finding.kind, finding.repaired) == ("unreachable", "")
        assert "ermission denied" in finding.message
        assert f"mode {path.stat().st_mode & 0o777:03o}" in finding.message
    assert everything(store) == [(3, 3, 15, 6)]


@pytest.mark.parametrize("compacted", [False, True])
@pytest.mark.parametrize("what", ["equity", "equity/month"])
def test_nothing_is_given_up_while_a_folder_is_away(store, tmp_path, compacted, what):
    for _ in range(3):
        store.append(frames(1))
    if compacted:
        store.compact(grace_s=0)
    folder = only(store, f"{what}=*" if "month" in what else what)
    folder.rename(tmp_path / "away")
    for mending in (False, True):
        (finding,) = store.check(repair=mending).findings
        assert (finding.kind, finding.repaired) == ("away", "")
    assert not folder.exists()
    (tmp_path / "away").rename(folder)
    assert store.check().findings == []
    assert everything(store) == [(3, 3, 15, 6)]


@pytest.mark.slow
def test_a_struck_file_that_turns_up_is_taken_in(store, tmp_path):
    """Struck while it was away, it is neither unlinked later nor passed over for good."""
    for _ in range(3):
        store.append(frames(1))
    store.compact(grace_s=0)
    path = only(store, "equity/month=*/m-*")
    path.rename(tmp_path / "away")
    assert not store.check(repair=True).damaged
    assert everything(store) == [(3, 3, 0, 6)]
    (tmp_path / "away").rename(path)
    store.append(frames(1))
    for _ in range(2):
        store.compact(grace_s=0)
    age(path)
    (finding,) = store.check().findings
    assert (finding.kind, finding.damage) == ("stray", True)
    assert "3 runs" in finding.message
    assert not store.check(repair=True).damaged
    assert everything(store) == [(4, 4, 20, 8)]


@pytest.mark.slow
def test_two_halves_that_both_compacted_lose_nothing(store, tmp_path):
    """A folder that was synchronised file by file; the other log came as a conflict copy."""
    for _ in range(3):
        store.append(frames(1))
    shutil.copytree(store.path, tmp_path / "other")
    other = Store(tmp_path / "other")
    for half in (store, other):
        for _ in range(2):
            half.append(frames(1))
        half.compact(grace_s=0)
    for path in other.path.rglob("*"):
        target = store.path / path.relative_to(other.path)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif not target.exists():
            shutil.copy2(path, target)
        elif path.parent.name == "_log" and path.read_bytes() != target.read_bytes():
            shutil.copy2(path, target.with_name(f"{path.stem}.sync-conflict-20261128.json"))
    assert everything(store) == [(5, 5, 25, 10)]
    report = store.check()
    assert report.damaged
    assert {f.kind for f in report.findings if f.damage} == {"stray"}
    assert not store.check(repair=True).damaged
    assert everything(store) == [(7, 7, 35, 14)]
    assert not [f for f in store.check().findings if f.damage]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["{} (1).parquet", "{}.sync-conflict-1.parquet", "{} copy.parquet"]
)
def test_a_copy_counts_if_its_original_is_gone(store, name):
    for _ in range(2):
        store.append(frames(1))
    store.compact(grace_s=0)
    path = only(store, "trades/month=*/m-*")
    copy = path.with_name(name.format(path.stem))
    shutil.copy(path, copy)
    assert [(f.kind, f.damage) for f in store.check().findings] == [("copy", False)]
    path.unlink()
    assert not store.check(repair=True).damaged
    assert everything(store) == [(2, 2, 10, 4)]


@pytest.mark.slow
def test_commits_that_come_back_are_passed_over(store):
    """A backup put over a newer lake, or a copy that was synchronised without deleting."""
    for _ in range(3):
        store.append(frames(1))
    shutil.copytree(store.path, store.path.parent / "backup")
    for _ in range(2):
        store.compact(grace_s=0)
        store.append(frames(1))
    for path in (store.path.parent / "backup").glob("*/month=*/c-*"):
        target = store.path / path.relative_to(store.path.parent / "backup")
        assert not target.exists()
        shutil.copy(path, target)
    plain = duckdb.connect()
    plain.execute("set variable lake = ?", [str(store.path)])
    plain.execute(lake_sql())
    assert plain.execute("select count(*) from runs").fetchall() == [(5,)]
    assert everything(store) == [(5, 5, 25, 10)]
    store.compact()
    assert everything(store) == [(5, 5, 25, 10)]
    assert {(f.kind, f.damage) for f in store.check().findings} == {("returned", False)}
    store.check(repair=True)
    assert everything(store) == [(5, 5, 25, 10)]
    assert store.check().findings == []


@pytest.mark.slow
def test_runs_that_are_in_twice_are_kept_once(store):
    """A backup put over a newer lake: folded commits came back, and were folded again."""
    for _ in range(3):
        store.append(frames(1))
    shutil.copytree(store.path, store.path.parent / "backup")
    store.compact(grace_s=0)
    add_returned(store)
    store.compact(grace_s=0)
    assert {f.kind for f in store.check().findings if f.damage} >= {"doubled"}
    assert not store.check(repair=True).damaged
    assert everything(store) == [(3, 3, 15, 6)]
    assert store.check().findings == []


@pytest.mark.slow
@pytest.mark.parametrize("last", ["delete", "restore"])
def test_of_runs_in_twice_what_was_told_of_either_is_kept(store, last):
    """Acts were folded into one of the rows, and not into the other."""
    made = frames(2)
    deleted, other = ids(made)
    store.append(made)
    shutil.copytree(store.path, store.path.parent / "backup")
    store.append_events("tag", [deleted], "a")
    store.append_events("tag", [deleted], "b")
    store.append_events("note", [deleted], "odd")
    store.append_events("delete", [deleted])
    if last == "restore":
        store.append_events("restore", [deleted])
    store.append_events("untag", [deleted], "b")
    store.compact(grace_s=0)
    add_returned(store)
    store.compact(grace_s=0)
    assert {f.kind for f in store.check().findings if f.damage} >= {"doubled"}
    assert not store.check(repair=True).damaged
    found = "select run_id, tags, notes, deleted_at is not null from trials order by run_id"
    assert store.ask(lambda c: c.execute(found).fetchall()) == [
        (deleted, ["a"], "odd", last == "delete"),
        (other, None, None, False),
    ]
    assert store.check().findings == []


def add_returned(store: Store) -> None:
    """Fold the commits of the backup in as an older version would have."""
    for path in (store.path.parent / "backup").glob("*/month=*/c-*"):
        other = path.name.replace("c-", "c-f")[:34] + ".parquet"
        shutil.copy(
            path, store.path / path.parent.relative_to(store.path.parent / "backup") / other
        )


@pytest.mark.slow
def test_a_repair_can_be_undone(store):
    for _ in range(2):
        store.append(frames(1))
    store.compact(grace_s=0)
    store.append(frames(1))
    torn = [only(store, "equity/month=*/m-*"), only(store, "trades/month=*/c-*")]
    whole = [path.read_bytes() for path in torn]
    for path in torn:
        path.write_bytes(path.read_bytes()[:50])
    assert not store.check(repair=True).damaged
    assert everything(store) == [(3, 3, 5, 4)]
    assert len(repair.undo(store.layout)) == 2
    for path, content in zip(torn, whole, strict=True):
        assert path.read_bytes() == content[:50]
        path.write_bytes(content)
    assert everything(store) == [(3, 3, 15, 6)]
    assert store.check().findings == []
    with pytest.raises(NotFound):
        repair.undo(store.layout)


@pytest.mark.slow
def test_a_repair_is_not_undone_over_what_came_later(store):
    for _ in range(2):
        store.append(frames(1))
    path = min(store.path.glob("trades/month=*/c-*"))
    path.write_bytes(b"")
    store.check(repair=True)
    store.append(frames(1))
    store.compact()
    with pytest.raises(Conflict, match="merge"):
        repair.undo(store.layout)


# Rot: one bit that flips.


def every_kind(store: Store) -> list[Path]:
    """One live file of each table and kind, and what stands around them."""
    for _ in range(2):
        made = frames(1, points=60)
        store.append(made)
        store.append_events("note", ids(made), "note")
    store.compact(grace_s=0)
    made = frames(1, points=60)
    store.append(made)
    store.append_events("tag", ids(made), "x")
    live = [only(store, f"{t}/month=*/{k}-*") for t in schema.TABLES for k in "mc"]
    return [*live, log.newest_path(store.layout), *store.path.glob("_seed/*")]


def flip(path: Path, rng: random.Random) -> int:
    content = bytearray(path.read_bytes())
    bit = rng.randrange(8 * len(content))
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    return bit


@pytest.mark.slow
def test_a_flipped_bit_is_found_in_every_kind_of_file(store, tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for path in every_kind(store):
        whole = path.read_bytes()
        bit = flip(path, rng)
        name = path.relative_to(store.path).as_posix()
        found = [f.path for f in store.check().findings if f.damage]
        assert {name, "_log"} & {*found}, (name, bit)  # with a commit's runs all that is theirs
        path.write_bytes(whole)
    assert not store.check().damaged


def test_a_bit_that_hides_the_marks_of_a_file_is_found(store):
    store.append(frames(1))
    seed = store.path / "_seed" / "events.parquet"
    whole = seed.read_bytes()
    hidden = 0
    for bit in range(8 * len(whole)):
        spoilt = bytearray(whole)
        spoilt[bit // 8] ^= 1 << bit % 8
        hidden += rot.marks_of(bytes(spoilt)) == {}
        assert rot.seal_holds(bytes(spoilt)) is False, bit
    assert hidden


@pytest.mark.thorough
def test_a_thousand_flipped_bits_are_found(store):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for path in every_kind(store):
        name = path.relative_to(store.path).as_posix()
        whole = path.read_bytes()
        for _ in range(1000):
            bit = flip(path, rng)
            if name.startswith("_log"):
                with pytest.raises(Damaged):
                    log.read(path)
            else:
                assert not rot.Digests(store.layout).prove(name), (name, bit)
            path.write_bytes(whole)


@pytest.mark.slow
def test_whole_files_come_from_a_backup(store, tmp_path):
    """Rotten, torn, missing: each is put right if the backup's bytes prove to be the lake's."""
    every_kind(store)
    shutil.copytree(store.path, tmp_path / "backups" / "000001")
    rng = random.Random(7)
    before = everything(store)
    victims = sorted(p for t in ("runs", "equity", "trades") for p in store.path.glob(f"{t}/*/*"))
    for number, path in enumerate(victims):
        whole = path.read_bytes()
        if number % 3 == 0:
            path.unlink()
        elif number % 3 == 1:
            path.write_bytes(whole[:40])
        else:
            flip(path, rng)
        if path.name.startswith("c-") and path.parent.parent.name == "runs" and not path.exists():
            path.write_bytes(whole[:40])  # a commit that is gone names nothing
    report = store.check(repair=True, source=tmp_path / "backups")
    assert not report.damaged, report.findings
    # A flipped bit may make a column one of a later version: that goes with the file, unnamed.
    assert all("put right" in f.repaired for f in report.findings if f.kind != "column")
    assert everything(store) == before
    assert not store.check().damaged


@pytest.mark.slow
def test_an_id_that_only_a_spoilt_file_told_is_not_missed(store, tmp_path):
    for _ in range(2):
        store.append(frames(1))
    store.compact(grace_s=0)
    shutil.copytree(store.path, tmp_path / "backups" / "000001")
    before = everything(store)
    path = only(store, "runs/month=*/m-*")
    table = pq.read_table(path, partitioning=None)
    ids = table["run_id"].to_pylist()
    wrong = pa.array([ids[0][:-1] + "!", *ids[1:]], pa.string())
    place = table.column_names.index("run_id")
    pq.write_table(table.set_column(place, table.schema.field("run_id"), wrong), path)
    assert not store.check(repair=True, source=tmp_path / "backups").damaged
    assert everything(store) == before


def test_a_backup_that_is_rotten_itself_is_not_taken(store, tmp_path):
    store.append(frames(1, points=60))
    shutil.copytree(store.path, tmp_path / "backup")
    path = only(store, "equity/month=*/c-*")
    for each in (path, tmp_path / "backup" / path.relative_to(store.path)):
        content = bytearray(each.read_bytes())
        content[200] ^= 1
        each.write_bytes(content)
    (finding,) = store.check(repair=True, source=tmp_path / "backup").findings
    assert (finding.kind, finding.repaired) == ("rotten", "")
    assert path.exists(), "what can be read is not moved"


def test_a_flipped_bit_in_the_card_is_found(store):
    store.append(frames(1))
    whole = store.layout.card.read_bytes()
    rng = random.Random(3)
    for _ in range(12):
        flip(store.layout.card, rng)
        assert [f.path for f in store.check(deep=False).findings if f.damage] == ["lake.json"]
        store.layout.card.write_bytes(whole)
    assert not store.check(deep=False).damaged
