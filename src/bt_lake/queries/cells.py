"""Text that a spreadsheet would run as a formula, written so that it takes it for text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bt_lake.warehouse.schema import RUNS, TRADES
from bt_lake.warehouse.values import cell

if TYPE_CHECKING:
    import pyarrow as pa

# What spreadsheets take for the begin of a formula, full-width forms included; RE2 reads it, too.
ACTIVE = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
# A text that is a number stays one: no spreadsheet makes anything else of it.
_NUMBER = r"[+-]?([0-9]++\.?[0-9]*+|\.[0-9]++)([eE][+-]?[0-9]{1,9})?"
_ACTIVE = re.compile(ACTIVE)
_IS_NUMBER = re.compile(_NUMBER)
_LONGEST_NUMBER = 40
_JSON = {c.name for t in (RUNS, TRADES) for c in t.columns if c.kind not in ("string", "double")}


def inert(text: str) -> str:
    """The text, behind an apostrophe where it could act."""
    if not _ACTIVE.match(text):
        return text
    if len(text) <= _LONGEST_NUMBER and _IS_NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def inert_table(table: pa.Table) -> pa.Table:
    """The same for all texts of a table."""
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
            cells = [None if text is None else cell(text) for text in texts]
            if cells != texts:
                table = table.set_column(place, field, pa.chunked_array([cells], field.type))
    return table
