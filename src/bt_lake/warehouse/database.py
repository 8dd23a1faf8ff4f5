"""DuckDB over a lake: connections that see a consistent snapshot through `lake.sql`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from bt_lake.warehouse.errors import Conflict, Damaged, FormatTooNew, LakeError
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.surface import rest_sql, snapshot_sql, views_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")
_TRIES = 8
_databases: WeakSet[Database] = WeakSet()
# File times tick every few milliseconds: a folder touched later than this before it was listed
# may change again without its time changing.
_TICK_NS = 50_000_000


# Those that a query may be running on.
_open: WeakSet[Database] = WeakSet()


def interrupt() -> None:
    """End the queries that are running, from another thread."""
    for database in list(_open):
        database.connection.interrupt()


class Database:
    """One connection with the lake's views, brought up to date before each question."""

    def __init__(self, layout: Layout) -> None:
        layout.check_format()
        self._layout = layout
        self.connection = _connect()
        _open.add(self)
        self.connection.execute("set variable lake = ?", [layout.root.as_posix()])
        self._seen: tuple[object, ...] | None = None
        self.refresh()
        self.connection.execute(views_sql())
        self._complete = False
        _databases.add(self)

    def complete(self) -> None:
        """Make the views and macros that only some questions need."""
        if not self._complete:
            self.connection.execute(rest_sql())
            self._complete = True

    def refresh(self) -> None:
        """Take a new snapshot, unless the lake is surely as it was."""
        mark = _fingerprint(self._layout)
        if mark is not None and mark == self._seen:
            return
        self.take_snapshot()
        self._seen = mark

    def take_snapshot(self) -> None:
        from duckdb import Error

        self._seen = None
        for _ in range(_TRIES):
            try:
                self.connection.execute(snapshot_sql())
                return
            except Error as error:
                last = error
                self._layout.check_format()
        raise explain(last, self._layout) from None

    def ask(self, question: Callable[[DuckDBPyConnection], T]) -> T:
        """Answer on a snapshot; files that vanish meanwhile mean a newer one."""
        from duckdb import CatalogException, Error

        self.refresh()
        for _ in range(_TRIES):
            try:
                return question(self.connection)
            except CatalogException:
                if self._complete:
                    raise
                self.complete()
            except Error as error:
                if not vanished(error):
                    raise explain(error, self._layout) from error
                last = error
                self.take_snapshot()
        raise explain(last, self._layout) from last


def interrupt() -> None:
    """Stop the queries that run now, whatever thread began them."""
    from duckdb import ConnectionException

    for database in list(_databases):
        with suppress(ConnectionException):  # it was closed meanwhile
            database.connection.interrupt()


def _connect() -> DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    connection.execute("set timezone = 'UTC'; set parquet_metadata_cache = true")
    return connection


def _fingerprint(layout: Layout) -> tuple[object, ...] | None:
    """What changes when a commit or an epoch appears; None when a change may go unseen."""
    now = time.time_ns()
    marks: list[object] = []
    for table in ("runs", "events", "_log"):
        folder = layout.root / table
        marks.append(_changed_at(folder))
        if table != "_log":
            marks += [(e.name, _changed_at(Path(e.path))) for e in os.scandir(folder) if e.is_dir()]
    times = [mark if isinstance(mark, int) else mark[1] for mark in marks]  # type: ignore[index]
    return None if now - max(times) < _TICK_NS else tuple(sorted(marks, key=str))


def _changed_at(folder: Path) -> int:
    return os.stat(folder).st_mtime_ns


def vanished(error: Exception) -> bool:
    text = str(error)
    return "No files found that match" in text or "No such file or directory" in text


def explain(error: Exception, layout: Layout) -> LakeError:
    """The lake's own words for what DuckDB found wrong with its files."""
    text = str(error).split("\n")[0]
    if "this lake is in format" in text:
        return FormatTooNew(text)
    if "the lake changed while" in text or vanished(error):
        return Conflict(
            f"{layout.root} changed again and again while it was read. Try again; if it stays so, "
            "run `bt-lake check`."
        )
    return Damaged(f"{layout.root}: {text}. `bt-lake check` says what is damaged.")
