"""DuckDB connections; one can be begun before it is needed, while Python loads the rest."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_begun: list[_Connecting] = []


def begin() -> None:
    """Begin to connect: DuckDB takes a while for it, and does not need Python meanwhile."""
    import duckdb  # noqa: F401

    if not _begun:
        _begun.append(_Connecting())


def connect() -> DuckDBPyConnection:
    """A connection of its own that loads no extensions; the one that was begun, if any."""
    try:
        begun = _begun.pop()
    except IndexError:
        return _connect()
    begun.join()
    return begun.connection or _connect()


class _Connecting(Thread):
    def __init__(self) -> None:
        super().__init__(name="bt-lake connects")
        self.connection: DuckDBPyConnection | None = None
        self.start()

    def run(self) -> None:
        self.connection = _connect()


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
