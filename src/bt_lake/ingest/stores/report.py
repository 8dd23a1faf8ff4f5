"""What an import did, and what became of every column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


class Column(NamedTuple):
    """Where a column of the store went; `how` is its unit and the evidence for it."""

    theirs: str
    ours: str
    values: int
    how: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that is not in the lake, and the column that is to blame."""

    table: str
    row: str
    column: str
    reason: str

    def __str__(self) -> str:
        return f"{self.table}, {self.row}, {self.column}: {self.reason}"


@dataclass(slots=True)
class ImportReport:
    """`added` and `skipped` (in already) are run ids; `unfinished` runs may be in the next time."""

    store: str
    table: str
    rows: int = 0
    columns: list[Column] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[Unread] = field(default_factory=list)
    unfinished: int = 0
    warnings: list[str] = field(default_factory=list)
