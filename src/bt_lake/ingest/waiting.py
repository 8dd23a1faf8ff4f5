"""Runs on their way to a commit, each with its place in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.walk import Source

# A commit's size: large enough to be few, small enough to hold as Python objects.
MOST_RUNS = 2_000
MOST_POINTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """A run and where it comes from."""

    run: Run
    source: Source

    def bad(self, reason: str) -> BadRow:
        return BadRow(str(self.source.path), self.run.row, reason)


@dataclass(slots=True)
class Waiting:
    """Runs that wait for their file or for enough others."""

    items: list[Item] = field(default_factory=list)
    points: int = 0

    def add(self, run: Run, source: Source) -> None:
        self.items.append(Item(run, source))
        self.points += _points(run.equity) + _points(run.trades)

    @property
    def full(self) -> bool:
        return len(self.items) >= MOST_RUNS or self.points >= MOST_POINTS

    def take(self) -> list[Item]:
        taken, self.items, self.points = self.items, [], 0
        return taken

    def move_to(self, other: Waiting) -> None:
        other.points += self.points
        other.items += self.take()


def _points(rows: Any) -> int:
    """Rows of a curve or of trades; a mapping of columns has as many as its longest."""
    columns = rows.values() if isinstance(rows, Mapping) else (rows,)
    return max((len(column) for column in columns if hasattr(column, "__len__")), default=0)
