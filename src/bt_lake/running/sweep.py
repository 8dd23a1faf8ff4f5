"""A sweep: every trial of a plan that the lake does not hold, by worker processes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from bt_lake.running import worker
from bt_lake.running.away import Away
from bt_lake.running.calling import Outcome, Trial, crashed
from bt_lake.running.chunk import ChunkReport, Place, values_of
from bt_lake.running.clusters import Crowd, crowd
from bt_lake.running.commits import Commits
from bt_lake.running.crew import Crew, Finished
from bt_lake.running.held import HeldTrial, best_held, held
from bt_lake.running.left import Left
from bt_lake.running.live import Live
from bt_lake.running.planning import Plan
from bt_lake.running.stopping import Stop, heeded
from bt_lake.warehouse.budgets import left_for
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import RUNS
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pyarrow as pa

_LOOK_EVERY_S = 0.2
_NEW_AFTER_S = 1.0
# So many failures with one error, and nothing else: the rest would fail in the same way.
ALIKE = 10


@dataclass
class Swept:
    """How far a sweep is, or how it ended."""

    sweep: str | None
    metric: str
    total: int  # trials of the plan
    already: int = 0  # of these, in the lake before
    elsewhere: int = 0  # of these, run by another process meanwhile
    already_failed: int = 0  # of those that were run before or elsewhere
    sweeps: set[str | None] = field(default_factory=set, repr=False)  # that those belong to
    done: int = 0
    failed: int = 0
    best: float | None = None
    best_params: Mapping[str, Any] | None = None
    error: str | None = None  # of the first failure
    alike: int = 0  # runs that ended with the error of the very first one
    gave_up: bool = False  # because all that were tried failed alike
    seconds: float = 0.0
    run_ids: list[str] = field(default_factory=list, repr=False)
    held_ids: list[str] = field(default_factory=list, repr=False)  # of the others' trials
    _first: str | None = field(default=None, repr=False)  # what the very first run failed with

    @property
    def per_s(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def so_far(self) -> dict[str, Any]:
        """How far it is, for those who look at the lake."""
        in_lake = self.already + self.elsewhere + self.done
        left = (self.total - in_lake) / self.per_s if self.per_s else None
        return {
            "total": self.total,
            "done": self.done,
            "in_lake": in_lake,
            "failed": self.failed + self.already_failed,
            "per_s": self.per_s,
            "seconds_left": left,
            "metric": self.metric,
            "best": self.best,
            "best_params": self.best_params,
        }

    def __str__(self) -> str:
        in_lake = self.already + self.elsewhere + self.done
        parts = [f"{in_lake:,} of {self.total:,} runs are in the lake"]
        if self.already:
            parts.append(f"{self.already:,} were before")
        if self.elsewhere:
            parts.append(f"{self.elsewhere:,} by another process")
        if self.failed or self.already_failed:
            parts.append(f"{self.failed + self.already_failed:,} failed")
        if self.gave_up:
            parts.append(f"gave up as the first {self.done:,} all failed alike")
        return ", ".join(parts)

    def meet(self, there: Iterable[HeldTrial]) -> None:
        """Take note of trials that somebody else ran."""
        for each in there:
            self.already_failed += each.status == "failed"
            self.sweeps.add(each.sweep)
            self.held_ids += each.run_ids

    def count(self, trial: Trial, error: str | None) -> None:
        self.done += 1
        if error is not None:
            self.failed += 1
            self.error = self.error or f"{trial}: {error}"
            said = error.splitlines()[0]
            self._first = said if self.done == 1 else self._first
            self.alike += said == self._first

    @property
    def hopeless(self) -> bool:
        return self.done >= ALIKE and self.alike == self.done

    def judge(self, trials: Sequence[Trial], runs: pa.Table) -> None:
        """See whether the best is among these runs."""
        for trial, value in zip(trials, values_of(runs, self.metric), strict=True):
            self.see(value, trial.params)

    def see(self, value: object, params: Mapping[str, Any] | None) -> None:
        if isinstance(value, (int, float)) and (
            self.best is None or _better(self.metric, value, self.best)
        ):
            self.best, self.best_params = value, params


Progress = Callable[[Swept], None]
SaveBy = Literal["workers", "driver"]


def run(
    store: Store,
    plan: Plan,
    *,
    jobs: int | None = None,
    fail_fast: bool = False,
    keep_going: bool = False,
    fresh: bool = False,
    metric: str = "sharpe_ratio",
    progress: Progress | None = None,
    executor: Executor | str | None = None,
    save_by: SaveBy = "workers",
    executor_options: Mapping[str, Any] | None = None,
) -> Swept:
    """Run what is missing; a failure is saved as a failed run, and raised if `fail_fast`.

    Where the first ones all fail with one error the rest is not tried, unless to `keep_going`.
    Ctrl-C or SIGTERM ends it with what is finished in the lake. `fresh` gives each call a process
    of its own. An `executor` has the calls made elsewhere, and the results saved there, or here
    where that does not see the lake.
    """
    if save_by not in get_args(SaveBy):
        raise BadInput(f"save_by: {save_by!r}; one of {', '.join(get_args(SaveBy))}")
    if worker.inside:
        raise BadInput(
            "a sweep began while a worker imported its file: start sweeps below "
            'if __name__ == "__main__":'
        )
    count = _jobs(jobs)
    there = held(store, plan.job, plan.trials)
    missing = [trial for place, trial in enumerate(plan.trials) if place not in there]
    swept = Swept(plan.sweep, metric, len(plan.trials), already=len(there))
    swept.meet(there.values())
    if missing:
        _check_budget(store, plan, missing, there)
        sweep = _Sweep(store, plan, missing, swept, progress)
        with heeded() as stop, contextlib.ExitStack() as stack:
            if executor is None:
                hands: Crew | Away = Crew(
                    plan.job, sweep.left, min(count, len(missing)), fresh=fresh
                )
            else:
                hired = stack.enter_context(crowd(executor, jobs, executor_options))
                hands = sweep.away(hired, fresh, by_workers=save_by == "workers")
            sweep.run(hands, stop, fail_fast, keep_going)
    if swept.held_ids:
        swept.see(*best_held(store, metric, swept.held_ids))
    return swept


class _Sweep:
    """A sweep under way."""

    def __init__(
        self,
        store: Store,
        plan: Plan,
        missing: Sequence[Trial],
        swept: Swept,
        progress: Progress | None,
    ) -> None:
        self._store = store
        self._job = plan.job
        self.left = Left(missing)
        self._commits = Commits(store, plan.job)
        self._swept = swept
        self._progress = progress
        self._began = 0.0
        self._live = Live(store.layout, plan.job.entrypoint, plan.sweep)
        self._saved_away: list[str] = []
        self._printed = b""  # by the run that ended last

    def away(self, hired: Crowd, fresh: bool, *, by_workers: bool) -> Away:
        """Hands that work elsewhere; those that save look whether we are still there."""
        place = None
        if by_workers:
            layout = self._store.layout
            self._store.create()
            self._live.tell(**self._swept.so_far)
            card = layout.read_card()
            place = Place(layout.address, card.lake_id, layout.wait_s, self._live.path)
        return Away(
            self._job,
            self.left,
            hired.executor,
            slots=hired.slots,
            metric=self._swept.metric,
            place=place,
            fresh=fresh,
            chunk_s=hired.chunk_s,
        )

    def run(self, hands: Crew | Away, stop: Stop, fail_fast: bool, keep_going: bool) -> None:
        swept = self._swept
        self._began = time.perf_counter()
        with hands as crew:
            try:
                while crew.busy and stop.number is None and not (fail_fast and swept.failed):
                    self._step(crew)
                    if swept.hopeless and not keep_going:
                        swept.gave_up = crew.busy
                        break
            except BadInput as error:  # of a worker that cannot begin
                raise BadInput(f"{error}\n{self._end(crew)}") from None
            finally:
                self._live.end()
                self._end(crew)
        if fail_fast and swept.failed:
            raise BadInput(f"{swept.error}\n{swept}; stopped at the first failure")
        if stop.number is not None:
            raise stop.raised(f"{swept}; start it again to go on")

    def _step(self, crew: Crew | Away) -> None:
        found = crew.next(_LOOK_EVERY_S)
        self._swept.seconds = time.perf_counter() - self._began
        if found is not None:
            self._hear(found)
        if self._commits.due:
            self._commit()
        if self._progress is not None:
            self._progress(self._swept)
        if self._swept.seconds > _NEW_AFTER_S and not self._store.layout.exists:
            self._store.create()  # so that others see what goes on
        if self._live.due:
            self._live.tell(crew.printing() or self._printed, **self._swept.so_far)

    def _end(self, crew: Crew | Away) -> str:
        """Keep what is finished; says how much that is."""
        for found in crew.stop():
            self._hear(found)
        self._commit()
        self._swept.run_ids = [*self._saved_away, *self._commits.saved]
        return f"{self._swept}; start it again to go on"

    def _hear(self, found: Finished | ChunkReport) -> None:
        if not isinstance(found, ChunkReport):
            self._take(*found)
            return
        for finished in found.finished:
            self._take(*finished)
        for trial, error in found.done:
            self._swept.count(trial, error)
        for trial, value in found.values:
            self._swept.see(value, trial.params)
        self._saved_away += found.run_ids
        self._come_late(found.late)
        if found.lost or found.late:
            self._look_again()

    def _take(self, trial: Trial, outcome: Outcome | str, printed: str | None) -> None:
        if isinstance(outcome, str):
            outcome = crashed(self._job, trial, outcome)
        self._swept.count(trial, outcome.error)
        if printed is not None:
            self._printed = printed.encode()
        self._commits.add(trial, replace(outcome, log=printed))

    def _commit(self) -> None:
        runs, trials, late = self._commits.flush()
        if runs is not None:
            self._swept.judge(trials, runs)
        self._come_late([(outcome.error, there) for outcome, there in late])
        if self._swept.elsewhere:
            self._look_again()

    def _come_late(self, late: Sequence[tuple[str | None, HeldTrial]]) -> None:
        """Others were faster with these."""
        self._swept.done -= len(late)
        self._swept.failed -= sum(error is not None for error, _ in late)
        self._meet([there for _, there in late])

    def _look_again(self) -> None:
        """Leave to others what they have saved meanwhile."""
        self._meet(self.left.leave_out(lambda left: held(self._store, self._job, left)))

    def _meet(self, there: Sequence[HeldTrial]) -> None:
        self._swept.elsewhere += len(there)
        self._swept.meet(there)


def _check_budget(
    store: Store, plan: Plan, missing: Sequence[Trial], there: Mapping[int, HeldTrial]
) -> None:
    """Run nothing that the study would refuse; folds of a configuration are one trial."""
    study = plan.job.columns.get("study")
    if study is not None:
        paid = {plan.trials[place].configuration for place in there}
        left_for(store, study, len({trial.configuration for trial in missing} - paid))


def _better(metric: str, value: float, other: float) -> bool:
    lower = metric in RUNS and RUNS[metric].better == "lower"
    return value < other if lower else value > other


def _jobs(wanted: int | None) -> int:
    if wanted is not None and (not isinstance(wanted, int) or wanted < 1):
        raise BadInput(f"jobs: {wanted!r}; a whole number, at least one worker")
    if wanted is not None:
        return wanted
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
