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
class Lost:
    """What of a store its reader cannot give: rows, values of rows, and rows that come again."""

    rows: list[Unread] = field(default_factory=list)
    cells: list[Unread] = field(default_factory=list)
    repeated: list[Unread] = field(default_factory=list)


@dataclass(slots=True)
class ImportReport:
    """`added` and `skipped` (in already) are run ids; `unfinished` runs may be in the next time.

    `failed` are rows that are not in the lake; `cells` are values that are not, though their rows
    are; `doubtful` values came over and may be in another unit; `repeated` are rows whose key
    another row had before; `changed` are rows that the lake has with other values, and `updated`
    the new versions of their runs.
    """

    store: str
    table: str
    rows: int = 0
    columns: list[Column] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[Unread] = field(default_factory=list)
    cells: list[Unread] = field(default_factory=list)
    repeated: list[Unread] = field(default_factory=list)
    doubtful: list[Unread] = field(default_factory=list)
    changed: list[Unread] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unfinished: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def lost(self) -> list[Unread]:
        """Everything of the store that did not come over."""
        return [*self.failed, *self.cells, *self.repeated]
