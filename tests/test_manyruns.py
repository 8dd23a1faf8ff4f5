"""Files of one run each, read many at once as pyarrow reads them one by one."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from factory import frames
from test_onerun import COUNTS, table_of

from bt_lake.warehouse import manyruns
from bt_lake.warehouse.commit import by_pyarrow, encoded
from bt_lake.warehouse.compact import fold
from bt_lake.warehouse.digest import BLANK, digest_in, sealed
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.store import Store

MARKS = {"written_by": "a test", "digest": BLANK}


def rows_of(*tables: pa.Table) -> list[str]:
    """The rows in any order, with NULL for a column that a table has not."""
    whole = pa.concat_tables(tables, promote_options="default")
    plain = [  # more than Python's times hold
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in whole.columns
    ]
    names = sorted(whole.column_names)
    return sorted(
        repr([row[name] for name in names])
        for row in pa.table(plain, names=whole.column_names).to_pylist()
    )


@pytest.mark.parametrize("name", TABLES)
def test_all_that_one_run_can_hold_is_read(name, tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(5):
        tables = [table_of(rng, name, rng.choice(COUNTS[name])) for _ in range(rng.randint(1, 7))]
        files = [tmp_path / f"{n}.parquet" for n, _ in enumerate(tables)]
        for file, table in zip(files, tables, strict=True):
            file.write_bytes(encoded(name, table))
        found, others = manyruns.read(name, files)
        assert others == []
        for table in found:
            table.validate(full=True)
        assert rows_of(*found) == rows_of(*tables)


@pytest.mark.parametrize("name", TABLES)
def test_what_another_wrote_or_what_is_spoilt_is_left_to_duckdb(name, tmp_path):
    rng = random.Random(5)
    table = table_of(rng, name, COUNTS[name][-1])
    good = encoded(name, table)
    at = len(good) - 8 - int.from_bytes(good[-8:-4], "little")
    odd = {
        "pyarrow's": by_pyarrow(table, MARKS),
        "another version's": good.replace(b"bt-lake version 0", b"bt-lake version 9"),
        "a page too much": good[:at] + b"\x15" + good[at:],
        "cut off": good[:-100],
        "nothing": b"",
        "a page's first byte": good[:4] + b"\0" + good[5:],
    }
    own = (digest_in(good) or "").encode()
    for what, data in odd.items():
        (tmp_path / what).write_bytes(sealed(data.replace(own, BLANK.encode())))
    (tmp_path / "good").write_bytes(good)
    (tmp_path / "folder").mkdir()
    files = [tmp_path / what for what in (*odd, "folder")]
    found, others = manyruns.read(name, [*files, tmp_path / "good"])
    assert rows_of(*found) == rows_of(table)
    assert others == files


def test_a_file_of_which_a_byte_changed_is_left_to_duckdb(tmp_path):
    table = table_of(random.Random(6), "trades", 40)
    good = encoded("trades", table)
    file = tmp_path / "x.parquet"
    for place in range(0, len(good), 7):
        file.write_bytes(good[:place] + bytes([good[place] ^ 0x81]) + good[place + 1 :])
        assert manyruns.read("trades", [file]) == ([], [file])


def test_a_fold_keeps_rows_of_both_kinds_of_files(tmp_path):
    store = Store(tmp_path / "lake")
    for count in (1, 1, 3, 1, 2):
        store.append(frames(count))
    tables = ("runs", "equity", "trades")

    def rows() -> list[list[str]]:
        found = [
            store.ask(lambda c, name=name: c.sql(f"from {name}").to_arrow_table())
            for name in tables
        ]
        return [rows_of(table) for table in found]

    before = rows()
    assert fold(store.layout)
    assert len([*store.path.glob("*/month=*/m-*")]) == len(tables)
    assert rows() == before
