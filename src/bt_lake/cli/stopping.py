"""Ctrl-C during a query: DuckDB by itself listens only between the tasks of the main thread."""

from __future__ import annotations

import os
import signal
import sys
import threading


def listen() -> None:
    """Stop running queries on Ctrl-C; Python raises KeyboardInterrupt as soon as they end."""
    heard, woken = os.pipe()
    if os.name != "nt":  # where Python asks for it
        os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    threading.Thread(target=_stop_queries, args=(heard,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.default_int_handler)


def no_more() -> None:
    """The command is done: its exit code stays what it is, and Python ends in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stop_queries(heard: int) -> None:
    """Python writes the number of each signal at once, even while DuckDB has the main thread."""
    while number := os.read(heard, 1):
        database = sys.modules.get("bt_lake.warehouse.database")
        interrupt = getattr(database, "interrupt", None)  # which may be half loaded
        if number[0] == signal.SIGINT and interrupt is not None:
            interrupt()
