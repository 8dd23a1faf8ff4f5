"""A Delta log beside the files of each table: other engines read them, and nothing is copied."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.commit import WRITTEN_BY
from bt_lake.warehouse.database import Database
from bt_lake.warehouse.errors import Conflict, Damaged, LakeError
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import DELTA_LOG, Layout
from bt_lake.warehouse.schema import TABLES, Kind
from bt_lake.warehouse.warning import warn

if TYPE_CHECKING:
    import pyarrow as pa

_TRIES = 8
_CHECKPOINT_EVERY = 20  # versions
_VERSION = re.compile(r"([0-9]{20})\.json")
_CHECKPOINT = re.compile(r"([0-9]{20})\.checkpoint\.parquet")
# Engines write to no table with a feature that they do not know, nor vacuum it; they may read it.
_PROTOCOL = {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["btLake"]}
# A second wall: to Delta, files that its log does not name yet are scrap, once they are this old.
_CONFIGURATION = {"delta.deletedFileRetentionDuration": "interval 36500 days"}
_TYPES: dict[Kind, Any] = {
    "string": "string",
    "json": "string",
    "double": "double",
    "int64": "long",
    "timestamp": "timestamp",
    "list<string>": {"type": "array", "elementType": "string", "containsNull": True},
    "map<string,double>": {
        "type": "map",
        "keyType": "string",
        "valueType": "double",
        "valueContainsNull": True,
    },
}
# A row that is read has its curve: children first, and last what names them.
_ORDER = ("equity", "trades", "events", "runs")


@dataclass(frozen=True, slots=True)
class DeltaState:
    """A table as other engines see it now."""

    table: str
    path: Path
    version: int
    files: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What the Delta log of a table says."""

    version: int  # -1 before the first
    adds: Mapping[str, Any]
    metadata: Mapping[str, Any] | None


def follow(layout: Layout) -> None:
    """After maintenance: have the Delta log, if there is one, name the new files and not the old.

    Otherwise its readers would miss files as soon as the grace period is over.
    """
    if not os.path.isdir(layout.table("runs") / DELTA_LOG):
        return
    try:
        publish(layout)
    except (LakeError, OSError) as error:
        warn(
            f"the Delta log of {layout.root} could not follow ({error}); `bt-lake delta` brings it "
            "up to date"
        )


def publish(layout: Layout) -> list[DeltaState]:
    """Make the Delta log of every table, or bring it up to date."""
    layout.check_in_folder("`bt-lake copy` it down, and write the Delta log there")
    layout.check_writable()
    with explained(f"cannot write the Delta log of {layout.root}"):
        for _ in range(_TRIES):
            # Whoever comes between this look and our version takes its number.
            known = {table: _read(layout.table(table) / DELTA_LOG) for table in _ORDER}
            now = live(layout)
            with suppress(FileExistsError, FileNotFoundError):
                return [_bring(layout, table, known[table], now[table]) for table in _ORDER]
    raise Conflict(f"{layout.root}: the Delta log was written by others again and again. Try again")


def live(layout: Layout) -> dict[str, dict[str, dict[str, Any]]]:
    """The live files of each table with what the lake's log says of them."""
    database = Database(layout, views=False)
    try:
        rows = database.connection.execute(
            "select table_name, path, rows, min_run_id, max_run_id from lake_files"
        ).fetchall()
    finally:
        database.connection.close()
    found: dict[str, dict[str, dict[str, Any]]] = {table: {} for table in TABLES}
    for table, path, *stats in rows:
        found[table][path.partition("/")[2]] = dict(
            zip(("rows", "low", "high"), stats, strict=True)
        )
    return found


def _bring(
    layout: Layout, table: str, known: _Known, live: Mapping[str, Mapping[str, Any]]
) -> DeltaState:
    """Write the version that follows, if anything changed."""
    now = int(time.time() * 1000)
    new, gone = sorted(live.keys() - known.adds.keys()), sorted(known.adds.keys() - live.keys())
    metadata = _metadata(layout, table, now, known.metadata)
    adds = {path: _add(layout, table, path, live[path]) for path in new}
    actions: list[dict[str, Any]] = []
    if known.version < 0:
        actions.append({"protocol": _PROTOCOL})
    if metadata != known.metadata:
        actions.append({"metaData": metadata})
    actions += [{"add": add} for add in adds.values()]
    actions += [
        {"remove": {"path": path, "deletionTimestamp": now, "dataChange": True}} for path in gone
    ]
    version = known.version
    if actions:
        version += 1
        told = {"timestamp": now, "operation": "WRITE", "engineInfo": WRITTEN_BY}
        text = "".join(json.dumps(action) + "\n" for action in [{"commitInfo": told}, *actions])
        _create(layout, f"{table}/{DELTA_LOG}/{version:020d}.json", text.encode())
        if version and version % _CHECKPOINT_EVERY == 0:
            kept = {path: add for path, add in {**known.adds, **adds}.items() if path in live}
            _write_checkpoint(layout, table, version, metadata, [*kept.values()])
    return DeltaState(table, layout.table(table), version, len(live), len(new), len(gone))


def _metadata(
    layout: Layout, table: str, now: int, known: Mapping[str, Any] | None
) -> dict[str, Any]:
    fields = [
        {"name": column.name, "type": _TYPES[column.kind], "nullable": True, "metadata": {}}
        for column in TABLES[table].columns
    ]
    fields.append({"name": "month", "type": "string", "nullable": True, "metadata": {}})
    lake_id = layout.read_card().lake_id
    return {
        "id": known["id"] if known else str(uuid.uuid5(uuid.NAMESPACE_OID, f"{lake_id} {table}")),
        "name": table,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps({"type": "struct", "fields": fields}),
        "partitionColumns": ["month"],
        "configuration": _CONFIGURATION,
        "createdTime": known["createdTime"] if known else now,
    }


def _add(layout: Layout, table: str, path: str, said: Mapping[str, Any]) -> dict[str, Any]:
    file = layout.table(table) / path
    status = file.stat()
    rows = said["rows"]
    if rows is None:
        import pyarrow.parquet as pq

        rows = pq.read_metadata(file).num_rows
    stats: dict[str, Any] = {"numRecords": rows}
    if said["low"] is not None:
        stats |= {"minValues": {"run_id": said["low"]}, "maxValues": {"run_id": said["high"]}}
    return {
        "path": path,
        "partitionValues": {"month": path[len("month=") :].partition("/")[0]},
        "size": status.st_size,
        "modificationTime": status.st_mtime_ns // 1_000_000,
        "dataChange": True,
        "stats": json.dumps(stats),
    }


def _create(layout: Layout, name: str, data: bytes) -> None:
    """A new file of the log; raises FileExistsError where somebody was faster."""
    staged = layout.staged(f"{uuid7().hex}.delta")
    folder = os.path.dirname(name)
    with Folders(layout.root) as folders:
        folders.make_folder(folder)
        folders.write(staged, data)
        try:
            folders.publish(staged, name)
        finally:
            with suppress(OSError):
                folders.remove(staged)
        folders.flush_folder(folder)


def _read(folder: Path) -> _Known:
    """The newest checkpoint, and every version since."""
    adds: dict[str, Any] = {}
    metadata = None
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return _Known(-1, adds, metadata)
    try:
        start = max((int(m[1]) for m in map(_CHECKPOINT.fullmatch, names) if m), default=-1)
        version = start
        for number, action in _actions(folder, names, start):
            version = max(version, number)
            if "add" in action:
                adds[action["add"]["path"]] = action["add"]
            elif "remove" in action:
                adds.pop(action["remove"]["path"], None)
            metadata = action.get("metaData", metadata)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise Damaged(
            f"{folder} cannot be read ({error}). Nothing but Delta readers needs it: remove the "
            "folder, and run `bt-lake delta` again."
        ) from None
    return _Known(version, adds, metadata)


def _actions(folder: Path, names: list[str], start: int) -> Iterator[tuple[int, dict[str, Any]]]:
    if start >= 0:
        import pyarrow.parquet as pq

        read = pq.read_table(folder / f"{start:020d}.checkpoint.parquet")
        kinds = {field.name: field.type for field in read.schema}
        for row in read.to_pylist():
            yield start, {k: _plain(v, kinds[k]) for k, v in row.items() if v is not None}
    for number in sorted(int(m[1]) for m in map(_VERSION.fullmatch, names) if m):
        if number > start:
            for line in (folder / f"{number:020d}.json").read_text("utf-8").splitlines():
                yield number, json.loads(line)


def _plain(value: Any, kind: pa.DataType) -> Any:
    """Maps as such: pyarrow gives lists of pairs."""
    import pyarrow as pa

    if value is None or not pa.types.is_nested(kind) or pa.types.is_list(kind):
        return value
    if pa.types.is_map(kind):
        return dict(value)
    return {field.name: _plain(value[field.name], field.type) for field in kind}


def _write_checkpoint(
    layout: Layout,
    table: str,
    version: int,
    metadata: Mapping[str, Any],
    adds: list[Mapping[str, Any]],
) -> None:
    """The whole state, so that readers need not go through every version; older ones go."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[Mapping[str, Any]] = [{"protocol": _PROTOCOL}, {"metaData": metadata}]
    rows += [{"add": add} for add in adds]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_checkpoint_schema()), sink)
    folder = f"{table}/{DELTA_LOG}"
    with suppress(FileExistsError):
        _create(layout, f"{folder}/{version:020d}.checkpoint.parquet", sink.getvalue().to_pybytes())
    staged = layout.staged(f"{uuid7().hex}.delta")
    before = version - _CHECKPOINT_EVERY
    with Folders(layout.root) as folders:
        folders.write(staged, json.dumps({"version": version, "size": len(rows)}).encode())
        folders.replace(staged, f"{folder}/_last_checkpoint")
        for name in os.listdir(layout.root / folder):
            found = _VERSION.fullmatch(name) or _CHECKPOINT.fullmatch(name)
            if found and int(found[1]) < before:
                folders.remove(f"{folder}/{name}")


def _checkpoint_schema() -> pa.Schema:
    import pyarrow as pa

    text, number, pairs = pa.string(), pa.int64(), pa.map_(pa.string(), pa.string())
    return pa.schema(
        {
            "protocol": pa.struct(
                {
                    "minReaderVersion": pa.int32(),
                    "minWriterVersion": pa.int32(),
                    "writerFeatures": pa.list_(text),
                }
            ),
            "metaData": pa.struct(
                {
                    "id": text,
                    "name": text,
                    "format": pa.struct({"provider": text, "options": pairs}),
                    "schemaString": text,
                    "partitionColumns": pa.list_(text),
                    "configuration": pairs,
                    "createdTime": number,
                }
            ),
            "add": pa.struct(
                {
                    "path": text,
                    "partitionValues": pairs,
                    "size": number,
                    "modificationTime": number,
                    "dataChange": pa.bool_(),
                    "stats": text,
                }
            ),
        }
    )
