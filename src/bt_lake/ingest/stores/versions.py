"""Rows that are in the lake already and say something else now: which, what, and a new version.

A row is known by the key of its own table. Its id holds a hash of its texts as well, so that row 17
of another store is another run: where a text was changed, the run of the same key and time is it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.stores.source import Source
from bt_lake.ingest.times import shown
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.schema import RUNS
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_TIMES = {column.name for column in RUNS.columns if column.kind == "timestamp"}
_LABELS = ("strategy", "symbol", "timeframe", "start_at", "end_at", "params_hash")
_ENDING = re.compile(r"\.[0-9a-f]{8}(?:\.\d+)?$")
# What is made anew with every import, or cannot be compared by its text.
_PASSED_OVER = {
    *("run_id", "commit_id", "ingested_at", "deleted_at", "metrics_from"),
    *("config", "params", "reported", "extra", "tags", "notes"),
}


@dataclass(frozen=True, slots=True)
class Change:
    run_id: str
    old: str
    column: str
    words: str


@dataclass(frozen=True, slots=True)
class Changes:
    frames: Frames
    changes: Sequence[Change]


def predecessors(store: Store, source: Source, frames: Frames, *, dated: bool) -> dict[str, str]:
    """New id -> the run that the lake has of the same row, where a text of it was changed."""
    ids = frames.runs["run_id"].to_pylist()
    keys = {_ENDING.sub("", run_id): run_id for run_id in ids if _is_of_key(run_id, source)}
    if not keys or not store.layout.exists:
        return {}
    rows = {row["run_id"]: row for row in _plain(frames.runs).to_pylist()}

    def question(connection: DuckDBPyConnection) -> list[tuple[Any, ...]]:
        return connection.execute(
            f"select run_id, {', '.join(map(_as_plain, ('created_at', *_LABELS)))} from trials "
            "where run_id >= ? and run_id < ? and deleted_at is null",
            [f"{source.kind}.", f"{source.kind}/"],
        ).fetchall()

    found: dict[str, str] = {}
    for old, created, *labels in store.ask(question):
        new = keys.get(_ENDING.sub("", old))
        if new is not None and new != old and _same_row(rows[new], created, labels, dated):
            found[new] = max(old, found.get(new, old))
    return found


def _plain(runs: pa.Table) -> pa.Table:
    """Times as microseconds: DuckDB gives others to Python only where pytz is installed."""
    import pyarrow as pa

    columns = [
        column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
        for column in runs.columns
    ]
    return pa.table(dict(zip(runs.column_names, columns, strict=True)))


def _as_plain(name: str, owner: str = "") -> str:
    column = f'{owner}"{name}"'
    return f"epoch_us({column})" if name in _TIMES else column


def _shown(column: str, value: Any) -> str:
    if column in _TIMES and value is not None:
        return f"{datetime.fromtimestamp(0, UTC) + timedelta(microseconds=value):%Y-%m-%d %H:%M}"
    return shown(value)


def _is_of_key(run_id: str, source: Source) -> bool:
    return bool(source.key) and run_id.startswith(f"{source.kind}.") and run_id.count(".") >= 2


def _same_row(row: dict[str, Any], created: Any, labels: Sequence[Any], dated: bool) -> bool:
    if dated:
        return bool(row["created_at"] == created)
    pairs = [(row.get(name), old) for name, old in zip(_LABELS, labels, strict=True)]
    known = [new == old for new, old in pairs if new is not None and old is not None]
    return 2 * known.count(True) > len(known)


def changes(
    store: Store, frames: Frames, before: Mapping[str, str], only: Collection[str]
) -> Changes:
    """How the runs differ from those in the lake: of the ids in `before`, or of their own."""
    ids = frames.runs["run_id"].to_pylist()
    columns = [
        name for name in frames.runs.column_names if name in only and name not in _PASSED_OVER
    ]
    if not columns:
        return Changes(frames, [])
    olds = _current(store, [before.get(run_id, run_id) for run_id in ids], columns)
    found = []
    for row in _plain(frames.runs.select(["run_id", *columns])).to_pylist():
        run_id = row["run_id"]
        old = olds.get(before.get(run_id, run_id))
        if old is None:
            continue
        for column in columns:
            was, now = old[column], row[column]
            if was != now and now is not None:
                words = f"was {_shown(column, was)} and is {_shown(column, now)}"
                found.append(Change(run_id, old["run_id"], column, words))
    return Changes(frames, found)


def _current(store: Store, ids: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The version of each run that is not deleted, by the run's first id."""
    import pyarrow as pa

    names = ", ".join(f'{_as_plain(name, "t.")} as "{name}"' for name in columns)

    def question(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
        connection.register("wanted", pa.table({"first_id": pa.array(ids, pa.string())}))
        try:
            answer = connection.execute(
                f"select w.first_id, t.run_id, {names} from trials t join wanted w on "
                "t.run_id = w.first_id or t.run_id = w.first_id || '.2' "
                "or starts_with(t.run_id, w.first_id || '.') "
                "where t.deleted_at is null order by length(t.run_id), t.run_id"
            )
            keys = [description[0] for description in answer.description]
            return [dict(zip(keys, row, strict=True)) for row in answer.fetchall()]
        finally:
            connection.unregister("wanted")

    return {row.pop("first_id"): row for row in store.ask(question)}


def write(store: Store, found: Changes) -> list[str]:
    """New versions of the changed runs; the old ones are deleted, which hides and keeps them."""
    import pyarrow as pa

    olds = {change.run_id: change.old for change in found.changes}
    frames = found.frames.only(set(olds))
    new = {run_id: _next(run_id, old) for run_id, old in olds.items()}

    def renamed(table: pa.Table | None) -> pa.Table | None:
        if table is None:
            return None
        at = table.column_names.index("run_id")
        ids = [new[run_id] for run_id in table["run_id"].to_pylist()]
        return table.set_column(at, table.schema.field("run_id"), pa.array(ids, pa.string()))

    store.append_new(Frames(*(renamed(t) for t in (frames.runs, frames.equity, frames.trades))))
    store.append_events("delete", list(olds.values()))
    return list(new.values())


def _next(run_id: str, old: str) -> str:
    """The id of another version: a number behind the first id, unless the new id is another."""
    if run_id != old and not old.startswith(f"{run_id}."):
        return run_id
    number = old.removeprefix(run_id).lstrip(".")
    return f"{run_id}.{int(number or 1) + 1}"
