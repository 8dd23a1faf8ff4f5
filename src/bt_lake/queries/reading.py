"""A reader: a connection that sees the lake as it is now, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeVar

from bt_lake.queries.guard import lock
from bt_lake.warehouse.database import Database, explain, interruptible
from bt_lake.warehouse.errors import BadInput, Damaged, did_you_mean
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

T = TypeVar("T")


class Reader:
    """Asks questions of a lake, one at a time, each on a consistent snapshot of now."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._database: Database | None = None
        self._begun: Event | None = None
        # Whether an answer was without some files, because they may not be read.
        self.left_out = False

    def ask(self, question: Callable[[DuckDBPyConnection], T], *, user_sql: bool = False) -> T:
        """Answer a question; `user_sql` says that a mistake in it may be the user's own."""
        from bt_lake.warehouse import engine

        try:
            database = self._open()
            try:
                return database.ask(question)
            finally:
                self.left_out = self.left_out or bool(database.left_out)
        except (Damaged, engine.Error) as error:
            cause = error.__cause__ if isinstance(error, Damaged) else error
            if user_sql and isinstance(cause, _slips()):
                raise BadInput(f"SQL: {_words(cause)}") from cause
            if isinstance(error, engine.Error):
                raise explain(error, self.layout) from error
            raise

    def begin(self) -> None:
        """Open the lake meanwhile; what goes wrong is said by the first question."""

        done = Event()  # a join that Ctrl-C ends takes the thread for ended (bpo-45274)

        def opened() -> None:
            with suppress(BaseException):
                self._database = self._opened()
            done.set()

        with suppress(RuntimeError):  # no thread to be had
            Thread(target=opened, name="bt-lake opens").start()
            self._begun = done

    def _open(self) -> Database:
        if self._begun is not None:
            self._begun.wait()
            self._begun = None
        if self._database is None:
            self._database = self._opened()
        return self._database

    def _opened(self) -> Database:
        return Database(self.layout, partial(lock, root=self.layout.root), reads=True)

    def probe(self) -> None:
        """Leave out what may not be read now, before a stream begins."""
        self._open().probe()

    def interrupt(self) -> None:
        """Stop what is asked now, from another thread."""
        database = self._database
        if database is not None:
            database.connection.interrupt()

    def close(self) -> None:
        if self._database is not None:
            self._database.connection.close()
            self._database = None


@contextmanager
def streaming(reader: Reader) -> Iterator[Reader]:
    """A reader of its own, for an answer given away piece by piece: nothing else can use it."""
    from bt_lake.warehouse import engine

    own = Reader(reader.layout)
    try:
        with interruptible():
            own.probe()
            yield own
    except engine.Error as error:
        raise explain(error, own.layout) from error
    finally:
        reader.left_out = reader.left_out or own.left_out
        own.close()


def _slips() -> tuple[type[Exception], ...]:
    """What DuckDB raises for SQL that is wrong, in a lake that is not."""
    from bt_lake.warehouse import engine

    return (
        engine.BinderException,
        engine.CatalogException,
        engine.ConversionException,
        engine.InvalidInputException,
        engine.NotImplementedException,
        engine.OutOfRangeException,
        engine.ParserException,
        engine.PermissionException,
    )


def _words(error: BaseException) -> str:
    """DuckDB's words without the kind of error before them and the excerpt after."""
    text = str(error).split("\n\nLINE ")[0]
    _, _, message = text.partition(": ")
    said = " ".join((message or text).split())
    column = re.search('Referenced column "([^"]+)" not found', said)
    if column is None:
        return said
    name = column[1]
    offered = re.findall('"([^"]+)"', said.partition("Candidate bindings:")[2])
    known = {*offered, *(each.name for table in TABLES.values() for each in table.columns)}
    near = did_you_mean(name, known)
    return f"there is no column '{name}' here{near} If it is a parameter, write: param.{name}"
