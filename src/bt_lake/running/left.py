"""The trials of a sweep that nobody has begun."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Self

from bt_lake.running.calling import Trial
from bt_lake.running.held import HeldTrial


class Left:
    """Hands out each trial once, to whichever thread asks."""

    def __init__(self, trials: Iterable[Trial]) -> None:
        self._trials = [*trials][::-1]
        self._lock = Lock()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Trial:
        with self._lock:
            if not self._trials:
                raise StopIteration
            return self._trials.pop()

    def __len__(self) -> int:
        return len(self._trials)

    def take(self, count: int) -> list[Trial]:
        """The next ones, as many as there are."""
        with self._lock:
            taken = self._trials[: -count - 1 : -1]
            del self._trials[len(self._trials) - len(taken) :]
        return taken

    def give_back(self, trials: Sequence[Trial]) -> None:
        """These were not begun: they are the next ones again."""
        with self._lock:
            self._trials += trials[::-1]

    def leave_out(
        self, held: Callable[[Sequence[Trial]], Mapping[int, HeldTrial]]
    ) -> list[HeldTrial]:
        """Drop what another process has run, and go on in an order of our own beside it."""
        with self._lock:
            there = held(self._trials)
            self._trials = [t for place, t in enumerate(self._trials) if place not in there]
            random.shuffle(self._trials)
        return list(there.values())
