"""Ctrl-C, SIGTERM and SIGHUP: one meaning, that what is finished is kept."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # `docker stop`, SLURM and `timeout` send the second


class Stopped(KeyboardInterrupt):
    """Somebody ended it: with Ctrl-C, or with another signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Stop:
    """The signal that came, if one did."""

    def __init__(self) -> None:
        self.number: int | None = None

    def raised(self, note: str) -> Stopped:
        stopped = Stopped(self.number or signal.SIGINT)
        stopped.add_note(note)
        return stopped


@contextlib.contextmanager
def heeded(*, at_once: bool = False) -> Iterator[Stop]:
    """Note a signal, which must not break into a commit; or raise `Stopped` right where it comes.

    The same one again does as ever. One that is ignored, as with nohup, stays so.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals go to the main thread
        return
    before: dict[int, Any] = {}

    def handle(number: int, _: FrameType | None) -> None:
        stop.number = number
        signal.signal(number, before[number])
        if at_once:
            raise Stopped(number)

    for number in _numbers():
        now = signal.getsignal(number)
        if now is not signal.SIG_IGN or number == signal.SIGINT:
            before[number] = now if now is not None else signal.SIG_DFL
            signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, then in before.items():
            signal.signal(number, then)


def left_to_the_employer() -> None:
    """In a worker: who ends a whole group of processes means the one that saves what is done."""
    own = os.getpid()

    def handle(number: int, _: FrameType | None) -> None:
        if os.getpid() != own:  # a process that the user's code has forked
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    for number in _numbers():
        signal.signal(number, handle)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
