"""What a sweep will run: every trial of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from bt_lake.ingest.keywords import OneOrMore, ToldKeywords
from bt_lake.ingest.secrets import without_home
from bt_lake.running.calling import Job, Trial
from bt_lake.running.grid import Grid
from bt_lake.running.provenance import commit_of, data_hash, names_data
from bt_lake.running.target import Function, Target, of
from bt_lake.running.windows import Moment, Window, windows
from bt_lake.warehouse.errors import UnknownName
from bt_lake.warehouse.params import canonical, params_hash
from bt_lake.warehouse.schema import TOLD


@dataclass(frozen=True)
class Plan:
    """A function and every trial of it; `sweep` is the label, None for a single run."""

    target: Target
    job: Job
    trials: list[Trial]
    sweep: str | None


class Options(ToldKeywords, total=False):
    """What `plan` takes by name."""

    params: Mapping[str, Any] | None
    conditions: Sequence[str]
    random: int | None
    seed: int
    folds: int | None
    train: float | None
    start: Moment
    end: Moment
    strategy: str | None
    sweep: str | None
    study: str | None


def plan(
    function: Function | str,
    grid: Mapping[str, Any] | None = None,
    *,
    params: Mapping[str, Any] | None = None,
    conditions: Sequence[str] = (),
    random: int | None = None,
    seed: int = 0,
    folds: int | None = None,
    train: float | None = None,
    start: Moment = None,
    end: Moment = None,
    strategy: str | None = None,
    sweep: str | None = None,
    study: str | None = None,
    **told: OneOrMore,
) -> Plan:
    """Everything that can be known before the first run; mistakes show here."""
    target = of(function)
    takes = target.arguments
    told_conditions = [conditions] if isinstance(conditions, str) else list(conditions)
    for name in {**(params or {}), **(grid or {})}:
        target.check_name(name)
    space = Grid(
        grid or {},
        told_conditions,
        random=random,
        seed=seed,
        reader=takes.reader,
        keep=takes.keep,
    )
    fixed = {name: takes.keep(name, value) for name, value in (params or {}).items()}
    for name in told.keys() - TOLD:
        raise UnknownName.near("option of a sweep", name, [*Options.__annotations__, *TOLD])
    labels = {name: _listed(told.get(name)) for name in TOLD}
    spans = windows(start, end, folds, train)
    combinations = space.combinations(fixed, takes.defaults())
    trials = _trials(target, combinations, labels, spans)
    if sweep is None and (grid or len(trials) > 1):
        asked = {
            "entrypoint": target.entrypoint,
            "grid": space.axes,
            "params": fixed,
            "conditions": told_conditions,
            "random": [random, seed],
            "labels": labels,
            "windows": [asdict(span) for span in spans],
        }
        sweep = f"{strategy or target.name}-{sha256(canonical(asked).encode()).hexdigest()[:6]}"
    known = {"sweep": sweep, "study": study}
    job = job_of(target, strategy, {name: text for name, text in known.items() if text}, seed)
    return Plan(target, job, trials, sweep)


def job_of(target: Target, strategy: str | None, columns: Mapping[str, Any], seed: int = 0) -> Job:
    folder = target.source.parent if target.source else None
    root = {"root": without_home(Path(target.root).as_posix())} if target.root else {}
    return Job(
        place=target.place,
        entrypoint=target.entrypoint,
        names=tuple(dict.fromkeys([target.entrypoint, *target.also])),
        code_hash=target.code_hash,
        strategy=strategy,
        name=target.name,
        made_from={**root, **(commit_of(folder) if folder else {})},
        columns=columns,
        seed=seed,
    )


def _listed(given: OneOrMore) -> list[str | None]:
    if given is None:
        return [None]
    listed: list[str | None] = [given] if isinstance(given, str) else list(given)
    return listed or [None]


def _trials(
    target: Target,
    combinations: Sequence[Mapping[str, Any]],
    labels: Mapping[str, Sequence[str | None]],
    spans: Sequence[Window],
) -> list[Trial]:
    """Each combination of params with each of labels and windows, once."""
    hashed = {params_hash(params): params for params in combinations}
    told = [
        {name: text for name, text in zip(labels, each, strict=True) if text}
        for each in product(*map(dict.fromkeys, labels.values()))
    ]
    for each, span in product(told, spans):  # of each label whether the function can take it
        Trial({}, each, span).arguments(target)
    takes = target.arguments
    trials = [
        Trial(params, each, span, exact=takes.exact(params))
        for each, span, params in product(told, spans, hashed.values())
    ]
    target.check_arguments(trials[0].arguments(target))
    if not names_data(target.function):
        return trials
    return [
        replace(trial, data_hash=data_hash(target.function, trial.arguments(target)))
        for trial in trials
    ]
