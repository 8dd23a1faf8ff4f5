"""What every command is given: which lake, and when the question was asked."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bt_lake.lake import Lake
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
    def lake(self) -> Lake:
        from bt_lake.cli import messages
        from bt_lake.lake import Lake

        return Lake(self.path, existing=self.existing, wait=self.wait_s, announce=messages.say)

    def begin(self) -> None:
        """Open the lake while the command is loaded, if it is there."""
        from bt_lake.warehouse.errors import LakeError

        with suppress(LakeError):
            self.reader.begin()

    @property
    def exit_code(self) -> int:
        """That of damage, where an answer is without files that may not be read."""
        reader = "lake" in self.__dict__ and self.lake.__dict__.get("reader")
        return _DAMAGED if reader and reader.left_out else 0

    @property
    def store(self) -> Store:
        """The lake to write to, whether it is there already or not."""
        return self.lake.store

    @property
    def reader(self) -> Reader:
        """The lake to ask; it must be there."""
        return self.lake.reader
