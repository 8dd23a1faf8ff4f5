"""Run and commit ids: UUIDv7, so that ids sort by the time they were made."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

_lock = threading.Lock()
_last = 0


def _unlock() -> None:
    """In a child of a fork: the thread that held the lock is not there to give it back."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


def uuid7() -> UUID:
    """A UUIDv7 whose 12 sub-millisecond bits keep the ids of one process in order."""
    from uuid import UUID

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


# Of a commit with such an id a reader knows what belongs to it before it opens a file.
CHILDREN = ("equity", "trades")
_VERSION, _VARIANT = 12, 16  # places of two digits of an id


def new_commit_id(children: Iterable[str]) -> str:
    """A UUID of version 8: version 7, but that two random bits say what children it has."""
    digits = list(uuid7().hex)
    has = sum(1 << bit for bit, child in enumerate(CHILDREN) if child in children)
    digits[_VERSION], digits[_VARIANT] = "8", "89ab"[has]
    return "".join(digits)


def children_of(commit: str) -> tuple[str, ...] | None:
    """The children that a commit has by its id; None where an older id does not say."""
    has = "89ab".find(commit[_VARIANT : _VARIANT + 1])
    if commit[_VERSION : _VERSION + 1] != "8" or has < 0:
        return None
    return tuple(child for bit, child in enumerate(CHILDREN) if has & 1 << bit)
