"""Answers as CSV and JSON, piece by piece: a huge answer is never held whole."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from bt_lake.warehouse.cells import inert
from bt_lake.wording.plain import plain

Row = Sequence[Any]
Rows = Iterable[Row]

_AT_ONCE = 2_000
# Columns whose text is JSON already.
_JSON_TEXT = {"params", "config"}
_TEXTS, _NUMBERS = {str, int, type(None)}, {float, int, type(None)}


def csv_text(columns: Sequence[str], rows: Rows, *, raw: bool = False) -> Iterator[str]:
    """CSV; texts that a spreadsheet would run are made inert, unless it is to be `raw`."""
    lines = _Lines()
    writer = csv.writer(lines)
    shield = _as_it_is if raw else _inert
    writer.writerow(shield(columns))
    for chunk in _batched(rows, _AT_ONCE):
        columns_of_chunk = (shield(_csv_column(each)) for each in zip(*chunk, strict=True))
        writer.writerows(zip(*columns_of_chunk, strict=True))
        yield lines.drained()
    yield lines.drained()


def _as_it_is(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _inert(values: Sequence[Any]) -> Sequence[Any]:
    if not any(isinstance(value, str) for value in values):
        return values
    return [inert(value) if isinstance(value, str) else value for value in values]


class _Lines:
    """Takes lines that end as the RFC has it, gives lines that end as Unix tools have it.

    Told to end lines so itself, the csv module would leave a carriage return without quotes.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        self._lines.append(line.removesuffix("\r\n"))

    def drained(self) -> str:
        text = "".join(line + "\n" for line in self._lines)
        self._lines.clear()
        return text


def json_text(columns: Sequence[str], rows: Rows) -> Iterator[str]:
    """One array, one object a line."""
    yield "["
    start = "\n"
    for chunk in _batched(rows, _AT_ONCE):
        yield start + ",\n".join(json_line(columns, row) for row in chunk)
        start = ",\n"
    yield "\n]\n"


def json_line(columns: Sequence[str], row: Row) -> str:
    return dumps(
        {
            name: json.loads(value) if name in _JSON_TEXT and isinstance(value, str) else value
            for name, value in zip(columns, row, strict=True)
        }
    )


def dumps(value: Any, *, indent: int | None = None) -> str:
    return json.dumps(plain(value), ensure_ascii=False, indent=indent, allow_nan=False)


def _csv_column(values: Sequence[Any]) -> Sequence[Any]:
    """The values of one column as the csv module takes them; most can go as they are."""
    kinds = set(map(type, values))
    if kinds <= _TEXTS or (kinds <= _NUMBERS and _all_finite(values)):
        return values
    return list(map(_csv_value, values))


def _all_finite(values: Sequence[Any]) -> bool:
    # NaN and infinity make any sum they are part of one of them.
    return math.isfinite(sum(filter(None, values)))


def _csv_value(value: Any) -> Any:
    value = plain(value)
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def of_one_kind(values: Sequence[Any]) -> list[Any]:
    """The values of a column that has one type: as they are, or as their texts."""
    kinds = {type(value) for value in values} - {type(None)}
    fits_int = all(abs(value) < 2**63 for value in values if isinstance(value, int))
    if (len(kinds) < 2 and dict not in kinds and fits_int) or kinds == {int, float}:
        return list(values)
    return [None if v is None else v if isinstance(v, str) else dumps(v) for v in values]


def _batched(rows: Rows, size: int) -> Iterator[list[Row]]:
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch
