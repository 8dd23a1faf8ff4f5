"""The end of the process."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End it at once where nothing goes on: Python takes a short command's tenth to take itself
    down piece by piece."""
    if _something_goes_on():
        sys.exit(code)
    atexit._run_exitfuncs()
    database = sys.modules.get("bt_lake.warehouse.database")
    getattr(database, "close_all", lambda: None)()  # which may be half loaded
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except OSError:  # Python has words for it
        sys.exit(code)
    os._exit(code)


def _something_goes_on() -> bool:
    """A thread that must end first, or whoever measures the command."""
    me = threading.current_thread()
    others = any(not each.daemon for each in threading.enumerate() if each is not me)
    return others or sys.getprofile() is not None or sys.gettrace() is not None
