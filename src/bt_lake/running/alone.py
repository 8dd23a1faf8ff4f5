"""What one call of a user's function must not hand on to the next."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np


class Exited(BaseException):
    """The function called `os._exit`."""


class Draws:
    """Whether the call drew from `random` or numpy's global generator, seeded for it alone."""

    def __init__(self, seed: int) -> None:
        self._seed(seed)
        self._first = self._next()
        self._seed(seed)

    def were_made(self) -> bool:
        return self._next() != self._first

    def _seed(self, seed: int) -> None:
        random.seed(seed)
        np.random.seed(seed)

    def _next(self) -> tuple[int, float]:
        """Quicker to compare than the states of both."""
        return random.getrandbits(64), np.random.random_sample()


@contextlib.contextmanager
def apart(seed: int, *, restore_draws: bool) -> Iterator[Draws]:
    """Working directory, environment and `os._exit` are put back; generators begin at the seed."""
    here, environment = _folder(), _environment().copy()
    drawn = (random.getstate(), np.random.get_state()) if restore_draws else None
    leave = os._exit
    os._exit = _leaving(leave)
    try:
        yield Draws(seed)
    finally:
        os._exit = leave
        if here is not None and _folder() != here:
            with contextlib.suppress(OSError):  # it is gone
                os.chdir(here)
        if _environment() != environment:
            _put_back(environment)
        if drawn is not None:
            random.setstate(drawn[0])
            np.random.set_state(drawn[1])


def _environment() -> dict[Any, Any]:
    """As it lies beneath `os.environ`, whose copies and comparisons decode every value."""
    return os.environ._data  # type: ignore[attr-defined, no-any-return]


def _put_back(environment: dict[Any, Any]) -> None:
    kept = {os.environ.decodekey(n): os.environ.decodevalue(v) for n, v in environment.items()}
    for name in os.environ.keys() - kept.keys():
        del os.environ[name]
    for name, value in kept.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _leaving(leave: Any) -> Any:
    """`os._exit` of the call itself ends the call; of a process or thread it began, as ever."""
    process, thread = os.getpid(), threading.get_ident()

    def left(status: int) -> None:
        if os.getpid() != process or threading.get_ident() != thread:
            leave(status)
        raise Exited(f"the function ended its process: os._exit({status})")

    return left
