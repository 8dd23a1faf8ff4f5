"""Columns that a later writer of this format added: maintenance carries them through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.quoting import path_list
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.schema import Table

FIELD_ID = b"PARQUET:field_id"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A column known by nothing but its field id, its name and its type."""

    name: str
    field_id: int
    duckdb_type: str


def columns_there(
    connection: DuckDBPyConnection, table: str, files: Iterable[Path]
) -> tuple[set[int], list[Unknown]]:
    """The field ids in some files, and of those that are not of the schema the columns."""
    known = ", ".join(map(str, _ids(TABLES[table])))
    rows = connection.execute(
        f"select field_id, list(distinct file_name) filter (field_id not in ({known})) "
        f"from parquet_schema({path_list(files)}) where field_id is not null group by field_id"
    ).fetchall()
    holders = {path for _, paths in rows for path in paths or ()}
    return {row[0] for row in rows}, _unknown(connection, table, holders)


def _unknown(connection: DuckDBPyConnection, table: str, holders: Iterable[str]) -> list[Unknown]:
    declared = TABLES[table]
    known = _ids(declared)
    found: dict[int, Unknown] = {}
    for path in sorted(holders):
        # By place: DuckDB gives names that differ in case only another one.
        kinds = connection.execute(
            f"describe from read_parquet({path_list([path])}, hive_partitioning = false)"
        ).fetchall()
        for (field_id, name), (_, kind, *_) in zip(_top_level(path), kinds, strict=True):
            if field_id >= 0 and field_id not in known | found.keys():
                found[field_id] = Unknown(_free(name, field_id, declared, found), field_id, kind)
    return [found[field_id] for field_id in sorted(found)]


def _ids(table: Table) -> set[int]:
    """Those of the columns, and of what is inside the nested ones."""
    ids = {column.field_id for column in table.columns}
    nested = {c.field_id for c in table.columns if "<" in c.kind}
    return ids | {1000 * field_id + inner for field_id in nested for inner in (1, 2)}


def _top_level(path: str) -> list[tuple[int, str]]:
    import pyarrow.parquet as pq

    fields = pq.read_schema(path)
    return [(int((f.metadata or {}).get(FIELD_ID, b"-1")), f.name) for f in fields]


def _free(name: str, field_id: int, table: Table, found: dict[int, Unknown]) -> str:
    """The column's name, unless another has it but for the case of its letters."""
    taken = {n.lower() for n in table.names} | {other.name.lower() for other in found.values()}
    return f"{name}_{field_id}" if name.lower() in taken else name
