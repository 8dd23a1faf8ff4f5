"""Run and commit ids: UUIDv7, so that ids sort by the time they were made."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """A UUIDv7 whose 12 sub-millisecond bits keep the ids of one process in order."""
    global _last
    with _lock:
        # Milliseconds and a 12 bit fraction of one, as RFC 9562 method 3.
        now = max(time.time_ns() * 4096 // 1_000_000, _last + 1)
        _last = now
    millis, fraction = divmod(now, 4096)
    random = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return UUID(int=(millis << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | random)


def new_run_id() -> str:
    return str(uuid7())


def new_commit_id() -> str:
    return uuid7().hex
