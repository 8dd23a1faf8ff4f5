"""What whoever starts the server decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bt_lake.page.allowed import Allowed


@dataclass
class Settings:
    lake: Path
    existing: bool
    wait_s: float
    port: int
    token: str
    hosts: frozenset[str]
    allowed: Allowed
    read_only: bool = False
    _ends: list[Callable[[], None]] = field(default_factory=list, repr=False)

    def told(self) -> dict[str, Any]:
        """What the page may know of it."""
        return {
            "lake": self.lake.resolve().name,
            "read_only": self.read_only,
            "runs_something": bool(self.allowed) and not self.read_only,
        }

    def at_end(self, end: Callable[[], None]) -> None:
        self._ends.append(end)

    def end(self) -> None:
        """The server is told to stop: whoever holds a connection open lets it go."""
        for end in self._ends:
            end()
