"""The time as the lake's file system has it: one for all machines that share the lake."""

from __future__ import annotations

import os
import time

from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout


def lake_time(layout: Layout) -> float:
    """A machine whose own clock is ahead must not unlink what others still read."""
    name = layout.staged(f"{uuid7().hex}.clock")
    try:
        with Folders(layout.root) as folders:
            try:
                with folders.create(name) as file:
                    file.write(b".")
                    file.flush()
                    return os.fstat(file.fileno()).st_mtime
            finally:
                folders.remove(name)
    except (OSError, LakeError):
        return time.time()
