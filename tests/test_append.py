from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factory import START, edit_log, frames, ids, table

from bt_lake.warehouse import log, schema
from bt_lake.warehouse.digest import digest_of_file, is_whole
from bt_lake.warehouse.errors import (
    BadInput,
    CannotRead,
    CannotWrite,
    Damaged,
    FormatTooNew,
    NotFound,
    UnknownName,
)
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.ids import children_of
from bt_lake.warehouse.store import Store


def test_what_is_appended_is_read(store, rows):
    made = frames(3, points=7, trades=2)
    commit = store.append(made)
    assert [r[0] for r in rows("select run_id from runs order by 1")] == sorted(ids(made))
    assert rows("select distinct commit_id from runs") == [(commit,)]
    assert rows("select run_id, count(*) from equity group by 1 order by 1") == [
        (i, 7) for i in sorted(ids(made))
    ]
    assert rows("select count(*) from trades") == [(6,)]


def test_values_survive_to_the_last_bit(store, rows):
    runs = (
        frames(1)
        .runs.append_column("total_return", pa.array([0.1 + 0.2]))
        .append_column("tags", pa.array([["ein", "ümlaut '\"", ""]]))
    )
    for name, value in {"notes": "línea\nzwei 🙂", "params": '{"fast":10}'}.items():
        runs = runs.append_column(name, pa.array([value]))
    extra = pa.array(
        [[("my score", 7.5), ("none", None)]], schema.arrow_schema("runs").field("extra").type
    )
    store.append(Frames(runs.append_column("extra", extra)))
    assert rows(
        "select total_return, tags, notes, params->>'fast', extra['my score'], extra['none'], cagr from runs"
    ) == [(0.1 + 0.2, ["ein", "ümlaut '\"", ""], "línea\nzwei 🙂", "10", 7.5, None, None)]


def test_microseconds_and_time_zone_survive(store, rows):
    at = START.replace(microsecond=123456)
    store.append(frames(1, start_at=at))
    assert rows("select epoch_us(start_at), typeof(start_at) from runs") == [
        (int(at.timestamp()) * 1_000_000 + 123456, "TIMESTAMP WITH TIME ZONE")
    ]


def test_a_run_needs_neither_curve_nor_trades(store, rows):
    store.append(Frames(frames(1).runs))
    assert rows("select (select count(*) from runs), (select count(*) from equity)") == [(1, 0)]


def test_reading_makes_no_lake(tmp_path):
    store = Store(tmp_path / "nowhere")
    with pytest.raises(NotFound, match="bt-lake init"):
        store.ask(lambda connection: None)
    assert not (tmp_path / "nowhere").exists()


def test_unknown_column_is_refused_with_near_names(store):
    with pytest.raises(UnknownName, match="strategy_typ.*strategy_type"):
        store.append(Frames(frames(1).runs.append_column("strategy_typ", pa.array(["x"]))))


def test_no_runs_are_no_commit(store):
    with pytest.raises(BadInput, match="no run to commit"):
        store.append(Frames(frames(1).runs.slice(0, 0)))
    assert list(store.path.glob("runs/*/c-*")) == []


def test_a_missing_or_null_required_column_is_refused(store, rows):
    with pytest.raises(BadInput, match=r"runs\.strategy is missing"):
        store.append(Frames(frames(1).runs.drop_columns("strategy")))
    made = frames(2)
    holes = table("equity", {"run_id": ids(made), "ts": [START, None], "equity": [1.0, 2.0]})
    with pytest.raises(BadInput, match=r"equity\.ts is NULL in 1 row"):
        store.append(Frames(made.runs, holes))
    store.append(frames(1))
    assert rows("select count(*) from trials") == [(1,)]


def test_a_column_of_the_wrong_type_is_refused(store):
    runs = frames(1).runs.drop_columns("bars").append_column("bars", pa.array(["many"]))
    with pytest.raises(BadInput, match=r"runs\.bars"):
        store.append(Frames(runs))


@pytest.mark.slow
def test_own_writes_are_seen_at_once_by_every_reader(store, rows):
    other = Store(store.path)
    for count in range(1, 30):
        store.append(frames(1))
        assert rows("select count(*) from runs") == [(count,)]
        assert other.ask(lambda c: c.execute("select count(*) from runs").fetchall()) == [(count,)]


def test_append_new_adds_each_run_once(store, rows):
    made = frames(3)
    first = store.append_new(made)
    assert (sorted(first.added), first.already) == (sorted(ids(made)), [])
    grown = Frames(*(pa.concat_tables([a, b]) for a, b in _pairs(made, frames(2))))
    second = store.append_new(grown)
    assert sorted(second.already) == sorted(ids(made))
    assert len(second.added) == 2
    assert rows(
        "select count(*), count(distinct run_id), (select count(*) from equity) from runs"
    ) == [(5, 5, 25)]


def test_append_new_knows_runs_that_were_compacted_or_deleted(store, rows):
    made = frames(2)
    store.append_new(made)
    store.append_events("delete", ids(made)[:1])
    store.compact(grace_s=0)
    store.compact(grace_s=0)
    assert store.append_new(made).added == []
    assert rows("select count(*) from trials") == [(2,)]


def test_a_forgotten_run_may_come_again(store, rows):
    made = frames(2)
    store.append_new(made)
    store.forget(ids(made)[:1])
    assert store.append_new(made).added == ids(made)[:1]
    assert rows("select count(*), count(distinct run_id) from runs") == [(2, 2)]


def test_unique_refuses_a_configuration_that_is_there(store):
    first = frames(1, symbol="AAPL", params_hash="aa")
    again = frames(1, symbol="AAPL", params_hash="aa")
    other = frames(1, symbol="AAPL", params_hash="bb")
    assert store.append_new(first, unique=True).added == ids(first)
    assert store.append_new(again, unique=True).duplicates == {ids(again)[0]: ids(first)[0]}
    assert store.append_new(other, unique=True).added == ids(other)
    assert store.append_new(frames(1), unique=True).duplicates == {}


def test_unique_sees_repeats_within_one_append(store):
    made = frames(3, symbol="AAPL", params_hash="aa")
    result = store.append_new(made, unique=True)
    assert result.added == ids(made)[:1]
    assert set(result.duplicates) == set(ids(made)[1:])


def test_a_newer_format_is_refused_naming_both(store, rows):
    store.append(frames(1))
    card = json.loads(store.layout.card.read_text())
    store.layout.card.write_text(json.dumps({**card, "format": 7}))
    with pytest.raises(FormatTooNew, match="format 7.*format 1"):
        Store(store.path).ask(lambda connection: None)
    with pytest.raises(FormatTooNew, match="format 7.*format 1"):
        Store(store.path).append(frames(1))


def test_a_log_with_unknown_keys_is_read(store, rows):
    """A later version of the same format may say more of a file."""
    store.append(frames(1))
    store.append(frames(1))
    store.compact()
    path = log.newest_path(store.layout)

    def foretell(state: dict) -> None:
        for add in state["adds"]:
            add["novelty"] = 1
        state["another"] = []

    edit_log(path, foretell)
    assert rows("select count(*) from runs") == [(2,)]
    assert sorted(add.rows for add in log.newest(store.layout).adds) == [2, 4, 10]


def test_a_damaged_card_is_named(store):
    store.append(frames(1))
    store.layout.card.write_text("{")
    with pytest.raises(Damaged, match=r"lake\.json"):
        Store(store.path).ask(lambda connection: None)


def test_files_of_an_older_schema_stay_readable(store, rows):
    """Columns that an old file lacks are NULL, wherever they stand in the schema."""
    store.append(frames(1, symbol="NEW"))
    old = (
        frames(1)
        .runs.append_column("commit_id", pa.array(["0" * 32]))
        .append_column("ingested_at", pa.array([START], pa.timestamp("us", "UTC")))
    )
    pq.write_table(
        old.drop_columns(["bars", "sharpe_ratio"]),
        store.layout.month("runs") / f"c-{'0' * 32}.parquet",
    )
    assert rows("select symbol, bars, sharpe_ratio from runs order by symbol nulls last") == [
        ("NEW", 5, 36.0),
        (None, None, None),
    ]
    store.compact()
    assert rows("select count(*), count(bars) from runs") == [(2, 1)]


def test_files_carry_the_field_ids_of_the_schema(store):
    store.append(frames(1))
    store.compact()
    for path in store.path.glob("*/month=*/*.parquet"):
        declared = schema.TABLES[path.parent.parent.name]
        for field in pq.read_schema(path):
            assert int(field.metadata[b"PARQUET:field_id"]) == declared[field.name].field_id


@pytest.mark.parametrize(
    "name", ["with space", "quo'te", 'dou"ble', "[a]*?{b}", "ünïcode 湖", "a%b"]
)
def test_any_folder_name_works(tmp_path: Path, name: str):
    # A folder whose name the other's would match as a pattern must not be read.
    decoy = Store(tmp_path / "axy{b}")
    decoy.append(frames(1))
    store = Store(tmp_path / name)
    made = frames(2)
    store.append(made)
    store.compact()
    store.append(frames(1))
    assert store.ask(lambda c: c.execute("select count(*) from runs").fetchall()) == [(3,)]
    assert store.check().findings == []


@pytest.mark.skipif(os.sep != "/", reason="Windows separates with it")
def test_a_folder_that_duckdb_cannot_name_is_refused(tmp_path):
    with pytest.raises(BadInput, match="backslash"):
        Store(tmp_path / "a\\b")
    with pytest.raises(BadInput, match="UTF-8"):
        Store(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff"))


def test_a_file_in_the_place_of_a_lake_is_no_lake(tmp_path):
    (tmp_path / "lake").write_text("")
    with pytest.raises(NotFound):
        Store(tmp_path / "lake").ask(lambda connection: None)
    with pytest.raises(CannotWrite):
        Store(tmp_path / "lake").append(frames(1))


def test_names_that_are_not_the_lakes_are_passed_over(store, rows):
    """Copies that people, and what backs up or syncs their files, leave behind."""
    store.append(frames(1))
    (commit,) = store.path.glob("runs/month=*/c-*")
    shutil.copy(commit, commit.with_name(f"{commit.stem} (copy).parquet"))
    shutil.copytree(commit.parent, commit.parent.with_name(f"{commit.parent.name} 2"))
    for name in ("._00000000.json", "notes.json", "00000009 (copy).json"):
        (store.layout.log / name).write_text("{")
    assert rows("select count(*) from runs") == [(1,)]
    store.append(frames(1))
    store.compact()
    assert rows("select count(*) from runs") == [(2,)]
    assert not store.check().damaged


@pytest.mark.slow
def test_a_lake_copied_without_its_empty_folders_works(store):
    """As git, and what syncs to object stores, copies it."""
    store.append(Frames(frames(1).runs))
    for folder in (store.layout.stage, *map(store.layout.table, ("equity", "trades", "events"))):
        folder.rmdir()
    assert {f.kind for f in store.check().findings} == {"furniture"}
    copy = Store(store.path)
    assert copy.ask(lambda c: c.execute("select count(*) from runs").fetchall()) == [(1,)]
    copy.append(frames(1))
    copy.compact()
    assert copy.ask(lambda c: c.execute("select count(*) from runs").fetchall()) == [(2,)]
    assert copy.check().findings == []


@pytest.mark.slow
def test_threads_look_and_save_on_one_store(store, rows):
    errors: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(3):
                made = frames(1)
                store.append_new(made)
                assert store.append_new(made).already == ids(made)
                store.append_events("tag", ids(made), "x")
                store.ask(lambda c: c.execute("select count(*) from runs").fetchall())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert rows("select count(*), count(tags) from runs") == [(12, 12)]


def _pairs(one: Frames, two: Frames):
    return zip((one.runs, one.equity, one.trades), (two.runs, two.equity, two.trades), strict=True)


def test_a_commit_says_what_belongs_to_it(store):
    made = frames(2, points=3, trades=1)
    for given in (made, Frames(frames(1).runs), Frames(frames(1).runs, trades=made.trades)):
        commit = store.append(given)
        assert children_of(commit) == tuple(given.children())
        (path,) = store.path.glob(f"runs/month=*/c-{commit}.parquet")
        marks = pq.read_metadata(path).metadata
        assert is_whole(path.read_bytes(), marks[b"digest"].decode())
        children = json.loads(marks[b"children"])
        assert children.keys() == given.children().keys()
        for name, said in children.items():
            (child,) = store.path.glob(f"{name}/month=*/c-{commit}.parquet")
            assert said == {
                "rows": len(given.children()[name]),
                "bytes": child.stat().st_size,
                "digest": digest_of_file(child),
            }


def test_the_log_says_the_digests_of_its_files_and_its_own(store):
    for _ in range(2):
        store.append(frames(1))
    store.compact()
    for add in log.newest(store.layout).adds:
        assert add.digest == digest_of_file(store.path / add.path)
    path = log.newest_path(store.layout)
    text = path.read_text()
    for spoilt in (text.replace('"rows":2', '"rows":3'), text.replace("written_by", "written_bY")):
        assert spoilt != text
        path.write_text(spoilt)
        with pytest.raises(Damaged, match="digest"):
            log.newest(store.layout)


@pytest.mark.parametrize("folder", ["runs", "events", "_log"])
def test_a_folder_that_cannot_be_listed_is_no_empty_folder(store, rows, monkeypatch, folder):
    """As when descriptors are used up or the disk fails: DuckDB's glob would find nothing."""
    store.append(frames(2))
    store.append_events("tag", ["x"], "y")
    listdir, scandir = os.listdir, os.scandir

    def failing(list_):
        def fail(path):
            if f"{os.sep}{folder}" in os.fspath(path):
                raise OSError(errno.EMFILE, "Too many open files", path)
            return list_(path)

        return fail

    monkeypatch.setattr(os, "listdir", failing(listdir))
    monkeypatch.setattr(os, "scandir", failing(scandir))
    with pytest.raises(CannotRead, match="too many files open"):
        rows("select count(*) from runs")
    with pytest.raises(CannotRead):
        Store(store.path).append_new(frames(1))
    monkeypatch.undo()
    assert rows("select count(*) from runs") == [(2,)]


def test_a_lake_with_curves_and_no_folder_of_runs_is_not_empty(store, tmp_path):
    store.append(frames(2))
    store.layout.table("runs").rename(tmp_path / "away")
    with pytest.raises(Damaged, match="runs is not there"):
        Store(store.path).ask(lambda c: c.execute("select count(*) from runs").fetchall())
