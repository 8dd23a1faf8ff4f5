"""Append: publish many runs at once, all or nothing, without a lock and without waiting."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import IO, TYPE_CHECKING

from bt_lake._version import __version__
from bt_lake.warehouse import clock
from bt_lake.warehouse.digest import BLANK, described, sealed
from bt_lake.warehouse.errors import BadInput, LakeError, Unconfirmed
from bt_lake.warehouse.files import explained, step
from bt_lake.warehouse.flushing import flush
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.frames import Frames, conform
from bt_lake.warehouse.ids import new_commit_id
from bt_lake.warehouse.layout import Layout, month_of
from bt_lake.warehouse.paths import is_of_commit
from bt_lake.warehouse.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from bt_lake.warehouse.locks import HeldLock

# From this many rows on, a commit is worth encoding well; below, compaction will do it anyway.
_LARGE = 8_192
WRITTEN_BY = f"bt-lake {__version__}"


def append(layout: Layout, frames: Frames, lock: HeldLock | None = None) -> str:
    """Commit the frames; when this returns they are durable and visible. Gives the commit id.

    Nothing is committed once another process has taken over the lock.
    """
    if not len(frames.runs):
        raise BadInput("there is no run to commit")
    commit = commit_id_of(frames)
    now = clock.now(layout)
    runs = _by_the_lakes_clock(frames.runs, clock.off_s(layout))
    tables = {name: conform(name, table) for name, table in frames.children().items()}
    # runs last: its name is the commit
    tables["runs"] = conform("runs", stamped(runs, commit, now))
    _write(layout, commit, now, tables, lock)
    return commit


def append_events(layout: Layout, events: pa.Table) -> str:
    """Commit events: notes, tags, deletions."""
    commit = new_commit_id(())
    _write(layout, commit, clock.now(layout), {"events": conform("events", events)})
    return commit


def commit_id_of(frames: Frames) -> str:
    return new_commit_id(frames.children())


def _by_the_lakes_clock(runs: pa.Table, off_s: float) -> pa.Table:
    """A machine whose clock is wrong hides no run from `list --since`, nor heads it."""
    if not off_s:
        return runs
    place = runs.schema.get_field_index("created_at")
    made_at = clock.corrected(runs["created_at"], off_s)
    return runs.set_column(place, runs.schema.field(place), made_at)


def stamped(runs: pa.Table, commit: str, now: datetime) -> pa.Table:
    from bt_lake.warehouse.arrays import repeated

    for name, value in (("commit_id", commit), ("ingested_at", now)):
        field = arrow_schema("runs").field(name)
        runs = runs.append_column(field, repeated(value, len(runs), field.type))
    return runs


def _write(
    layout: Layout,
    commit: str,
    now: datetime,
    tables: dict[str, pa.Table],
    lock: HeldLock | None = None,
) -> None:
    if layout.origin is not None and layout.origin.in_turn:
        layout.origin.commit(layout, tables)
        return
    if lock is not None:
        lock.before_staging(commit)
    staged = {name: f"_stage/{commit}.{name}" for name in tables}
    months = {name: f"{name}/{month_of(now)}" for name in tables}
    finals = {name: f"{months[name]}/c-{commit}.parquet" for name in tables}
    *children, last = tables
    with layout.folders_open() as folders:
        with (
            explained(f"nothing was saved to {layout.address}"),
            _undone_on_error(folders, staged, finals),
        ):
            with contextlib.ExitStack() as files:
                # All are written before the first is flushed: the later flushes find less to do.
                written = []
                named: dict[str, dict[str, object]] = {}
                for name, table in tables.items():
                    data = encoded(name, table, named if name == "runs" else None)
                    written.append(files.enter_context(_written(folders, staged[name], data)))
                    named[name] = {"rows": len(table), **described(data)}
                    step(f"commit.staged.{name}")
                flush(file.fileno() for file in written)
            step("commit.staged_durable")
            for name in children:
                folders.make_folder(months[name])
            done = iter(children)
            folders.publish_all(
                [(staged[name], finals[name]) for name in children],
                lambda: step(f"commit.published.{next(done)}"),
            )
            folders.flush_folders(months[name] for name in children)
            step("commit.children_durable")
            folders.make_folder(months[last])
            if lock is not None:
                lock.before_publishing()
            folders.publish(staged[last], finals[last])
        # Everybody sees it now, and may fold it: nothing takes it back or denies it from here on.
        step(f"commit.published.{last}")
        try:
            folders.flush_folder(months[last])
        except OSError as error:
            raise Unconfirmed(
                f"{layout.root}: what you saved is in the lake and every reader sees it, but the "
                f"disk did not confirm that it would survive a power cut ({error}). Do not save "
                "it again; look after the disk."
            ) from error
        step("commit.durable")
        for name in staged.values():
            with contextlib.suppress(OSError, LakeError):  # `check` finds what is left
                folders.remove(name)
    step("commit.cleaned")


@contextlib.contextmanager
def _undone_on_error(
    folders: Folders, staged: dict[str, str], finals: dict[str, str]
) -> Iterator[None]:
    """Take back what an unsuccessful commit left, unless it has its name: then it is successful."""
    try:
        yield
    except BaseException as error:
        # The name holds an id that nobody else has: if it is there, we made it.
        commit = finals[list(finals)[-1]]
        try:
            is_there = folders.exists(commit)
        except (OSError, LakeError) as unknown:
            if isinstance(error, LakeError):
                raise error from None  # such as a link in a folder's place: nothing was published
            raise Unconfirmed(
                f"{commit}: this may or may not have been saved ({error}; {unknown}). Look for it "
                "with `bt-lake list` before you save it again."
            ) from error
        if is_there:
            if isinstance(error, OSError):  # the answer to the link was lost
                return
            raise
        with contextlib.suppress(OSError, LakeError):
            for name in reversed(staged):
                folders.remove(finals[name])
                folders.remove(staged[name])
        raise


@contextlib.contextmanager
def _written(folders: Folders, name: str, data: bytes) -> Iterator[IO[bytes]]:
    """A new file that holds the data, still open, so that flushing it need not open it again."""
    with folders.create(name) as file:
        file.write(data)
        file.flush()
        yield file


def encoded(
    name: str, table: pa.Table, children: Mapping[str, Mapping[str, object]] | None = None
) -> bytes:
    """The table as a Parquet file that says who wrote it, what belongs to it, and its digest."""
    from bt_lake.warehouse import onerun

    marks = {"written_by": WRITTEN_BY, "digest": BLANK}
    if children is not None:
        marks["children"] = json.dumps(children, separators=(",", ":"))
    return sealed(onerun.encoded(name, table, marks) or by_pyarrow(table, marks))


def by_pyarrow(table: pa.Table, marks: Mapping[str, str]) -> bytes:
    """A file of any rows and columns."""
    import pyarrow as pa
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
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(
        sink, table.schema, store_schema=False, write_page_checksum=True, **how
    ) as writer:
        writer.write_table(table, row_group_size=65_536)
        writer.add_key_value_metadata(marks)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def commits_on_disk(layout: Layout) -> set[str]:
    """The names of the commits' own files, removed ones that linger included."""
    return {
        name
        for table in ("runs", "events")
        if table == "runs" or layout.table(table).is_dir()
        for month in os.scandir(layout.table(table))
        if month.is_dir()
        for name in os.listdir(month.path)
        if is_of_commit(name)
    }
