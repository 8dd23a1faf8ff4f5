"""DuckDB connections; one can be begun before it is needed, while Python loads the rest."""

from __future__ import annotations

import os
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_begun: list[_Connecting] = []


def begin() -> None:
    """Begin to connect: DuckDB takes a while for it, and does not need Python meanwhile."""
    import bt_lake.warehouse.engine  # noqa: F401

    if not _begun:
        with suppress(RuntimeError):  # no thread to be had: `connect` does without
            _begun.append(_Connecting())


def load_relations() -> None:
    """Load the Python side of DuckDB: relations, and tables that Python holds."""
    import duckdb  # noqa: F401


def connect() -> DuckDBPyConnection:
    """A connection of its own that loads no extensions; the one that was begun, if any."""
    try:
        begun = _begun.pop()
    except IndexError:
        return _connect()
    if begun.process != os.getpid():
        keep_for_ever(begun.connection)
        return _connect()
    begun.done.wait()
    return begun.connection or _connect()


def keep_for_ever(connection: DuckDBPyConnection | None) -> None:
    """Closing what a parent process opened waits for threads that a fork does not have."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


class _Connecting(Thread):
    def __init__(self) -> None:
        super().__init__(name="bt-lake connects")
        self.connection: DuckDBPyConnection | None = None
        self.process = os.getpid()
        self.done = Event()  # a join that Ctrl-C ends takes the thread for ended (bpo-45274)
        self.start()

    def run(self) -> None:
        with suppress(Exception):  # `connect` tries again, where its caller can hear of it
            self.connection = _connect()
        self.done.set()


def _connect() -> DuckDBPyConnection:
    from bt_lake.warehouse.engine import connect

    connection = connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    connection.execute("set timezone = 'UTC'; set parquet_metadata_cache = true")
    return connection
