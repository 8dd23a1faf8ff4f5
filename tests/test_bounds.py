"""What others wrote may claim to be huge: how much of it is read is one table, and holds."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factory import frames

from bt_lake.ingest.formats.rows import read
from bt_lake.ingest.stores.sqlite import SqliteSource
from bt_lake.warehouse import bounds, log
from bt_lake.warehouse.errors import BadInput, Damaged

ROOT = Path(__file__).parent.parent


def test_the_table_of_the_documents_is_that_of_the_code():
    text = (ROOT / "SECURITY.md").read_text()
    for bound in bounds.BOUNDS:
        assert bounds.line(bound) in text


def test_a_log_of_any_size(store, monkeypatch):
    store.append(frames(1))
    monkeypatch.setattr(log, "LOG_BYTES", 50)
    with pytest.raises(Damaged, match="at most 50 are read"):
        log.newest(store.layout)
    with open(log.newest_path(store.layout), "ab") as file:
        file.truncate(bounds.LOG_BYTES + 1)  # takes no room
    with pytest.raises(Damaged, match="at most 268,435,456 are read"):
        store.ask(lambda connection: connection.execute("from runs").fetchall())


@pytest.mark.parametrize("kind", ["device", "pipe", "folder"])
def test_a_log_that_never_ends(store, kind):
    store.append(frames(1))
    path = store.layout.log / "00000001.json"
    make = {"device": lambda: path.symlink_to("/dev/zero"), "pipe": lambda: os.mkfifo(path)}
    make.get(kind, path.mkdir)()
    for act in (
        store.compact,
        lambda: store.ask(lambda connection: connection.execute("from runs")),
    ):
        with pytest.raises(Damaged, match="is not a file"):
            act()
    assert store.check().damaged


def test_a_card_of_any_size(store):
    store.append(frames(1))
    with open(store.layout.card, "ab") as file:
        file.truncate(bounds.CARD_BYTES + 1)
    with pytest.raises(Damaged, match="at most 1,048,576 are read"):
        store.compact()


@pytest.mark.parametrize(
    "card",
    [{}, [], 1, {"format": 1}, {"format": "1", "lake_id": "x", "created_at": "x"},
     {"format": 1, "lake_id": 3, "created_at": "x"}, {"format": True, "lake_id": "x", "created_at": ""}],
)  # fmt: skip
def test_a_card_of_other_values(store, card):
    store.append(frames(1))
    store.layout.card.write_text(json.dumps(card))
    with pytest.raises(Damaged, match="is not a lake's card"):
        store.compact()
    assert not store.check(repair=True).damaged


# A few kilobytes that claim, or decode to, very much.


def same_values(path: Path, rows: int, groups: int = 1) -> Path:
    schema = pa.schema([("ts", pa.timestamp("us")), ("equity", pa.float64())])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        part = pa.table([[0] * rows, [1.0] * rows], schema=schema)
        for _ in range(groups):
            writer.write_table(part, row_group_size=rows)
    return path


def document(tmp_path: Path, curve: Path) -> Path:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"strategy": "s", "equity": curve.name}))
    return path


def test_a_curve_of_many_equal_values(tmp_path, monkeypatch, lake):
    curve = same_values(tmp_path / "bomb.parquet", 100_000, 4)
    assert curve.stat().st_size < 50_000
    monkeypatch.setattr(bounds, "CELLS", 700_000)
    with pytest.raises(BadInput, match=r"bomb\.parquet: 800,000 values; at most 700,000 are read"):
        lake.ingest(document(tmp_path, curve))


@pytest.mark.slow
def test_a_long_text_that_stands_for_all(tmp_path, monkeypatch, lake):
    text = "x" * 1_000_000
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), [text])
    rows = pa.table({"strategy": column.cast(pa.string()), "symbol": ["a"] * 500})
    pq.write_table(rows, tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 10_000
    monkeypatch.setattr(bounds, "TEXT_BYTES", 10_000_000)
    with pytest.raises(BadInput, match="bytes of text; at most 10,000,000 are read"):
        list(read(tmp_path / "bomb.parquet"))


def test_many_columns(tmp_path, monkeypatch, lake):
    monkeypatch.setattr(bounds, "COLUMNS", 20)
    names = [f"m{number}" for number in range(21)]
    pq.write_table(
        pa.table([[1.0]] * 21, names=["strategy", *names[:-1]]), tmp_path / "wide.parquet"
    )
    (tmp_path / "wide.csv").write_text(",".join(["strategy", *names]) + "\n")
    for name in ("wide.parquet", "wide.csv"):
        with pytest.raises(BadInput, match=r"2[12] columns; at most 20 are read"):
            list(read(tmp_path / name))


def test_a_footer_that_claims_the_whole_memory(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + b"\0" * 20 + b"\xff\xff\xff\x7fPAR1")
    with pytest.raises(BadInput, match="footer: 2,147,483,647 bytes; at most"):
        list(read(tmp_path / "x.parquet"))


def sqlite_file(path: Path, view: str) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute(f"create view backtest_results as {view}")
    return path


def test_a_view_that_never_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "ROWS", 20_000)
    endless = "with recursive n(id) as (select 1 union all select id + 1 from n) select id from n"
    source = SqliteSource(sqlite_file(tmp_path / "x.db", endless))
    with pytest.raises(BadInput, match="rows; at most 20,000 are read"):
        for _ in source.batches():
            pass


def test_a_view_of_huge_values(tmp_path, monkeypatch):
    huge = f"select zeroblob({bounds.STORE_VALUE_BYTES + 1}) as id"
    with pytest.raises(BadInput, match="SQLite cannot read it: string or blob too big"):
        list(SqliteSource(sqlite_file(tmp_path / "x.db", huge)).batches())
    monkeypatch.setattr(bounds, "PAGE_BYTES", 1_000_000)
    many = (
        "with recursive n(id) as (select 1 union all select id + 1 from n where id < 30) "
        "select id, zeroblob(100000) as x from n"
    )
    source = SqliteSource(sqlite_file(tmp_path / "y.db", many))
    assert [len(batch.labels) for batch in source.batches()] == [11, 11, 8]


def test_a_view_runs_nothing(tmp_path):
    source = sqlite_file(tmp_path / "x.db", "select 1 as id, load_extension('evil.so') as x")
    with pytest.raises(BadInput):
        list(SqliteSource(source).batches())


def zarr_v2(path: Path, **array: object) -> Path:
    (path / "metadata" / "n").mkdir(parents=True)
    for group in (path, path / "metadata"):
        (group / ".zgroup").write_text('{"zarr_format": 2}')
    described = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "<f8", "fill_value": 0,
        "order": "C", "filters": None, "compressor": None, **array,
    }  # fmt: skip
    (path / "metadata" / "n" / ".zarray").write_text(json.dumps(described))
    return path


@pytest.mark.parametrize(
    "array",
    [
        {"shape": [10**12], "chunks": [10]},
        {"shape": [10], "chunks": [10**12]},
        {"shape": [10**9, 10**9], "chunks": [1, 1]},
        {"filters": [{"id": "vlen-utf8"}, {"id": "pickle", "protocol": 4}], "dtype": "|O"},
        {"filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle"}, "dtype": "|O"},
        {"filters": [{"id": "pickle"}]},
    ],
)
def test_a_zarr_store_that_claims_much_or_runs_code(tmp_path, array):
    pytest.importorskip("zarr")
    from bt_lake.ingest.stores.zarr import ZarrSource

    with pytest.raises(BadInput, match="are read|pickle|No Zarr data type"):
        ZarrSource(zarr_v2(tmp_path / "store", **array))


def test_yaml_of_mlflow_has_no_aliases(tmp_path):
    from bt_lake.ingest.stores.mlruns import Folder

    run = tmp_path / "0" / "r"
    (run / "metrics").mkdir(parents=True)
    (run.parent / "meta.yaml").write_text("name: &a [x, x]\nb: *a\nc: [*a, *a, *a]\n")
    (run / "meta.yaml").write_text(f"run_id: r\nuser_id: {'9' * 5000}\nstatus: ²\n")
    (run / "metrics" / "m").write_text(f"1 1.2.3 0\n{'9' * 5000} 1 1\n1 .5 {'9' * 5000}\n1 2. 0\n")
    (tracked,) = Folder(tmp_path).read()
    assert tracked.metrics == {"m": 2.0}
