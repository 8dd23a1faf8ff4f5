"""The cells of a CSV that a program or a spreadsheet wrote: commas, semicolons or tabs."""

from __future__ import annotations

import csv

from bt_lake.ingest.sheets.texts import decode
from bt_lake.warehouse.errors import BadInput

Grid = list[list[str]]


def peek(head: bytes, most: int) -> Grid:
    """The first rows of what may be a table; none where it is something else."""
    if head.startswith((b"PK", b"PAR1", b"SQLite")):
        return []
    try:
        return _rows(decode(head, whole=False).split("\n", most)[:most])
    except csv.Error:
        return []


def complete(text: str) -> Grid:
    """All rows of a table, each as long as its header, or the reason why they are not."""
    try:
        rows = _rows(text.splitlines())
    except csv.Error as error:
        raise BadInput(f"not valid CSV: {error}") from None
    if not rows:
        raise BadInput("the file is empty")
    if len(rows) == 1 and not text.endswith("\n"):
        raise BadInput("the file is cut off within its header; export it again")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise BadInput(f"row {number}: {len(row)} values for {len(rows[0])} columns")
    return rows


def _rows(lines: list[str]) -> Grid:
    delimiter = max(",;\t", key=lines[0].count) if lines else ","
    return [row for row in csv.reader(lines, delimiter=delimiter) if any(row)]
