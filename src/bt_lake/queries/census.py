"""What a lake holds and takes up."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.queries.reading import Reader
    from bt_lake.warehouse.layout import Layout
    from bt_lake.warehouse.upkeep import Upkeep

_COUNTS = {
    "runs": "count(*)",
    "failed": "count(*) filter (status = 'failed')",
    "deleted": "count(*) filter (deleted_at is not null)",
    "strategies": "count(distinct strategy)",
    "symbols": "count(distinct symbol)",
    "first_run_at": "make_timestamp(epoch_us(min(created_at)))",
    "last_run_at": "make_timestamp(epoch_us(max(created_at)))",
}
_FILES = """
select table_name, path, bytes, commit_id is not null as fresh, folded
from lake_files
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One table: `fresh` are the files that no compaction has touched yet."""

    rows: int = 0
    files: int = 0
    bytes: int = 0
    fresh: int = 0


@dataclass(frozen=True, slots=True)
class Census:
    path: str
    lake_id: str
    format: int
    created_at: str
    epoch: int
    runs: int
    failed: int
    deleted: int
    strategies: int
    symbols: int
    first_run_at: Any
    last_run_at: Any
    pending_events: int
    tables: dict[str, Part]
    upkeep: Upkeep

    @classmethod
    def of(cls, reader: Reader) -> Self:
        from bt_lake.warehouse.log import newest
        from bt_lake.warehouse.upkeep import upkeep

        layout = reader.layout
        counts, parts, pending = reader.ask(lambda connection: _asked(connection, layout))
        card = layout.read_card()
        return cls(
            path=layout.address,
            lake_id=card.lake_id,
            format=card.format,
            created_at=card.created_at,
            epoch=newest(layout).epoch,
            **counts,
            pending_events=pending,
            tables=parts,
            upkeep=upkeep(layout),
        )

    @property
    def files(self) -> int:
        return sum(part.files for part in self.tables.values())

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.tables.values())

    @property
    def spared(self) -> int:
        """How many files fewer there would be if the fresh ones of each table became one."""
        return sum(part.fresh - 1 for part in self.tables.values() if part.fresh > 1)


def _asked(
    connection: DuckDBPyConnection, layout: Layout
) -> tuple[dict[str, Any], dict[str, Part], int]:
    files = connection.execute(_FILES).fetchall()
    parts = {table: _part(connection, layout, table, files) for table in TABLES}
    pending = sum(table == "events" and not folded for table, *_, folded in files)
    counted = connection.execute(f"select {', '.join(_COUNTS.values())} from trials").fetchall()
    return dict(zip(_COUNTS, counted[0], strict=True)), parts, pending


def _part(
    connection: DuckDBPyConnection, layout: Layout, table: str, files: list[tuple[Any, ...]]
) -> Part:
    own = [file for file in files if file[0] == table]
    sizes = [_size(layout.root / path) if b is None else b for _, path, b, *_ in own]
    view = {"equity": "lake_curves", "trades": "lake_trade_rows", "runs": "lake_rows"}
    counted = connection.execute(f"select count(*) from {view.get(table, table)}").fetchall()
    return Part(counted[0][0], len(own), sum(sizes), sum(bool(file[3]) for file in own))


def _size(path: Path) -> int:
    """A file that is lost, or may not be looked at, takes no room; `check` names it."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
