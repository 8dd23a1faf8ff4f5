"""A forked process has the locks of its parent's libraries, but not the threads to free them."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from bt_lake.warehouse.errors import BadInput

_working = False
_lost = False


def refuse_frames() -> None:
    """Raise where polars would wait for ever."""
    if _lost:
        raise BadInput(
            "this process was forked after polars began to work, and polars cannot be used in it. "
            "Saving works; for frames, start processes with "
            'multiprocessing.get_context("spawn")'
        )


def _before() -> None:
    global _working
    _working = "polars" in sys.modules and _has_threads()


def _has_threads() -> bool:
    """Whether polars has begun its threads; where the system does not tell, it may have."""
    try:
        names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    except OSError:
        names = []
    return not names or any(name.startswith("polars-") and name[7:8].isdigit() for name in names)


def _in_child() -> None:
    global _lost
    _lost = _lost or _working
    # Garbage of the parent's may hold connections, and closing those without their threads crashes.
    gc.freeze()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
