"""SQLite files, with Python's own driver."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bt_lake.ingest.stores.report import Lost
from bt_lake.ingest.stores.source import BATCH_ROWS, Rows, labels
from bt_lake.ingest.stores.sql import SqlColumn, select
from bt_lake.warehouse import bounds
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.quoting import identifier


class SqliteSource:
    """A table of a SQLite file, opened for reading only."""

    kind = "sqlite"

    def __init__(self, path: Path, table: str | None = None) -> None:
        self.name = str(path)
        self.strategy = path.stem
        self.remarks: list[str] = []
        self.lost = Lost()
        self._path = path
        self._connection = connect(path)
        try:
            with readable(path):
                self._selection = select(self, table, lambda column, _: column, identifier)
                self._paged = self._has_row_numbers()
        except BaseException:
            self._connection.close()
            raise
        self.table, self.key = self._selection.table, self._selection.key
        self.dialect = self._selection.dialect

    def tables(self) -> list[str]:
        rows = self._connection.execute(
            "select name from sqlite_master where type in ('table', 'view') "
            "and name not like 'sqlite!_%' escape '!' order by name"
        )
        return [name for (name,) in rows]

    def columns(self, table: str) -> list[SqlColumn]:
        rows = self._connection.execute("select name, type, pk from pragma_table_info(?)", (table,))
        return [SqlColumn(name, type, bool(pk)) for name, type, pk in rows]

    def batches(self, *, summary: bool = False) -> Iterator[Rows]:
        names = self._selection.names
        done = 0
        with readable(self._path):
            for rows in self._pages() if self._paged else self._whole():
                bounds.check(self.name, done + len(rows), bounds.ROWS, "rows")
                columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
                yield Rows(labels(columns, self.key, done, len(rows)), columns)
                done += len(rows)

    def _pages(self) -> Iterator[list[tuple[Any, ...]]]:
        """One query a page: a query that stays open would lock out those who write."""
        query = (
            f"select r._rowid_, {self._selection.outputs} from {self._selection.source} "
            "where r._rowid_ > ? order by r._rowid_ limit ?"
        )
        after = -(2**63)
        while rows := _page(self._connection.execute(query, (after, BATCH_ROWS))):
            after = rows[-1][0]
            yield [row[1:] for row in rows]

    def _whole(self) -> Iterator[list[tuple[Any, ...]]]:
        cursor = self._connection.execute(
            f"select {self._selection.outputs} from {self._selection.source}"
        )
        while rows := _page(cursor):
            yield rows

    def _has_row_numbers(self) -> bool:
        """Views have none, nor tables that were made without."""
        try:
            query = f"select _rowid_ from {identifier(self._selection.table)} limit 1"
            return bool(self._connection.execute(query).fetchone() != (None,))
        except sqlite3.OperationalError:
            return False

    def close(self) -> None:
        self._connection.close()


def _page(cursor: sqlite3.Cursor) -> list[tuple[Any, ...]]:
    """The next rows, fewer where they are long."""
    rows, size = list[tuple[Any, ...]](), 0
    for row in cursor:
        rows.append(row)
        size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
        if len(rows) == BATCH_ROWS or size > bounds.PAGE_BYTES:
            break
    return rows


def connect(path: Path) -> sqlite3.Connection:
    """Open a file for reading, without keeping others from writing."""
    if not path.is_file():
        raise NotFound(f"{path}: no such file")
    with readable(path):
        uri = f"file:{quote(str(path.resolve()))}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        # The file may be anybody's: its views call no function that does more than compute.
        connection.execute("pragma trusted_schema = off")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, bounds.STORE_VALUE_BYTES)
        # Text that is no UTF-8 must not end the import: its row is refused later.
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    return connection


@contextmanager
def readable(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise BadInput(f"{path}: SQLite cannot read it: {error}") from None
