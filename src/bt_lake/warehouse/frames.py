"""Frames: the rows of many runs, as one commit carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.schema import TABLES, arrow_schema

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

        wanted = pa.array(sorted(run_ids), pa.string())

        def part(table: pa.Table | None) -> pa.Table | None:
            return None if table is None else table.filter(pc.is_in(table["run_id"], wanted))

        return Frames(part(self.runs), part(self.equity), part(self.trades))


def conform(name: str, table: pa.Table) -> pa.Table:
    """The table in the schema's types and order, without the columns that hold nothing."""
    schema, declared = arrow_schema(name), TABLES[name]
    for column in table.column_names:
        if column not in declared:
            raise UnknownName.near(f"column of {name}", column, declared.names)
    columns, fields = [], []
    for column in declared.columns:
        index = table.schema.get_field_index(column.name)
        if index < 0:
            if column.required:
                raise BadInput(f"{name}.{column.name} is missing: every row needs one")
            continue
        values = table.column(index)
        if column.required and values.null_count:
            raise BadInput(f"{name}.{column.name} is NULL in {values.null_count} row(s)")
        if not column.required and values.null_count == len(values):
            continue
        field = schema.field(column.name)
        if values.type != field.type:
            values = _cast(name, column.name, values, field.type)
        columns.append(values)
        fields.append(field)
    return _table(columns, fields)


def _table(columns: list[pa.ChunkedArray], fields: list[pa.Field]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _cast(name: str, column: str, values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    import pyarrow as pa

    try:
        return values.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise BadInput(f"{name}.{column}: cannot read {values.type} as {wanted}: {error}") from None
