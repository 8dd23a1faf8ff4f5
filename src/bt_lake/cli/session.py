"""What every command is given: which lake, and when the question was asked."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bt_lake.queries.reading import Reader
    from bt_lake.warehouse.store import Store


@dataclass
class Session:
    lake: Path
    existing: bool = False
    wait_s: float = 60.0
    started: float = field(default_factory=time.perf_counter)

    @cached_property
    def store(self) -> Store:
        """The lake to write to, whether it is there already or not."""
        from bt_lake.cli import messages
        from bt_lake.warehouse.store import Store

        return Store(self.lake, existing=self.existing, wait_s=self.wait_s, announce=messages.say)

    @cached_property
    def reader(self) -> Reader:
        """The lake to ask; it must be there."""
        from bt_lake.queries.reading import Reader

        return Reader(self.store.layout)
