"""Append: publish many runs at once, all or nothing, without a lock and without waiting."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.files import explained, step
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.frames import Frames, conform
from bt_lake.warehouse.ids import new_commit_id
from bt_lake.warehouse.layout import Layout, month_of
from bt_lake.warehouse.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

# From this many rows on, a commit is worth encoding well; below, compaction will do it anyway.
_LARGE = 8_192


def append(layout: Layout, frames: Frames) -> str:
    """Commit the frames; when this returns they are durable and visible. Gives the commit id."""
    if not len(frames.runs):
        raise BadInput("there is no run to commit")
    commit = new_commit_id()
    now = datetime.now(UTC)
    tables = {name: conform(name, table) for name, table in frames.children().items()}
    # runs last: its name is the commit
    tables["runs"] = conform("runs", stamped(frames.runs, commit, now))
    _write(layout, commit, now, tables)
    return commit


def append_events(layout: Layout, events: pa.Table) -> str:
    """Commit events: notes, tags, deletions."""
    commit = new_commit_id()
    _write(layout, commit, datetime.now(UTC), {"events": conform("events", events)})
    return commit


def stamped(runs: pa.Table, commit: str, now: datetime) -> pa.Table:
    import pyarrow as pa

    for name, value in (("commit_id", commit), ("ingested_at", now)):
        field = arrow_schema("runs").field(name)
        runs = runs.append_column(field, pa.repeat(pa.scalar(value, field.type), len(runs)))
    return runs


def _write(layout: Layout, commit: str, now: datetime, tables: dict[str, pa.Table]) -> None:
    staged = {name: f"_stage/{commit}.{name}" for name in tables}
    months = {name: f"{name}/{month_of(now)}" for name in tables}
    finals = {name: f"{months[name]}/c-{commit}.parquet" for name in tables}
    with Folders(layout.root) as folders:
        with (
            explained(f"nothing was saved to {layout.root}"),
            _undone_on_error(folders, staged, finals),
        ):
            with contextlib.ExitStack() as files:
                # All are written before the first is flushed: the later flushes find less to do.
                written = []
                for name, table in tables.items():
                    written.append(files.enter_context(_written(folders, staged[name], table)))
                    step(f"commit.staged.{name}")
                for file in written:
                    os.fsync(file.fileno())
            step("commit.staged_durable")
            *children, last = tables
            for name in children:
                folders.make_folder(months[name])
                folders.publish(staged[name], finals[name])
                step(f"commit.published.{name}")
            for name in children:
                folders.flush_folder(months[name])
            step("commit.children_durable")
            folders.make_folder(months[last])
            folders.publish(staged[last], finals[last])
            step(f"commit.published.{last}")
            folders.flush_folder(months[last])
        step("commit.durable")
        for name in staged.values():
            folders.remove(name)
    step("commit.cleaned")


@contextlib.contextmanager
def _undone_on_error(
    folders: Folders, staged: dict[str, str], finals: dict[str, str]
) -> Iterator[None]:
    """Take back what an unsuccessful commit left, the commit itself first."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError, LakeError):
            for name in reversed(staged):
                # Only what we linked ourselves: the name holds an id that nobody else has.
                folders.remove(finals[name])
                folders.remove(staged[name])
        raise


@contextlib.contextmanager
def _written(folders: Folders, name: str, table: pa.Table) -> Iterator[IO[bytes]]:
    """A new file that holds the table, still open, so that flushing it need not open it again."""
    import pyarrow as pa

    buffer = pa.BufferOutputStream()
    _encode(table, buffer)
    with folders.create(name) as file:
        file.write(buffer.getvalue())
        file.flush()
        yield file


def write_file(path: Path, table: pa.Table) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink:
        _encode(table, sink)


def _encode(table: pa.Table, sink: pa.NativeFile) -> None:
    import pyarrow.parquet as pq

    if len(table) < _LARGE:
        how = {
            "compression": "none",
            "use_dictionary": ["run_id"] if len(table) > 1 else False,
            "write_statistics": ["run_id"],
        }
    else:
        texts = [f.name for f in table.schema if f.type in ("string", "timestamp[us, tz=UTC]")]
        numbers = [f.name for f in table.schema if f.type == "double"]
        how = {"use_dictionary": texts, "use_byte_stream_split": numbers, "compression": "zstd"}
    pq.write_table(table, sink, store_schema=False, row_group_size=65_536, **how)


def commits_on_disk(layout: Layout) -> set[str]:
    """The names of the commits' `runs` files, removed ones that linger included."""
    return {
        name
        for month in os.scandir(layout.table("runs"))
        if month.is_dir()
        for name in os.listdir(month.path)
        if name.startswith("c-")
    }
