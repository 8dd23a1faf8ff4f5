"""One call of the user's function, and the run it becomes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from typing import Any

from bt_lake.ingest.assemble import frames_of, ids_for
from bt_lake.ingest.gathering import Gathered, gather
from bt_lake.ingest.joining import joined
from bt_lake.ingest.run import Run
from bt_lake.ingest.saving import runs_of
from bt_lake.ingest.sealing import sealed
from bt_lake.ingest.secrets import without_secrets
from bt_lake.running.alone import Exited, apart
from bt_lake.running.stopping import Stopped
from bt_lake.running.target import Target, trimmed
from bt_lake.running.windows import Window
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.params import canonical, params_hash
from bt_lake.warehouse.store import Store


@dataclass(frozen=True, slots=True)
class Trial:
    """What sets one call of a sweep apart."""

    params: Mapping[str, Any]
    labels: Mapping[str, str]
    window: Window = field(default_factory=Window)
    data_hash: str | None = None
    exact: Mapping[str, Any] = field(default_factory=dict)  # params that JSON alone does not tell

    @property
    def span(self) -> dict[str, str]:
        ends = {"start": self.window.start, "end": self.window.end}
        return {name: text for name, text in ends.items() if text is not None}

    @property
    def configuration(self) -> str:
        """The same in all folds."""
        return canonical({"params": params_hash(self.params), **self.labels})

    def seeded(self, seed: int) -> int:
        """The seed of this call: the same wherever and whenever it is made."""
        asked = f"{seed} {canonical({**self.params, **self.labels, **self.span})}"
        return int.from_bytes(sha256(asked.encode()).digest()[:4])

    @property
    def given(self) -> dict[str, Any]:
        """What `reproduce` needs beside the params."""
        return {
            **({"labels": dict(self.labels)} if self.labels else {}),
            **self.span,
            **({"exact": dict(self.exact)} if self.exact else {}),
        }

    def arguments(self, target: Target) -> dict[str, Any]:
        """All that the function is called with; a label it does not take only labels the run.

        Every call gets values of its own, as its type hints want them.
        """
        told = {name: text for name, text in self.labels.items() if target.takes(name)}
        return target.arguments.made({**self.params, **told, **self.span}, self.exact)

    def __str__(self) -> str:
        given = {**self.params, **self.labels, **self.span}
        return " ".join(f"{name}={value}" for name, value in given.items()) or "no arguments"


@dataclass(frozen=True, slots=True)
class Job:
    """What all calls of a sweep have in common; goes to every worker."""

    place: str
    entrypoint: str
    names: tuple[str, ...]  # every entrypoint that is the same function
    code_hash: str | None
    strategy: str | None  # what the user calls it
    name: str  # what it is called otherwise, if its result does not say
    made_from: Mapping[str, Any]  # commit and folder, for `config`
    columns: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The runs that a call gave, checked, and why it failed if it did."""

    gathered: Gathered
    run_ids: list[str]
    error: str | None = None
    log: str | None = None  # the last of what the call printed


def frames_of_all(store: Store, outcomes: Sequence[Outcome]) -> Frames:
    """Their runs with their metrics, computed over all of them at once."""
    run_ids = list(chain.from_iterable(outcome.run_ids for outcome in outcomes))
    frames = frames_of(sealed(store, joined([outcome.gathered for outcome in outcomes])), run_ids)
    logs = [outcome.log for outcome in outcomes for _ in outcome.run_ids]
    if not any(logs):
        return frames
    import pyarrow as pa

    from bt_lake.warehouse.arrays import array

    texts = array([log and without_secrets(log) for log in logs], pa.string())
    names = [name for name in frames.runs.column_names if name != "log"]
    return replace(frames, runs=frames.runs.select(names).append_column("log", texts))


def execute(
    target: Target,
    job: Job,
    trial: Trial,
    *,
    only: int | None = None,
    in_worker: bool = False,
    raises_itself: bool = False,
) -> Outcome:
    """Call the function; whatever it does, the outcome can be saved.

    Of several runs that one call gives, `only` chooses one. Where signals raise `Stopped`, a
    KeyboardInterrupt is one that the function `raises_itself`.
    """
    known: dict[str, Any] = {"created_at": datetime.now(UTC)}
    begin = time.perf_counter()
    try:
        arguments = trial.arguments(target)
        with apart(trial.seeded(job.seed), restore_draws=not in_worker) as draws:
            try:
                result = target.function(**arguments)
            finally:
                known["duration_s"] = time.perf_counter() - begin
                job = replace(job, made_from=_with_seed(job)) if draws.were_made() else job
        several = _runs_in(result)
        runs = [
            _run(run, job, trial, known, part if len(several) > 1 else None)
            for part, run in enumerate(several)
            if only in (None, part)
        ]
        if not runs:
            raise BadInput(f"the function gave {len(several)} runs, and this was number {only}")
        return _outcome(runs)
    except Stopped:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not raises_itself:
            raise
        known.setdefault("duration_s", time.perf_counter() - begin)
        why = str(error) if isinstance(error, (LakeError, Exited)) else trimmed(error)
        return failed(job, trial, why, known)


def _with_seed(job: Job) -> dict[str, Any]:
    """A call that drew depends on the seed; of others any will do."""
    return {**job.made_from, "seed": job.seed}


def failed(job: Job, trial: Trial, why: BaseException | str, known: Mapping[str, Any]) -> Outcome:
    return _outcome([_run(Run(error=why), job, trial, known)])


def crashed(job: Job, trial: Trial, how: str) -> Outcome:
    """A call whose process ended before it did."""
    return failed(job, trial, f"the worker process {how}", {"created_at": datetime.now(UTC)})


def _runs_in(result: Any) -> list[Run]:
    if result is None:
        raise BadInput("the function returned None; return anything that `lake.save` takes")
    runs = runs_of(result, {})
    if not runs:
        raise BadInput("the function returned an empty list")
    return runs


def _run(
    run: Run, job: Job, trial: Trial, known: Mapping[str, Any], part: int | None = None
) -> Run:
    """The run with everything that the caller of the function knows about it."""
    made = {**job.made_from, **trial.given, **({} if part is None else {"part": part})}
    if run.params and not run.params.keys() <= trial.params.keys():
        # The result has parameters of its own: what was passed must be told apart from them.
        made["arguments"] = dict(trial.params)
        made["arguments_hash"] = params_hash(trial.params)
    asked = {
        "strategy": job.strategy,
        "fold": trial.window.fold,
        "sample": trial.window.sample,
    }
    natural = {"strategy": run.strategy or job.name, **run.columns}
    if named := {n: text for n, text in asked.items() if text and text != str(natural.get(n))}:
        made["named"] = named
    told = {
        **job.columns,
        **trial.labels,
        **known,
        "strategy": job.strategy or run.strategy or job.name,
        "entrypoint": job.entrypoint,
        "code_hash": job.code_hash,
        "data_hash": trial.data_hash,
        "fold": trial.window.fold,
        "sample": trial.window.sample,
        "params": trial.params,
        "config": {**(run.config or {}), "run": made},
    }
    labelled = run.with_columns(told)
    # The same function called again would give the same id again.
    labelled.columns.pop("run_id", None)
    return labelled


def _outcome(runs: list[Run]) -> Outcome:
    gathered = gather(runs)
    ended = zip(*map(gathered.labels.text, ("status", "error")), strict=True)
    errors = [error or "the run says that it failed" for status, error in ended if status != "ok"]
    return Outcome(gathered, ids_for(gathered), errors[0] if errors else None)
