"""What every command is given: which lake, and when the question was asked."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bt_lake.lake import Lake
    from bt_lake.opening import Opening
    from bt_lake.queries.reading import Reader
    from bt_lake.warehouse.store import Store

_DAMAGED = 4


@dataclass
class Session:
    path: Path
    existing: bool = False
    wait_s: float = 60.0
    started: float = field(default_factory=time.perf_counter)

    @cached_property
    def _opening(self) -> Opening:
        from bt_lake.opening import Opening

        return Opening(self.path, existing=self.existing, wait=self.wait_s, announce=_say)

    @property
    def lake(self) -> Lake:
        return self._opening.lake

    def begin(self) -> None:
        """Open the lake while the command is loaded, if it is there."""
        self._opening.begin()

    @property
    def exit_code(self) -> int:
        """That of damage, where an answer is without files that may not be read."""
        opening = self.__dict__.get("_opening")
        return _DAMAGED if opening and opening.reader.left_out else 0

    @property
    def store(self) -> Store:
        """The lake to write to, whether it is there already or not."""
        return self._opening.store

    @property
    def reader(self) -> Reader:
        """The lake to ask; it must be there."""
        return self._opening.reader


def _say(text: str) -> None:
    from bt_lake.cli import messages

    messages.say(text)
