"""Rows that are in the lake already and say something else now: which, what, and a new version.

A row is known by the key of its own table. Its id holds a hash of its texts as well, so that row 17
of another store is another run: where a text was changed, the run of the same key and time is it,
or the one of the same key and figures where only times were changed.
"""

from __future__ import annotations

import json
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
_FIGURES = ("total_return", "sharpe_ratio", "max_drawdown", "final_equity", "profit_factor",
            "total_trades")  # fmt: skip
_FEW_FIGURES = 3  # so many that are equal are of one run
# The id of a row's key: without the hash of its texts, and without the number of a version.
_ENDING = r"\.[0-9a-f]{8}(\.[0-9]{1,6})?$"
_VERSION = r"\.[0-9]{1,6}$"
# What is made anew with every import.
_PASSED_OVER = {"run_id", "commit_id", "ingested_at", "deleted_at", "metrics_from", "params_hash"}
# What a curve has no say in.
_LASTING = {c.name for c in RUNS.columns if c.group == "label"} | {"params", "config"}
_JSON = {"params", "config"}
_MAPS = {"reported", "extra"}
_PROVENANCE = ("store", "table")


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
    left: Collection[str] = ()  # runs whose curve the store has no more: no new version loses it


def any_of_kind(store: Store, kind: str) -> bool:
    """Whether the lake has runs that are known by the key of a store's row."""
    return store.layout.exists and bool(
        store.ask(
            lambda connection: connection.execute(
                "select 1 from trials where run_id >= ? and run_id < ? limit 1",
                [f"{kind}.", f"{kind}/"],
            ).fetchall()
        )
    )


def predecessors(
    store: Store, source: Source, frames: Frames, keyed: Mapping[str, str], *, dated: bool
) -> dict[str, str]:
    """New id -> the run that the lake has of the same row; `keyed` are the ids by the rows' keys.

    A deleted run is one where no other is: what was deleted does not come back by a new text.
    """
    ids = frames.runs["run_id"].to_pylist()
    keys = {_key(keyed[new]): new for new in ids if keyed.get(new, "").count(".") >= 2}
    if not keys:
        return {}
    names = ["created_at", "config", *_LABELS, *_FIGURES]
    rows = {row["run_id"]: row for row in _plain(frames.runs).to_pylist()}
    found: dict[str, tuple[tuple[bool, bool, str], str]] = {}
    for key, old, is_live, *values in _of_keys(store, source.kind, list(keys), names):
        new = keys[key]
        there = dict(zip(names, values, strict=True))
        exact = old == keyed[new]
        once = not source.dialect.repeats
        if old == new or not (exact or _same_row(rows[new], there, dated=dated, once=once)):
            continue
        rank = (is_live, exact, old)
        if new not in found or found[new][0] < rank:
            found[new] = (rank, old)
    return {new: old for new, (_, old) in found.items()}


def _key(run_id: str) -> str:
    return re.sub(_ENDING, "", run_id)


def _of_keys(
    store: Store, kind: str, keys: Sequence[str], names: Sequence[str]
) -> list[tuple[Any, ...]]:
    import pyarrow as pa

    def question(connection: DuckDBPyConnection) -> list[tuple[Any, ...]]:
        connection.register("wanted", pa.table({"key": pa.array(keys, pa.string())}))
        try:
            return connection.execute(
                f"select w.key, t.run_id, t.deleted_at is null, "
                f"{', '.join(_as_plain(name, 't.') for name in names)} from trials t join wanted w "
                f"on regexp_replace(t.run_id, '{_ENDING}', '') = w.key "
                "where t.run_id >= ? and t.run_id < ?",
                [f"{kind}.", f"{kind}/"],
            ).fetchall()
        finally:
            connection.unregister("wanted")

    return store.ask(question)


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


def _same_row(row: Mapping[str, Any], there: Mapping[str, Any], *, dated: bool, once: bool) -> bool:
    """By its time; else, where a key is `once` in its store, by all that is not a time."""
    if dated and row["created_at"] == there["created_at"]:
        return True
    if dated:
        equal = _equal(row, there, _FIGURES)
        alike = (
            all(_equal(row, there, [name for name in _LABELS if name not in _TIMES]))
            and _differences("config", there["config"], row["config"]) == []
        )
        return once and equal.count(True) >= _FEW_FIGURES and all(equal) and alike
    return 2 * _equal(row, there, _LABELS).count(True) > len(_equal(row, there, _LABELS))


def _equal(row: Mapping[str, Any], there: Mapping[str, Any], names: Sequence[str]) -> list[bool]:
    pairs = ((row.get(name), there[name]) for name in names)
    return [new == old for new, old in pairs if new is not None and old is not None]


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
    columns += ["metrics_from"]
    olds = _current(store, [before.get(run_id, run_id) for run_id in ids], columns)
    found, left = [], set[str]()
    for row in _plain(frames.runs.select(["run_id", *columns])).to_pylist():
        run_id = row["run_id"]
        old = olds.get(before.get(run_id, run_id))
        if old is None:
            continue
        had, has = (one["metrics_from"] == "curve" for one in (old, row))
        if has and not had:
            found.append(Change(run_id, old["run_id"], "equity", "was none and is there"))
        if had and not has:
            left.add(run_id)
        for column in _LASTING.intersection(columns) if had and not has else columns:
            for name, was, now in _differences(column, old[column], row[column]):
                words = f"was {_shown(column, was)} and is {_shown(column, now)}"
                found.append(Change(run_id, old["run_id"], name, words))
    return Changes(frames, found, left)


def _differences(column: str, was: Any, now: Any) -> list[tuple[str, Any, Any]]:
    """What changed; of objects and maps each member. What the store has no more is kept."""
    if column in _JSON or column in _MAPS:
        before, after = _members(column, was), _members(column, now)
        return [
            (f"{column}.{name}", before.get(name), value)
            for name, value in after.items()
            if before.get(name) != value
        ]
    if column == "tags":
        was, now = sorted(was or []), sorted(now or [])
        return [(column, was, now)] if now and was != now else []
    return [(column, was, now)] if now is not None and was != now else []


def _members(column: str, value: Any) -> dict[str, Any]:
    if not value:
        return {}
    found: dict[str, Any] = json.loads(value) if column in _JSON else dict(value)
    imported = found.pop("imported", None) if column == "config" else None
    if isinstance(imported, dict):
        found |= {f"imported.{n}": v for n, v in imported.items() if n not in _PROVENANCE}
    return found


def without_live(store: Store, ids: Sequence[str]) -> set[str]:
    """Those of the runs whose every version is deleted."""
    return set(ids) - _current(store, ids, []).keys()


def _current(store: Store, ids: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The version of each run that is not deleted, by the run's first id."""
    import pyarrow as pa

    names = "".join(f', {_as_plain(name, "t.")} as "{name}"' for name in columns)

    def question(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
        connection.register("wanted", pa.table({"first_id": pa.array(ids, pa.string())}))
        try:
            answer = connection.execute(
                f"select w.first_id, t.run_id{names} from trials t join wanted w on "
                "t.run_id = w.first_id where t.deleted_at is null union all "
                f"select w.first_id, t.run_id{names} from trials t join wanted w on "
                f"regexp_replace(t.run_id, '{_VERSION}', '') = w.first_id "
                "where t.deleted_at is null and t.run_id <> w.first_id"
            )
            keys = [description[0] for description in answer.description]
            rows = [dict(zip(keys, row, strict=True)) for row in answer.fetchall()]
            return sorted(rows, key=lambda row: (len(row["run_id"]), row["run_id"]))
        finally:
            connection.unregister("wanted")

    return {row.pop("first_id"): row for row in store.ask(question)}


def write(store: Store, found: Changes) -> list[str]:
    """New versions of the changed runs; the old ones are deleted, which hides and keeps them."""
    import pyarrow as pa

    olds = {c.run_id: c.old for c in found.changes if c.run_id not in found.left}
    frames = found.frames.only(set(olds))
    new = _next_ids(store, olds)

    def renamed(table: pa.Table | None) -> pa.Table | None:
        if table is None:
            return None
        at = table.column_names.index("run_id")
        ids = [new[run_id] for run_id in table["run_id"].to_pylist()]
        return table.set_column(at, table.schema.field("run_id"), pa.array(ids, pa.string()))

    store.append_new(Frames(*(renamed(t) for t in (frames.runs, frames.equity, frames.trades))))
    store.append_events("delete", list(olds.values()))
    return list(new.values())


def _next_ids(store: Store, olds: Mapping[str, str]) -> dict[str, str]:
    """The ids of the next versions: the run's own where it is new, else with a number behind it."""
    found: dict[str, str] = {}
    number, left = 1, set(olds)
    while left:
        tried = {f"{run_id}.{number}" if number > 1 else run_id: run_id for run_id in left}
        free = tried.keys() - store.known(tried)
        found |= {tried[new]: new for new in free}
        left -= {tried[new] for new in free}
        number += 1
    return found
