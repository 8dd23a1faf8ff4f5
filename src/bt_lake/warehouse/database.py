"""DuckDB over a lake: connections that see a consistent snapshot through `lake.sql`."""

from __future__ import annotations

import errno
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from bt_lake.warehouse.connecting import connect, keep_for_ever, load_relations
from bt_lake.warehouse.errors import (
    CannotRead,
    Conflict,
    Damaged,
    FormatTooNew,
    Interrupted,
    LakeError,
)
from bt_lake.warehouse.files import reason_of
from bt_lake.warehouse.held import FEW_COMMITS, FEW_QUESTIONS, LakeRows
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.leftout import is_refusal, refused, say_left_out
from bt_lake.warehouse.listing import Listing
from bt_lake.warehouse.live import SHAPE, live_files, origins, snapshots
from bt_lake.warehouse.quoting import glob_literal
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.surface import files_sql, makes, rest_sql, snapshot_sql, views_sql
from bt_lake.warehouse.warning import warn

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")
_TRIES = 8
# From this many on, questions are slow, and somebody should see why nothing folds.
MANY_COMMITS = 2_000
# After so many commits were folded, a reader that stays lets go of what it knows of their files.
MANY_FOLDED = 1_000
_databases: WeakSet[Database] = WeakSet()
_numbers = count()
# File times tick every few milliseconds: a folder touched later than this before it was listed
# may change again without its time changing.
_TICK_NS = 50_000_000
_COARSE_TICK_NS = 2_000_000_000  # where file systems count whole seconds


class Database:
    """One connection with the lake's views, brought up to date before each question.

    Threads take turns. A forked process gets a connection of its own.
    """

    def __init__(
        self,
        layout: Layout,
        prepare: Callable[[DuckDBPyConnection], None] | None = None,
        *,
        views: bool = True,
        reads: bool = False,
    ) -> None:
        self._layout = layout
        # One that only reads keeps rows at hand, and answers without files that may not be read.
        self._reads = reads
        self.left_out: dict[str, str] = {}  # and why
        self._prepare = prepare
        self._views = views
        self._turn = RLock()
        self._warned = False
        with interruptible(), self._pressed():
            self._begin()

    def _begin(self) -> None:
        from bt_lake.warehouse.engine import InterruptException

        try:
            self._open()
        except InterruptException as error:
            raise explain(error, self._layout) from None

    def _open(self) -> None:
        self._process = os.getpid()
        self._listed = 0
        self.log_file = Path()
        self._commits: list[str] = []
        self._folded = 0  # commits that were there and are not: their footers are kept all the same
        self._keeps_footers = True  # as `connect` sets it
        self.pressed = False  # Ctrl-C, while a question is asked
        self._seen: dict[str, int] | None = None
        self._questions = 0
        self._rows: LakeRows | None = None
        self._shown = False  # whether these are the rows of the snapshot of now
        self._missing = [views_sql(), *rest_sql()]
        if not self._reads:
            load_relations()  # maintenance joins tables of its own
        self.connection = connect()
        _databases.add(self)
        if self._layout.origin is not None:
            origins[self.connection] = self._layout.origin
        root = self._layout.root.as_posix()
        self.connection.execute("set variable lake = ?", [root])
        self.connection.execute("set variable lake_pattern = ?", [glob_literal(root)])
        self.refresh()
        self._make(files_sql())
        if self._views:
            self._make(self._missing.pop(0))
        if self._prepare is not None:
            self._prepare(self.connection)

    def complete(self, *, macros: bool = True) -> None:
        """Make the views that only some questions need, and the macros."""
        while self._missing if macros else rest_sql()[0] in self._missing:
            self._complete_with(self._missing[0])

    def _complete_with(self, part: str) -> None:
        self._make(part)
        self._missing.remove(part)

    def _part_for(self, said: str) -> str | None:
        """The part that makes what DuckDB says is not there."""
        name = re.search(r"with name (\w+) does not exist", said)
        parts = (part for part in self._missing if name and makes(part, name[1]))
        return next(parts, None)

    def _make(self, views: str) -> None:
        from bt_lake.warehouse.engine import CatalogException, Error

        try:
            self._execute(views)
        except Error as error:
            needed = self._part_for(str(error)) if isinstance(error, CatalogException) else None
            if needed is None:
                self._layout.check_format()
                raise self._explained(error) from error
            self._complete_with(needed)
            self._make(views)

    def _execute(self, views: str) -> None:
        """A view looks at its files when it is made; those of a store need not be here for it."""
        if self._layout.origin is None:
            self.connection.execute(views)
            return
        self.connection.execute("set variable lake_live_now = getvariable('lake_live')")
        self.connection.execute(f"set variable lake_live = from_json('{{}}', '{SHAPE}')")
        try:
            self.connection.execute(views)
        finally:
            self.connection.execute("set variable lake_live = getvariable('lake_live_now')")

    def refresh(self) -> None:
        """Take a new snapshot, unless the lake is surely as it was."""
        if self._layout.origin is not None:
            self._layout.origin.refresh()
        mark = fingerprint(self._layout)
        if mark is not None and mark == self._seen and not self.left_out:
            return
        self.take_snapshot()
        self._seen = mark

    def take_snapshot(self) -> None:
        from bt_lake.warehouse.engine import Error

        self._seen = None
        for _ in range(_TRIES):
            try:
                self.left_out = dict(refused(self._layout.root, self.left_out))
                listing = Listing.of(self._layout).without(self.left_out)
                self._show(listing)
                self._shown = False
                if listing.is_good(self._layout):
                    self._note(listing)
                    self._keep_footers(self._listed < MANY_COMMITS)
                    return
            except (FileNotFoundError, NotADirectoryError):
                self._layout.check_format()
            except OSError as error:
                raise unlistable(error, self._layout) from error
            except Error as error:
                self._layout.check_format()
                raise explain(error, self._layout) from None
        if not self._layout.log.is_dir():
            raise Damaged(f"{self._layout.log} is not there. `bt-lake check` says more.")
        raise _changing(self._layout)

    def _note(self, listing: Listing) -> None:
        if self._commits and listing.log != self.log_file:
            self._folded += len(set(self._commits).difference(listing.commits))
        self.log_file = listing.log
        self._listed = len(listing.commits)
        self._commits = listing.commits

    def _keep_footers(self, wanted: bool) -> None:
        """Of a few files, so that they are read once; of thousands they would take a gigabyte."""
        from bt_lake.warehouse.engine import InvalidInputException

        if wanted != self._keeps_footers:
            with suppress(InvalidInputException):  # a reader's configuration is locked
                self.connection.execute(f"set parquet_metadata_cache = {wanted}")
            self._keeps_footers = wanted

    def _show(self, listing: Listing) -> None:
        """Choose the live files of what was listed."""
        snapshots[self.connection] = next(_numbers)
        live = live_files(listing)
        if live is None:
            choose_by_sql(self.connection, listing)
        else:
            given = f"set variable lake_live = from_json(?, '{SHAPE}')"
            self.connection.execute(given, [json.dumps(live)])

    def ask(self, question: Callable[[DuckDBPyConnection], T]) -> T:
        """Answer on a snapshot; files that vanish meanwhile mean a newer one."""
        if self._process != os.getpid():
            keep_for_ever(self.connection)
            self._turn = RLock()
            self._open()
        with self._turn, interruptible(), self._pressed():
            self.refresh()
            if self._folded >= MANY_FOLDED:
                self.connection.close()
                self._open()
            self._warn_of_many()
            try:
                return self._ask(question)
            finally:  # "no such run" is an answer, too
                if self.left_out:
                    say_left_out(self._layout.root, self.left_out)

    @contextmanager
    def _pressed(self) -> Iterator[None]:
        """An interruption that a Ctrl-C asked for is one."""
        self.pressed = False
        try:
            yield
        except Interrupted:
            if self.pressed:
                raise KeyboardInterrupt from None
            raise

    def _warn_of_many(self) -> None:
        """Once, where so many commits stand that every question is slow."""
        if not self._warned and self._listed >= MANY_COMMITS:
            standing = _count_standing(self.connection)
            if standing >= MANY_COMMITS:
                self._warned = True
                warn(
                    f"{standing:,} commits stand unfolded, which makes questions slow; "
                    "`bt-lake info` says why, `bt-lake compact` folds them"
                )

    def _ask(self, question: Callable[[DuckDBPyConnection], T]) -> T:
        from bt_lake.warehouse.engine import CatalogException, Error

        self._questions += 1
        for _ in range(_TRIES):
            try:
                self._follow()
                return question(self.connection)
            except CatalogException as error:
                if not self._missing:
                    raise
                self._complete_with(self._part_for(str(error)) or self._missing[0])
                if self._rows:
                    self._rows.show()
            except Error as error:
                said = str(error)
                if not (vanished(error) or self._leave_out(said) or self._drop_rotten(said)):
                    raise explain(error, self._layout) from error
                last = error
                if self._layout.origin is not None:
                    self._layout.origin.fetch(said)
                self.take_snapshot()
        raise self._explained(last) from last

    def _leave_out(self, text: str) -> bool:
        """Go on without the files that the system refuses, where it refused one."""
        if not self._reads or not is_refusal(text):
            return False
        known = len(self.left_out)
        self.left_out |= refused(self._layout.root, self._live(), text)
        return len(self.left_out) > known

    def _drop_rotten(self, text: str) -> bool:
        """Of what is kept of an object store: it can be brought again."""
        return self._layout.origin is not None and self._layout.origin.drop_rotten(text)

    def probe(self) -> None:
        """Leave out what may not be read before a stream begins, which cannot begin again."""
        root = self._layout.root
        if self._layout.origin is not None:
            self._layout.origin.fetch()
        if any(not os.access(root / path, os.R_OK) for path in self._live()):
            self.left_out |= refused(root, self._live())
            self.take_snapshot()

    def _live(self) -> list[str]:
        rows = self.connection.execute("select path from lake_files").fetchall()
        return [path for (path,) in rows]

    def _follow(self) -> None:
        """Have the rows of the snapshot at hand, for who asks again and again."""
        if not self._reads or (self._shown and self._rows):
            return
        if self._questions > FEW_QUESTIONS or self._listed >= FEW_COMMITS or self._rows:
            self._rows = self._rows or LakeRows(self.connection, self._layout.root)
            self._rows.follow()
            self._shown = True

    def _explained(self, error: Exception) -> LakeError:
        """A file that vanishes means a newer state; if that names it still, it is lost."""
        if vanished(error):
            rows = self.connection.execute("select path from lake_files").fetchall()
            lost = [path for (path,) in rows if not _is_there(self._layout.root / path)]
            self.take_snapshot()
            still = {
                path
                for (path,) in self.connection.execute("select path from lake_files").fetchall()
            }
            lost = [path for path in lost if path in still]
            if lost and self._layout.origin is not None:  # others may have made room of them
                self._layout.origin.fetch_files(lost)
                lost = [path for path in lost if not _is_there(self._layout.root / path)]
            if lost:
                also = f" and {len(lost) - 1} more are" if len(lost) > 1 else " is"
                return Damaged(
                    f"{self._layout.root / lost[0]}{also} not there, and the lake needs it. "
                    "`bt-lake check` says what to do."
                )
        return explain(error, self._layout)


def choose_by_sql(connection: DuckDBPyConnection, listing: Listing) -> None:
    """Give the read rule, as everybody has it, what was listed."""
    for name, value in (
        ("content", listing.content),
        ("event_commits", listing.events),
        ("commits", listing.commits),
        ("found", listing.found),
    ):
        cast = "::varchar[]" if isinstance(value, list) else ""
        connection.execute(f"set variable lake_{name} = ?{cast}", [value])
    connection.execute(snapshot_sql(returned=listing.may_have_returned))


def _count_standing(connection: DuckDBPyConnection) -> int:
    found = connection.execute(
        "select len([f for f in getvariable('lake_live').files "
        "if f.\"table\" = 'runs' and f.commit_id is not null])"
    ).fetchall()
    return int(found[0][0] or 0)


def interrupt() -> None:
    """Stop the queries that run now, whatever thread began them, for a Ctrl-C.

    DuckDB may take the signal itself and then tell of the interruption alone.
    """
    from bt_lake.warehouse.engine import ConnectionException

    for database in list(_databases):
        database.pressed = True
        with suppress(ConnectionException):  # it was closed meanwhile
            database.connection.interrupt()


def close_all() -> None:
    """What DuckDB put on disk for want of memory goes with its connections."""
    for database in list(_databases):
        database.connection.close()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be what it is; DuckDB makes an error of it."""
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        raise


def fingerprint(layout: Layout) -> dict[str, int] | None:
    """What changes when a commit or an epoch appears; None when a change may go unseen."""
    now = time.time_ns()
    folders = [layout.root / "runs", layout.root / "events", layout.root / "_log"]
    try:
        for table in folders[:2]:
            folders += [Path(entry.path) for entry in os.scandir(table) if entry.is_dir()]
        marks = {str(folder): os.stat(folder).st_mtime_ns for folder in folders}
    except OSError:
        return None
    coarse = not any(mark % 1_000_000_000 for mark in marks.values())
    tick = _COARSE_TICK_NS if coarse else _TICK_NS
    return None if now - max(marks.values()) < tick else marks


def vanished(error: Exception) -> bool:
    text = str(error)
    return any(
        said in text
        for said in (
            "No files found that match",
            "No such file or directory",
            "Stale file handle",
        )
    )


def unlistable(error: OSError, layout: Layout) -> CannotRead:
    return CannotRead(
        f"{layout.root} cannot be listed: {reason_of(error)}. Nothing is known of what it holds."
    )


def explain(error: Exception, layout: Layout) -> LakeError:
    """The lake's own words for what DuckDB found wrong with its files."""
    from bt_lake.warehouse.engine import InterruptException

    if isinstance(error, InterruptException):
        return Interrupted("the question was stopped before it was answered")
    text = str(error).split("\n")[0]
    if "this lake is in format" in text:
        return FormatTooNew(text)
    if "the lake changed while" in text or vanished(error):
        return _changing(layout)
    if "no lake in this folder" in text:
        layout.check_format()  # says what is amiss, if it is so still
        return CannotRead(f"{layout.card} could not be read a moment ago. Try again.")
    if "names what is no data file" in text:
        from bt_lake.warehouse.log import newest

        newest(layout)  # says which
    if number := _of_the_system(text):
        reason = reason_of(OSError(number, os.strerror(number)))
        return CannotRead(f"{layout.root}: {reason}. DuckDB says: {text}")
    return Damaged(f"{layout.root}: {text}. `bt-lake check` says what is damaged.")


# What lies there is not what the lake put there.
_AMISS = {errno.ENOTDIR, errno.EISDIR, errno.ELOOP}


def _of_the_system(text: str) -> int | None:
    """The number of the system's error that DuckDB tells of, where it may pass by itself."""
    if not text.startswith("IO Error"):
        return None
    said = (number for number in errno.errorcode if os.strerror(number) in text)
    return next((number for number in said if number not in _AMISS), None)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise CannotRead(f"{path} cannot be looked at: {reason_of(error)}.") from error


def _changing(layout: Layout) -> LakeError:
    for table in TABLES:
        if not _is_there(seed := layout.seed(table)):
            return Damaged(f"{seed} is lost. `bt-lake check --repair` writes it again.")
    return Conflict(
        f"{layout.address} changed again and again while it was read. Try again; if it stays so, "
        "run `bt-lake check`."
    )
