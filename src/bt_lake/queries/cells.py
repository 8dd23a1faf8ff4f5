"""Tables as cells of a CSV file, whose texts come back and act in no spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_lake.warehouse.cells import ACTIVE, inert, quoted
from bt_lake.warehouse.schema import RUNS, TRADES

if TYPE_CHECKING:
    import pyarrow as pa

_JSON = {c.name for t in (RUNS, TRADES) for c in t.columns if c.kind not in ("string", "double")}


def inert_table(table: pa.Table) -> pa.Table:
    """The texts that could act, behind an apostrophe."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for place, field in enumerate(table.schema):
        if not (pa.types.is_string(field.type) or pa.types.is_large_string(field.type)):
            continue
        column = table.column(place)
        if pc.any(pc.match_substring_regex(column, ACTIVE)).as_py():
            texts = [None if text is None else inert(text) for text in column.to_pylist()]
            table = table.set_column(place, field, pa.chunked_array([texts], field.type))
    return table


def in_cells(table: pa.Table) -> pa.Table:
    """Texts such as None, which would come back as no value, in quotes of their own."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) and field.name not in _JSON:
            texts = table.column(place).to_pylist()
            cells = [None if text is None else quoted(text) for text in texts]
            if cells != texts:
                table = table.set_column(place, field, pa.chunked_array([cells], field.type))
    return table
