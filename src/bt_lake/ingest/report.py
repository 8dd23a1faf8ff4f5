"""What an ingest did: counts, and the rows that could not be taken in."""

from __future__ import annotations

from dataclasses import dataclass, field

from bt_lake.warehouse.errors import BadInput


@dataclass(frozen=True, slots=True)
class BadRow:
    """A run of a file that could not be read; `row` counts from 1, None is the whole file."""

    file: str
    row: int | None
    reason: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"

    @property
    def place(self) -> str:
        return self.file if self.row is None else f"{self.file}:{self.row}"


@dataclass(slots=True, repr=False)
class IngestReport:
    """`added` and `skipped` (in already) are run ids, `ignored` files of no known format.

    `held_back` are files that are still being written; the next ingest takes them. `barer` are
    those of `skipped` that the lake has without the curve or trades of the files. Of another lake,
    runs that were here get what they lacked: so many `curves`, `trades` and `events`.
    """

    files: int = 0
    of_files: int = 0
    added: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    barer: list[str] = field(default_factory=list)
    failed: list[BadRow] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    held_back: list[str] = field(default_factory=list)
    curves: int = 0
    trades: int = 0
    events: int = 0

    def __repr__(self) -> str:
        counts = ", ".join(
            f"{name}={len(getattr(self, name)):,}"
            for name in ("added", "skipped", "failed", "ignored")
        )
        return f"IngestReport({self.files:,} of {self.of_files:,} files: {counts})"


class IngestStopped(BadInput):
    """The first bad file stopped an ingest; `report` says what was done before."""

    def __init__(self, bad: BadRow, report: IngestReport) -> None:
        kept = f"; the {len(report.added):,} runs of earlier batches are in" if report.added else ""
        super().__init__(
            f"{bad}\n{report.files:,} of {report.of_files:,} files read, nothing of this batch "
            f"added{kept}. Skip bad files with --on-error skip."
        )
        self.bad = bad
        self.report = report
