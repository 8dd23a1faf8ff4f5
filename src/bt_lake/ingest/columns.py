"""Anything table-like -> a dict of columns, without importing the library it comes from."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.parquet import dense, opened
from bt_lake.warehouse import bounds
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.schema import Table
from bt_lake.warehouse.values import NO_VALUE

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, Any]
MOST_ROWS = bounds.ROWS
# What pandas calls the nameless index of a frame in a file.
INDEX = ("", "Unnamed: 0", "__index_level_0__")
_CSV_VALUE = re.compile(
    r"CSV column #(?P<column>\d+): Row #(?P<row>\d+): CSV conversion error to \w+: "
    r"invalid value (?P<value>'.*')"
)


def columns_of(table: Any, schema: Table) -> Columns | None:
    """The columns of a mapping, a frame or a file; None where it is none of these."""
    if isinstance(table, Mapping):
        return {str(name): values for name, values in table.items()}
    if isinstance(table, (str, os.PathLike)):
        return read_table(Path(table), schema)
    if hasattr(table, "collect_schema") and hasattr(table, "collect"):  # a polars LazyFrame
        table = table.collect()
    if hasattr(table, "get_columns"):  # polars
        return {column.name: column for column in table.get_columns()}
    if hasattr(table, "column_names") and hasattr(table, "column"):  # pyarrow
        return {name: table.column(name) for name in table.column_names}
    if hasattr(table, "iloc") and hasattr(table, "columns"):  # pandas
        return {str(name): table[name] for name in table.columns}
    return None


def length(values: Any) -> int:
    """Rows of a column; a scalar has none."""
    return len(values) if hasattr(values, "__len__") and not isinstance(values, str) else -1


def columns_of_objects(rows: Sequence[Any]) -> Columns:
    """A list of objects as columns, None where an object lacks a key."""
    kinds = set(map(tuple, rows))
    if len(kinds) == 1:
        return {str(name): [row[name] for row in rows] for name in kinds.pop()}
    names = dict.fromkeys(name for row in rows for name in row)
    return {str(name): [row.get(name) for row in rows] for name in names}


def read_table(path: Path, schema: Table) -> Columns:
    """The columns of a Parquet or CSV file; the schema says what is text in a CSV file."""
    try:
        table = _read_parquet(path) if is_parquet(path) else _read_csv(path, schema)
        names = table.column_names
    except FileNotFoundError:
        raise NotFound(f"{path}: no such file") from None
    except read_errors() as error:
        raise BadInput(f"{path}: {explain(error)}") from None
    check_names(names, path)
    return dict(zip(names, table.columns, strict=True))


def check_names(names: Sequence[str], path: Path) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"{path}: column '{name}' is there twice")


def read_errors() -> tuple[type[Exception], ...]:
    """What pyarrow raises for damaged files; names that are no UTF-8 are a ValueError."""
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError)


def is_parquet(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PAR1"


def explain(error: BaseException) -> str:
    """A reader's error in one line; a bad CSV value is named by its row and column."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    found = _CSV_VALUE.search(text)
    if found:
        return (
            f"row {found['row']}, column {int(found['column']) + 1}: {found['value']} is no number"
        )
    return text.split("\n")[0]


def csv_types(schema: Table) -> dict[str, str]:
    """Text stays text (a symbol may look like a number); times are parsed by `ingest.times`."""
    kinds = {"double": "float64", "int64": "float64"}
    return {column.name: kinds.get(column.kind, "string") for column in schema.columns}


def _read_parquet(path: Path) -> pa.Table:
    with opened(path) as file:
        if file.metadata.num_rows > MOST_ROWS:
            raise BadInput(f"{path}: {file.metadata.num_rows:,} rows; at most {MOST_ROWS:,} fit")
        table = dense(file.read(), path)
    table.validate(full=True)  # text may be damaged too
    return table


def _read_csv(path: Path, schema: Table) -> pa.Table:
    import pyarrow.csv as csv

    return csv.read_csv(
        path,
        # One thread, so that an error names its row.
        read_options=csv.ReadOptions(use_threads=False),
        convert_options=csv.ConvertOptions(
            column_types=csv_types(schema), strings_can_be_null=True, null_values=list(NO_VALUE)
        ),
    )
