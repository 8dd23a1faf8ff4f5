"""What a sweep has finished, on its way into the lake: few commits, little to lose."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from bt_lake.ingest.batch import MOST_BYTES, MOST_RUNS
from bt_lake.running.calling import Job, Outcome, Trial, frames_of_all
from bt_lake.running.held import HeldTrial, held
from bt_lake.warehouse.errors import BudgetSpent
from bt_lake.warehouse.locks import Lock, alone
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

# A power cut or a SIGKILL costs at most what finished in two seconds, the commit itself included.
EVERY_S = 1.5


class Flushed(NamedTuple):
    """What went in, the trial of each run of it, and what another process was faster with."""

    runs: pa.Table | None
    trials: list[Trial]
    late: list[tuple[Outcome, HeldTrial]]


class Commits:
    """Collects finished trials and commits them every few seconds.

    Another process may be at the same sweep. The look at what is in the lake and the commit happen
    under a lock of their own, so each trial goes in once; the lock ends with its process.
    """

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self.job = job
        self._pending: list[tuple[Trial, Outcome]] = []
        self._bytes = 0
        self._since = 0.0
        self.saved: list[str] = []

    def add(self, trial: Trial, outcome: Outcome) -> None:
        if not self._pending:
            self._since = time.monotonic()
        self._pending.append((trial, outcome))
        self._bytes += outcome.gathered.nbytes + len(outcome.log or "")

    @property
    def due(self) -> bool:
        if not self._pending:
            return False
        late = time.monotonic() - self._since >= EVERY_S
        return late or len(self._pending) >= MOST_RUNS or self._bytes >= MOST_BYTES

    def flush(self) -> Flushed:
        if not self._pending:
            return Flushed(None, [], [])
        self._store.create()
        try:
            there, fresh, runs = alone(self._store.layout, "sweep", self._look_and_commit)
        except BudgetSpent as spent:
            self.saved += spent.saved
            self._pending.clear()
            raise
        trials = [trial for trial, outcome in fresh for _ in outcome.run_ids]
        late = [(self._pending[place][1], found) for place, found in there.items()]
        self._pending.clear()
        self._bytes = 0
        return Flushed(runs, trials, late)

    def _look_and_commit(
        self, lock: Lock
    ) -> tuple[dict[int, HeldTrial], list[tuple[Trial, Outcome]], pa.Table | None]:
        there = held(self._store, self.job, [trial for trial, _ in self._pending])
        fresh = [each for place, each in enumerate(self._pending) if place not in there]
        runs = self._commit([outcome for _, outcome in fresh], lock) if fresh else None
        return there, fresh, runs

    def _commit(self, outcomes: list[Outcome], lock: Lock) -> pa.Table:
        frames = frames_of_all(self._store, outcomes)
        self._store.append(frames, lock)
        self.saved += frames.runs["run_id"].to_pylist()
        return frames.runs
