"""Another lake: its rows as they are, ids, metrics and deletions included."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.frames import FILLED_BY_COMMIT, Frames
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_RUNS_AT_ONCE = 2_000
# Curves and trades are read below the views, which hide those of deleted runs.
_SOURCES = (
    ("trials", "run_id"),
    ("lake_curves", "run_id, ts"),
    ("lake_trade_rows", "run_id, trade_no"),
)


def is_lake(folder: Path) -> bool:
    return (folder / "lake.json").is_file()


def read(folder: Path) -> Iterator[Frames]:
    """All runs of the lake, in parts."""
    store = Store(folder)
    after = ""
    while part := store.ask(partial(_part, after=after)):
        yield part
        after = part.runs["run_id"][-1].as_py()


def _part(connection: DuckDBPyConnection, after: str) -> Frames | None:
    ids = connection.execute(
        "select run_id from trials where run_id > ? order by run_id limit ?", [after, _RUNS_AT_ONCE]
    ).fetchall()
    if not ids:
        return None
    runs, equity, trades = (_between(connection, *source, ids) for source in _SOURCES)
    return Frames(runs.drop_columns(list(FILLED_BY_COMMIT)), equity, trades)


def _between(
    connection: DuckDBPyConnection, view: str, order: str, ids: list[tuple[str]]
) -> pa.Table:
    question = f"from {view} where run_id between ? and ? order by {order}"
    return connection.sql(question, params=[ids[0][0], ids[-1][0]]).to_arrow_table()
