"""A sweep: every trial of a plan that the lake does not hold, by worker processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bt_lake.ingest.running import worker
from bt_lake.ingest.running.calling import Outcome, Trial, failed
from bt_lake.ingest.running.commits import Commits
from bt_lake.ingest.running.crew import Crew
from bt_lake.ingest.running.planning import Plan, in_lake
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import RUNS
from bt_lake.warehouse.store import Store

_LOOK_EVERY_S = 0.2


@dataclass
class Swept:
    """How far a sweep is, or how it ended."""

    sweep: str | None
    metric: str
    total: int  # trials of the plan
    already: int  # of these, in the lake before
    already_failed: int  # of those
    done: int = 0
    failed: int = 0
    best: float | None = None
    best_params: Mapping[str, Any] | None = None
    error: str | None = None  # of the first failure
    seconds: float = 0.0
    run_ids: list[str] = field(default_factory=list, repr=False)

    @property
    def per_s(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        parts = [f"{self.already + self.done:,} of {self.total:,} runs are in the lake"]
        if self.already:
            parts.append(f"{self.already:,} were before")
        if self.failed or self.already_failed:
            parts.append(f"{self.failed + self.already_failed:,} failed")
        return ", ".join(parts)


def run(
    store: Store,
    plan: Plan,
    *,
    jobs: int | None = None,
    fail_fast: bool = False,
    metric: str = "sharpe_ratio",
    progress: Callable[[Swept], None] | None = None,
) -> Swept:
    """Run what is missing; a failure is saved as a failed run, and raised if `fail_fast`.

    Ctrl-C ends it with what is finished in the lake.
    """
    if worker.inside:
        raise BadInput(
            "a sweep began while a worker imported its file: start sweeps below "
            'if __name__ == "__main__":'
        )
    known = in_lake(store, plan)
    missing = [trial for place, trial in enumerate(plan.trials) if place not in known]
    refused = sum(status == "failed" for status in known.values())
    swept = Swept(plan.sweep, metric, len(plan.trials), len(known), refused)
    if missing:
        _run(store, plan, missing, swept, min(_jobs(jobs), len(missing)), fail_fast, progress)
    return swept


def _run(
    store: Store,
    plan: Plan,
    trials: list[Trial],
    swept: Swept,
    jobs: int,
    fail_fast: bool,
    progress: Callable[[Swept], None] | None,
) -> None:
    commits = Commits(store)
    began = time.perf_counter()
    with _ctrl_c() as stop, Crew(plan.job, trials, jobs) as crew:
        try:
            while crew.busy and not stop.is_set() and not (fail_fast and swept.failed):
                found = crew.next(_LOOK_EVERY_S)
                swept.seconds = time.perf_counter() - began
                if found is not None:
                    commits.add(_counted(swept, plan, *found))
                commits.flush_if_due()
                if progress is not None:
                    progress(swept)
        finally:
            for finished in crew.stop():
                commits.add(_counted(swept, plan, *finished))
            commits.flush()
            swept.run_ids = commits.saved
    if fail_fast and swept.failed:
        raise BadInput(f"{swept.error}\n{swept}; stopped at the first failure")
    if stop.is_set():
        interrupt = KeyboardInterrupt()
        interrupt.add_note(f"{swept}; start it again to go on")
        raise interrupt


def _counted(swept: Swept, plan: Plan, trial: Trial, outcome: Outcome | str) -> Any:
    if isinstance(outcome, str):
        now = {"created_at": datetime.now(UTC)}
        outcome = failed(plan.job, trial, f"the worker process {outcome}", now)
    swept.done += 1
    if outcome.error is not None:
        swept.failed += 1
        swept.error = swept.error or f"{trial}: {outcome.error}"
    for value in outcome.values(swept.metric):
        if swept.best is None or _better(swept.metric, value, swept.best):
            swept.best, swept.best_params = value, trial.params
    return outcome.frames


def _better(metric: str, value: float, other: float) -> bool:
    lower = metric in RUNS and RUNS[metric].better == "lower"
    return value < other if lower else value > other


def _jobs(wanted: int | None) -> int:
    if wanted is not None and wanted < 1:
        raise BadInput("jobs: at least one worker has to do the work")
    if wanted is not None:
        return wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Set on Ctrl-C, which must not break into a commit; a second one does as ever."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals go to the main thread
        return

    def handle(*_: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, handle) or signal.SIG_DFL
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
