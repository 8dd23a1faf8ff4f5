"""Frames: the rows of many runs, as one commit carries them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.schema import TABLES, schema_of

if TYPE_CHECKING:
    import pyarrow as pa

# The warehouse itself fills these in when it commits.
FILLED_BY_COMMIT = ("commit_id", "ingested_at")


@dataclass(frozen=True, slots=True)
class Frames:
    """Runs with their curves and trades; columns named as in the schema, absent ones are NULL."""

    runs: pa.Table
    equity: pa.Table | None = None
    trades: pa.Table | None = None

    def children(self) -> dict[str, pa.Table]:
        tables = {"equity": self.equity, "trades": self.trades}
        return {name: table for name, table in tables.items() if table is not None and len(table)}

    def only(self, run_ids: set[str]) -> Frames:
        """The part of these frames that belongs to some of the runs."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from bt_lake.warehouse.arrays import array

        wanted = array(sorted(run_ids), pa.string())

        def part(table: pa.Table | None) -> pa.Table | None:
            return None if table is None else table.filter(pc.is_in(table["run_id"], wanted))

        return Frames(part(self.runs), part(self.equity), part(self.trades))


def conform(name: str, table: pa.Table) -> pa.Table:
    """The table in the schema's types and order, without the columns that hold nothing."""
    fields = _fields(name)
    columns = dict(zip(table.column_names, table.columns, strict=True))
    for column in columns.keys() - fields.keys():
        raise UnknownName.near(f"column of {name}", column, TABLES[name].names)
    kept = tuple(
        column
        for column, required in fields.items()
        if _holds_something(name, column, required, columns.get(column))
    )
    schema, table = schema_of(name, kept), table.select(kept)
    if table.schema.equals(schema, check_metadata=True):
        return table
    return _cast(name, table, schema)


def _holds_something(
    name: str, column: str, required: bool, values: pa.ChunkedArray | None
) -> bool:
    if required and values is None:
        raise BadInput(f"{name}.{column} is missing: every row needs one")
    if values is None:
        return False
    nulls = values.null_count
    if required and nulls:
        raise BadInput(f"{name}.{column} is NULL in {nulls} row(s)")
    return required or nulls < len(values)


@cache
def _fields(name: str) -> dict[str, bool]:
    """The columns of a table, and whether every row needs them."""
    return {column.name: column.required for column in TABLES[name].columns}


def _cast(name: str, table: pa.Table, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = []
    for field, values in zip(schema, table.columns, strict=True):
        try:
            columns.append(values if values.type == field.type else values.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise BadInput(
                f"{name}.{field.name}: cannot read {values.type} as {field.type}: {error}"
            ) from None
    return pa.Table.from_arrays(columns, schema=schema)
