"""Ctrl-C while DuckDB works: it may not look at signals before it is done, so a thread does."""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread


def heed_interrupts() -> None:
    """From now on SIGINT ends running queries; Python's own handler raises what follows."""
    if os.name != "posix":  # elsewhere signals wake sockets only
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    Thread(target=_listen, args=(reading,), daemon=True).start()


def _listen(reading: int) -> None:
    while heard := os.read(reading, 1):
        database = sys.modules.get("bt_lake.warehouse.database")
        if heard[0] == signal.SIGINT and database is not None:
            database.interrupt()
