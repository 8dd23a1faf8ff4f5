"""Some trials of a sweep, carried out wherever an executor brings them.

The calls happen in a worker process of ours even there: a crash costs one run and not the
executor's process, what is printed is kept, and threads do not share a working directory.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock, Timer
from typing import Any

from bt_lake.running.calling import Job, Outcome, Trial, crashed
from bt_lake.running.commits import Commits
from bt_lake.running.crew import Finished, Killed, Worker
from bt_lake.running.held import HeldTrial
from bt_lake.running.stopping import heeded
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.store import Store

_HIRES = 5  # workers that may be killed while they import
_LINGER_S = 30.0  # how long a worker waits for the next chunk


_stores: dict[tuple[int, str, float], Store] = {}


@dataclass(frozen=True, slots=True)
class Place:
    """The lake as the driver sees it, and what shows that a worker sees the same."""

    path: str
    lake_id: str
    wait_s: float
    live: str | None  # a file that is there while the driver wants to have anything done

    def store(self) -> Store:
        """Kept for the chunks that follow: it has a connection."""
        key = (os.getpid(), self.path, self.wait_s)
        store = _stores.setdefault(key, Store(self.path, existing=True, wait_s=self.wait_s))
        try:
            seen = store.layout.read_card().lake_id
        except LakeError:
            seen = None
        if seen != self.lake_id:
            raise BadInput(
                f"{platform.node()} does not see the lake at {self.path}, so it cannot save there. "
                'Have the results saved by the process that began the sweep: save_by="driver" '
                "(--save-by driver)"
            )
        return store

    @property
    def is_over(self) -> bool:
        return self.live is not None and not os.path.exists(self.live)


@dataclass(frozen=True, slots=True)
class Work:
    """What all chunks of a sweep have in common."""

    token: str
    job: Job
    metric: str
    fresh: bool
    budget_s: float  # after so long what has not begun is handed back
    imports: tuple[str, ...]
    folder: str
    place: Place | None  # none: results go back to the driver


@dataclass
class ChunkReport:
    """What became of a chunk."""

    finished: list[Finished] = field(default_factory=list)  # for the driver to save
    done: list[tuple[Trial, str | None]] = field(default_factory=list)  # saved, and how it failed
    run_ids: list[str] = field(default_factory=list)
    values: list[tuple[Trial, Any]] = field(default_factory=list)  # of the metric, of each run
    late: list[tuple[str | None, HeldTrial]] = field(default_factory=list)  # others were faster
    rest: list[Trial] = field(default_factory=list)
    lost: bool = False  # nobody knows what of it was saved
    seconds: float = 0.0
    printed: str = ""

    @property
    def ran(self) -> int:
        return len(self.finished) + len(self.done)


over: set[str] = set()  # tokens of sweeps that this process has ended


def carry_out(work: Work, trials: Sequence[Trial]) -> ChunkReport:
    """Run them one after the other, and save what is finished, or bring it back."""
    began = time.monotonic()
    store = work.place.store() if work.place is not None else None
    saving = _Saving(Commits(store, work.job), work.metric) if store is not None else None
    report = ChunkReport()
    left = [*trials][::-1]
    with heeded() as stop:

        def is_over() -> bool:
            ended = work.token in over or (work.place is not None and work.place.is_over)
            return ended or stop.number is not None

        with _hands(work, is_over) as hands:
            while left and not is_over() and (
                not report.ran or time.monotonic() - began < work.budget_s
            ):  # fmt: skip
                found = hands.run(left[-1])
                if found is None:
                    break
                left.pop()
                report.printed = found[2] or report.printed
                if saving is None:
                    report.finished.append(found)
                else:
                    saving.add(found, report)
        if saving is not None:
            saving.end(report)
    report.rest = left[::-1]
    report.seconds = time.monotonic() - began
    return report


class _Saving:
    """Commits what a worker has finished, every second or two."""

    def __init__(self, commits: Commits, metric: str) -> None:
        self._commits = commits
        self._metric = metric
        self._job = commits.job

    def add(self, found: Finished, report: ChunkReport) -> None:
        trial, outcome, printed = found
        if isinstance(outcome, str):
            outcome = crashed(self._job, trial, outcome)
        report.done.append((trial, outcome.error))
        self._commits.add(trial, replace(outcome, log=printed))
        if self._commits.due:
            self._flush(report)

    def end(self, report: ChunkReport) -> None:
        self._flush(report)
        report.run_ids = self._commits.saved

    def _flush(self, report: ChunkReport) -> None:
        runs, trials, late = self._commits.flush()
        if runs is not None:
            report.values += zip(trials, values_of(runs, self._metric), strict=True)
        report.late += [(outcome.error, held) for outcome, held in late]


def values_of(runs: Any, metric: str) -> list[Any]:
    """A metric of each run; own metrics count."""
    if metric in runs.column_names:
        return list(runs[metric].to_pylist())
    return [dict(own or ()).get(metric) for own in runs["extra"].to_pylist()]


class _Hands:
    """One worker process, replaced when it is killed."""

    def __init__(self, work: Work, is_over: Callable[[], bool]) -> None:
        self._work = work
        self._is_over = is_over
        self.worker: Worker | None = None

    def run(self, trial: Trial) -> Finished | None:
        """None: it was ended before the trial was."""
        worker = self.worker = self.worker or self._hire()
        if worker is None:
            return None
        outcome: Outcome | str
        worker.is_over = self._is_over
        try:
            outcome = worker.run(trial)
            printed = worker.printed.take()
        except Killed as error:
            printed = worker.printed.take()
            worker.close()
            self.worker = None
            if self._is_over():
                return None
            outcome = str(error)
        if self._work.fresh and self.worker is not None:
            self.worker.dismiss()
            self.worker = None
        return trial, outcome, printed

    def _hire(self) -> Worker | None:
        work = self._work
        here = [folder for folder in work.imports if os.path.exists(folder or ".")]
        folder = work.folder if os.path.isdir(work.folder) else None
        for tried in range(1, _HIRES + 1):
            worker = Worker(work.job, 1, imports=here, folder=folder)
            worker.is_over = self._is_over
            try:
                worker.introduce()
                worker.printed.take()
                return worker
            except Killed as error:
                worker.close()
                if self._is_over():
                    return None
                if tried == _HIRES:
                    raise BadInput(
                        f"importing {work.job.entrypoint}, a worker process {error}, "
                        f"{_HIRES} times in a row"
                    ) from None
            except LakeError as error:
                worker.close()
                raise type(error)(f"on {platform.node()}: {error}") from None
        raise AssertionError


# Workers that wait for another chunk, and what ends their waiting: of this process and sweep.
_waiting: dict[tuple[int, str], dict[Worker, Timer]] = {}
_lock = Lock()


@contextlib.contextmanager
def _hands(work: Work, is_over: Callable[[], bool]) -> Iterator[_Hands]:
    hands = _Hands(work, is_over)
    key = (os.getpid(), work.token)
    with _lock:
        if waiting := _waiting.get(key):
            hands.worker, timer = waiting.popitem()
            timer.cancel()
    try:
        yield hands
    except BaseException:
        if hands.worker is not None:
            hands.worker.close()
        raise
    if hands.worker is not None and is_over():
        hands.worker.close()
    elif hands.worker is not None:
        timer = Timer(_LINGER_S, _dismiss, [key, hands.worker])
        timer.daemon = True
        with _lock:
            _waiting.setdefault(key, {})[hands.worker] = timer
        timer.start()


def _dismiss(key: tuple[int, str], worker: Worker) -> None:
    """End a worker that waited in vain."""
    with _lock:
        waited = _waiting.get(key, {}).pop(worker, None)
    if waited is not None:
        worker.dismiss()


def end(token: str) -> None:
    """In the process of the driver: nothing of this sweep is wanted any more."""
    over.add(token)
    with _lock:
        waiting = _waiting.pop((os.getpid(), token), {})
    for worker, timer in waiting.items():
        timer.cancel()
        worker.dismiss()
