"""What a sweep has finished, on its way into the lake: few commits, little to lose."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bt_lake.ingest.batch import MOST_BYTES, MOST_RUNS
from bt_lake.ingest.running.calling import Job, Outcome, Trial
from bt_lake.ingest.running.held import Held, held
from bt_lake.warehouse.files import advisory_lock
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

# What a power cut or a kill can cost: they run again when the sweep is started again.
EVERY_S = 2.0


class Commits:
    """Collects finished trials and commits them every few seconds.

    Another process may be at the same sweep. The look at what is in the lake and the commit happen
    under a lock of their own, so each trial goes in once; the lock ends with its process.
    """

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job
        self._pending: list[tuple[Trial, Outcome]] = []
        self._bytes = 0
        self._since = 0.0
        self.saved: list[str] = []

    def add(self, trial: Trial, outcome: Outcome) -> None:
        if not self._pending:
            self._since = time.monotonic()
        self._pending.append((trial, outcome))
        tables = (outcome.frames.runs, *outcome.frames.children().values())
        self._bytes += sum(table.nbytes for table in tables)

    @property
    def due(self) -> bool:
        if not self._pending:
            return False
        late = time.monotonic() - self._since >= EVERY_S
        return late or len(self._pending) >= MOST_RUNS or self._bytes >= MOST_BYTES

    def flush(self) -> list[tuple[Outcome, Held]]:
        """Commit; gives what is left out, as another process was faster with it."""
        if not self._pending:
            return []
        self._store.layout.create()
        with advisory_lock(self._store.layout.stage / "sweep.lock", wait=True):
            there = held(self._store, self._job, [trial for trial, _ in self._pending])
            fresh = [o.frames for place, (_, o) in enumerate(self._pending) if place not in there]
            if fresh:
                frames = _concatenated(fresh)
                self._store.append(frames)
                self.saved += frames.runs["run_id"].to_pylist()
        late = [(self._pending[place][1], found) for place, found in there.items()]
        self._pending.clear()
        self._bytes = 0
        return late


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
