"""Files of one run, which bt-lake puts together itself, read as those of pyarrow."""

from __future__ import annotations

import io
import json
import random
import string

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bt_lake.warehouse import onerun
from bt_lake.warehouse.commit import by_pyarrow, encoded
from bt_lake.warehouse.digest import BLANK
from bt_lake.warehouse.frames import conform
from bt_lake.warehouse.rot import marks_of, seal_holds
from bt_lake.warehouse.schema import TABLES, arrow_schema

MARKS = {"written_by": "a test", "digest": BLANK, "children": "{}"}
COUNTS = {"runs": [1], "equity": [1, 2, 7, 8, 9, 63, 300], "trades": [1, 2, 8, 40, 256]}
COUNTS["events"] = COUNTS["trades"]


def text(rng: random.Random) -> str:
    letters = string.ascii_letters + "é漢🙂\0\n'\""
    return "".join(rng.choices(letters, k=rng.choice([0, 1, 3, 36, 200])))


def value(rng: random.Random, kind: str):
    match kind:
        case "string" | "json":
            return text(rng)
        case "double":
            return rng.choice([0.0, -0.0, 5e-324, 1.7e308, rng.gauss(0, 1)])
        case "list<string>":
            return [rng.choice([None, text(rng)]) for _ in range(rng.choice([0, 1, 2, 17]))]
        case "map<string,double>":
            names = range(rng.choice([0, 1, 2, 17]))
            return [(f"{text(rng)}{n}", rng.choice([None, rng.random()])) for n in names]
    return rng.choice([0, 1, -1, rng.randrange(-(2**62), 2**62)])


def table_of(rng: random.Random, name: str, count: int) -> pa.Table:
    """Rows of one run, some of them NULL, cut out of others and in pieces."""
    run_id, before, sparse = text(rng), rng.randrange(3), rng.choice([0, 0.3, 0.97])
    columns = {}
    for column in TABLES[name].columns:
        field = arrow_schema(name).field(column.name)
        values = [
            None if not column.required and rng.random() < sparse else value(rng, column.kind)
            for _ in range(count + 3)
        ]
        if column.name == "run_id":
            values[before : before + count] = [run_id] * count
        if column.required or rng.random() < 0.7:
            columns[field] = pa.array(values, pa.int64()).cast(field.type) if (
                column.kind == "timestamp"
            ) else pa.array(values, field.type)  # fmt: skip
    whole = pa.Table.from_arrays([*columns.values()], schema=pa.schema([*columns]))
    rows = conform(name, whole.slice(before, count))
    cut = rng.randrange(count + 1)
    pieces = pa.concat_tables([rows.slice(0, cut), rows.slice(cut)])
    return rng.choice([rows, pieces, rows.combine_chunks()])


def asked(data: bytes, tmp_path) -> list[tuple]:
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    return duckdb.execute(f"from read_parquet('{path}')").fetchall()


@pytest.mark.parametrize("name", TABLES)
def test_readers_find_what_pyarrow_would_have_written(name, tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(10):
        table = table_of(rng, name, rng.choice(COUNTS[name]))
        ours, theirs = onerun.encoded(name, table, MARKS), by_pyarrow(table, MARKS)
        assert ours is not None
        read = pq.read_table(io.BytesIO(ours), page_checksum_verification=True)
        reference = pq.read_table(io.BytesIO(theirs))
        read.validate(full=True)
        assert read.equals(reference) and read.schema.equals(reference.schema, check_metadata=True)
        assert read.cast(table.schema).equals(table)
        assert asked(ours, tmp_path) == asked(theirs, tmp_path)
        assert pl.read_parquet(ours).equals(pl.read_parquet(theirs))
        assert marks_of(ours) == marks_of(theirs)
        one, other = (pq.read_metadata(io.BytesIO(data)) for data in (ours, theirs))
        assert one.schema.equals(other.schema)
        place = table.schema.get_field_index("run_id")
        told = [meta.row_group(0).column(place).statistics for meta in (one, other)]
        assert len({(each.min, each.max, each.null_count, each.num_values) for each in told}) == 1


def test_a_file_carries_its_digest_and_a_changed_byte_is_seen():
    table = table_of(random.Random(1), "trades", 40)
    data = encoded("trades", table)
    assert onerun.encoded("trades", table, MARKS) is not None
    assert seal_holds(data)
    for place in range(4, len(data) - 8, 97):
        assert not seal_holds(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def test_rows_of_several_runs_are_left_to_pyarrow():
    """Also where their ids, one behind the other, look like one that is repeated."""
    columns = {"at": [0] * 3, "kind": ["tag"] * 3, "value": ["x"] * 3, "event_id": ["1", "2", "3"]}
    for ids, one in ((["a", "aa", ""], False), (["a", "b", "a"], False), (["a"] * 3, True)):
        rows = {"run_id": ids, **columns}
        schema = arrow_schema("events")
        arrays = [pa.array(rows[field.name]).cast(field.type) for field in schema]
        table = pa.Table.from_arrays(arrays, schema=schema)
        assert (onerun.encoded("events", table, MARKS) is not None) == one
        assert pq.read_table(io.BytesIO(encoded("events", table)))["run_id"].to_pylist() == ids
    twice = pa.concat_tables([table_of(random.Random(2), "runs", 1)] * 2)
    assert onerun.encoded("runs", twice, MARKS) is None


def test_what_is_large_is_left_to_pyarrow(tmp_path):
    row = table_of(random.Random(3), "runs", 1)
    config = pa.array([json.dumps("x" * onerun._MANY_BYTES)])
    names = [name for name in row.column_names if name != "config"]
    large = conform("runs", row.select(names).append_column("config", config))
    assert onerun.encoded("runs", large, MARKS) is None
    assert asked(encoded("runs", large, {}), tmp_path)
