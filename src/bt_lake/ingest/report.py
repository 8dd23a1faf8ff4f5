"""What an ingest did: counts, and the rows that could not be taken in."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BadRow:
    """A run of a file that could not be read; `row` counts from 1, None is the whole file."""

    file: str
    row: int | None
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.file}: {self.reason}"
            if self.row is None
            else f"{self.file}:{self.row}: {self.reason}"
        )


@dataclass(slots=True)
class IngestReport:
    """`added` and `skipped` are run ids, `ignored` files of no known format."""

    files: int = 0
    added: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[BadRow] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
