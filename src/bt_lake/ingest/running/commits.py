"""What a sweep has finished, on its way into the lake: few commits, little to lose."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bt_lake.ingest.batch import MOST_BYTES, MOST_RUNS
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

# What a power cut or a kill can cost: they run again when the sweep is started again.
EVERY_S = 2.0


class Commits:
    """Collects finished runs and commits them every few seconds."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: list[Frames] = []
        self._bytes = 0
        self._since = 0.0
        self.saved: list[str] = []

    def add(self, frames: Frames) -> None:
        if not self._pending:
            self._since = time.monotonic()
        self._pending.append(frames)
        self._bytes += sum(table.nbytes for table in (frames.runs, *frames.children().values()))

    def flush_if_due(self) -> None:
        late = time.monotonic() - self._since >= EVERY_S
        if late or len(self._pending) >= MOST_RUNS or self._bytes >= MOST_BYTES:
            self.flush()

    def flush(self) -> None:
        if not self._pending:
            return
        frames = _concatenated(self._pending)
        self._store.append(frames)
        self.saved += frames.runs["run_id"].to_pylist()
        self._pending.clear()
        self._bytes = 0


def _concatenated(parts: list[Frames]) -> Frames:
    """One commit's frames of many; a column that some lack is NULL there."""
    import pyarrow as pa

    def joined(tables: list[pa.Table | None]) -> pa.Table | None:
        present = [table for table in tables if table is not None]
        return pa.concat_tables(present, promote_options="default") if present else None

    return Frames(
        joined([part.runs for part in parts]),
        joined([part.equity for part in parts]),
        joined([part.trades for part in parts]),
    )
