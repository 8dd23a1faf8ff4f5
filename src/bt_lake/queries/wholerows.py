"""Runs in full, as plain Python values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Query
from bt_lake.queries.livefiles import id_list
from bt_lake.queries.rows import times_of
from bt_lake.warehouse.errors import NotFound
from bt_lake.warehouse.schema import RUNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Row = dict[str, Any]


def whole_rows(connection: DuckDBPyConnection, run_ids: Sequence[str]) -> list[Row]:
    """Every column of some runs, deleted ones too, in the order of their ids as given."""
    text = f"select * from trials where run_id in ({id_list(run_ids)})"
    cursor = Query(text, times=times_of(RUNS.names)).cursor(connection)
    found = {row[0]: dict(zip(RUNS.names, row, strict=True)) for row in cursor.fetchall()}
    for run_id in run_ids:
        if run_id not in found:
            raise NotFound(f"no run '{run_id}'. `bt-lake list` shows the newest ones.")
    return [_parsed(found[run_id]) for run_id in run_ids]


def _parsed(row: Row) -> Row:
    for column in RUNS.columns:
        if column.kind == "json" and row[column.name] is not None:
            row[column.name] = json.loads(row[column.name])
    return row


def flat(value: Any, name: str = "") -> Row:
    """Nested parameters by their paths: {"stop": {"atr": 2}} gives {"stop.atr": 2}."""
    if not isinstance(value, dict) or (not value and name):
        return {name: value}
    found: Row = {}
    for key, part in value.items():
        found |= flat(part, f"{name}.{key}" if name else key)
    return found
