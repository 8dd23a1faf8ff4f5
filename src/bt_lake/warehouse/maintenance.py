"""One act of maintenance: alone on this machine, on a fresh snapshot, ending in a new epoch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import log
from bt_lake.warehouse.database import Database, interruptible, vanished
from bt_lake.warehouse.errors import Conflict, LakeError
from bt_lake.warehouse.files import advisory_lock, explained, make_folder
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.rewrite import Rewriter

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TRIES = 20


@dataclass(frozen=True, slots=True)
class LiveFile:
    table: str
    path: str
    commit_id: str | None
    rows: int
    bytes: int
    min_run_id: str | None
    max_run_id: str | None
    folded: bool


@dataclass(slots=True)
class Task:
    """What one epoch is to change: filled in by the act, carried out by `carry_out`."""

    layout: Layout
    connection: DuckDBPyConnection
    state: log.State
    rewriter: Rewriter
    live: list[LiveFile]
    drops: set[str] = field(default_factory=set)

    def files(self, table: str) -> list[LiveFile]:
        return [file for file in self.live if file.table == table]

    def take_over(self, file: LiveFile) -> None:
        """Keep a file's rows as they are, under a name of maintenance."""
        self.rewriter.adopt(file.table, file.path)
        self.drops.add(file.path)

    def keep_children(self) -> None:
        """Children live by their commit: where it goes, those that the act left are taken over."""
        dropped = (file for file in self.files("runs") if file.path in self.drops)
        gone = {file.commit_id for file in dropped} - {None}
        for file in self.live:
            if file.commit_id in gone and file.path not in self.drops:
                self.take_over(file)

    @property
    def changes(self) -> bool:
        return bool(self.drops or self.rewriter.added)


def _live_files(layout: Layout, connection: DuckDBPyConnection) -> list[LiveFile]:
    """The live files of the snapshot."""
    rows = connection.execute(
        "select table_name, path, commit_id, coalesce(rows, 0), bytes, min_run_id, "
        "max_run_id, folded from lake_files order by path"
    ).fetchall()
    return [
        LiveFile(name, path, commit, count, size or os.stat(root + path).st_size, *rest)
        for root in [f"{layout.root}{os.sep}"]
        for name, path, commit, count, size, *rest in rows
    ]


@contextlib.contextmanager
def maintenance_lock(layout: Layout, *, wait: bool) -> Iterator[bool]:
    """Saves two processes of one machine the same work; correctness rests on the epochs."""
    with explained(f"cannot maintain {layout.root}"):
        make_folder(layout.stage)
        lock = layout.stage / "maintenance.lock"
        with advisory_lock(lock, wait=wait) as held:
            yield held


def run(layout: Layout, act: Callable[[Task], None], *, grace_s: float | None = None) -> bool:
    """Carry out one act; was there a change?"""
    with opened(layout) as database:
        return carry_out(layout, database, act, grace_s=grace_s)


@contextlib.contextmanager
def opened(layout: Layout) -> Iterator[Database]:
    database = Database(layout)
    database.connection.execute("set temp_directory = ?", [str(layout.stage / "spill")])
    try:
        yield database
    finally:
        database.connection.close()


def carry_out(
    layout: Layout,
    database: Database,
    act: Callable[[Task], None],
    *,
    grace_s: float | None = None,
) -> bool:
    """Carry out an act on the snapshot, on a newer one where another was faster."""
    for _ in range(_TRIES):
        with contextlib.suppress(log.Lost), interruptible():
            return _attempt(layout, database, act, grace_s)
        database.take_snapshot()
    raise Conflict(
        f"{layout.root}: other processes maintained the lake {_TRIES} times meanwhile. Try again."
    )


def _attempt(
    layout: Layout, database: Database, act: Callable[[Task], None], grace_s: float | None
) -> bool:
    from duckdb import Error

    connection = database.connection
    seen = connection.execute("select getvariable('lake_log').file").fetchall()[0][0]
    try:
        state = log.read(Path(seen))
    except FileNotFoundError:
        raise log.Lost from None
    rewriter = Rewriter(layout, connection, state.epoch + 1)
    try:
        task = Task(layout, connection, state, rewriter, _live_files(layout, connection))
        act(task)
        task.keep_children()
        if not task.changes and grace_s is None:
            return False
        rewriter.publish()
        log.advance(
            layout,
            state,
            adds=rewriter.added,
            drops=task.drops,
            grace_s=grace_s,
        )
    except BaseException as error:
        with contextlib.suppress(LakeError, OSError):
            rewriter.discard()
        if isinstance(error, (Error, FileNotFoundError)) and vanished(error):
            raise log.Lost from None
        raise
    return True
