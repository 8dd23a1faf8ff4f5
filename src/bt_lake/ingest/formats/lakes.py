"""Another lake: its rows as they are, ids, metrics and deletions included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_RUNS_AT_ONCE = 2_000
# Curves and trades are read below the views, which hide those of deleted runs.
_VIEWS = {"runs": "trials", "equity": "lake_curves", "trades": "lake_trade_rows"}
_ORDER = {"runs": "run_id", "equity": "run_id, ts", "trades": "run_id, trade_no"}


def is_lake(folder: Path) -> bool:
    return (folder / "lake.json").is_file()


def read(folder: Path) -> Iterator[Frames]:
    """All runs of the lake, in parts."""
    connection = Store(folder).connect()
    after = ""
    while True:
        ids = connection.execute(
            "select run_id from trials where run_id > ? order by run_id limit ?",
            [after, _RUNS_AT_ONCE],
        ).fetchall()
        if not ids:
            return
        first, after = ids[0][0], ids[-1][0]
        runs, equity, trades = (_between(connection, name, first, after) for name in _VIEWS)
        yield Frames(runs.drop_columns(["commit_id", "ingested_at"]), equity, trades)


def _between(connection: DuckDBPyConnection, name: str, first: str, last: str) -> pa.Table:
    return connection.execute(
        f"from {_VIEWS[name]} where run_id between ? and ? order by {_ORDER[name]}", [first, last]
    ).to_arrow_table()
