"""The time as the lake's file system has it: one for all machines that share the lake."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.warning import warn

if TYPE_CHECKING:
    import pyarrow as pa

# Clocks of machines that are right differ by less.
OFF_S = 300.0
_LOOK_AGAIN_S = 600.0
_BEGAN = time.monotonic()
_off: dict[Path, tuple[float, float]] = {}


def now(layout: Layout) -> datetime:
    """The time of now, by the lake's clock where this machine's is wrong."""
    return datetime.now(UTC) + timedelta(seconds=off_s(layout))


def off_s(layout: Layout) -> float:
    """How far this machine's clock is behind the lake's; 0 where they agree."""
    if layout.origin is not None:
        return 0.0  # a save would wait for it; maintenance asks
    looked, off = _off.get(layout.root, (-_LOOK_AGAIN_S, 0.0))
    if time.monotonic() - looked >= _LOOK_AGAIN_S:
        off = lake_time(layout) - time.time()
        off = off if abs(off) >= OFF_S else 0.0
        _off[layout.root] = (time.monotonic(), off)
        if off:
            warn(
                f"this machine's clock is {_words(abs(off))} {'behind' if off > 0 else 'ahead of'} "
                f"that of the disk of {layout.root}; runs are saved with the disk's time. Set the "
                "clock (NTP)."
            )
    return off


def corrected(made_at: pa.ChunkedArray, off: float) -> pa.ChunkedArray:
    """Times of which those that this process took itself are put right; others were told."""
    import pyarrow as pa
    import pyarrow.compute as pc

    own_life = time.monotonic() - _BEGAN + 1.0
    began = datetime.now(UTC) - timedelta(seconds=own_life)
    shifted = pc.add(made_at, pa.scalar(timedelta(seconds=off), pa.duration("us")))
    is_own = pc.greater_equal(made_at, pa.scalar(began, made_at.type))
    return pc.if_else(is_own, shifted, made_at)


def _words(seconds: float) -> str:
    days, minutes = divmod(round(seconds / 60), 24 * 60)
    return f"{days} days" if days else f"{minutes} minutes"


def lake_time(layout: Layout) -> float:
    """A machine whose own clock is ahead must not unlink what others still read."""
    name = layout.staged(f"{uuid7().hex}.clock")
    try:
        if layout.origin is not None:
            return layout.origin.time()
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
