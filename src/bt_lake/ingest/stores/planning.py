"""The plan of an import: where every column goes and in which unit it is, with the reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bt_lake.ingest.stores.identity import Own
from bt_lake.ingest.stores.mapping import (
    IMPORTED,
    REST,
    Target,
    bare,
    extra_name,
    rest,
    targets,
)
from bt_lake.ingest.stores.report import Column
from bt_lake.ingest.stores.source import Source
from bt_lake.ingest.stores.survey import Floats, Survey
from bt_lake.ingest.stores.units import Decision, Unit, decide
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.schema import RUNS

# Numbers since 1970, by the microseconds in one of them.
SCALES = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}
FROM_US, UNTIL_US = 631_152_000_000_000, 4_102_444_800_000_000  # 1990 and 2100
_TIMES = {c.name for c in RUNS.columns if c.kind == "timestamp"}
_LOSSES = {"max_drawdown", "avg_loss"}
_MOST_ROWS = 0.9  # so many must have an id for it to be the runs' own
_TELLING = {c.name for c in RUNS.columns if c.is_number} - {"initial_capital", "duration_s"} | {
    *("params", "metrics", "equity", "trades")
}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is decided about a store before its rows are taken."""

    targets: Mapping[str, Target]
    decisions: Mapping[str, Decision]
    times: Mapping[str, float]  # columns of numbers since 1970: microseconds in one
    own: Own | None  # the column whose values are the run ids
    columns: Mapping[str, Any]  # what the caller knows better
    strategy: str  # where no column names it
    fills: Mapping[str, str] = field(default_factory=dict)  # columns that only fill in for others
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # theirs -> ours
    strict: bool = False  # a cell that cannot be read costs its row
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_ids(self) -> str | None:
        return self.own.column if self.own else None

    def target(self, name: str) -> Target:
        """Where a column goes; one that has come up since the plan was made has no place."""
        return self.targets.get(name) or rest(name)

    def theirs(self, ours: str) -> str:
        """The store's name of a column of runs."""
        names = (n for n, target in self.targets.items() if str(target) == ours)
        return next((name for name in names if name not in self.fills), ours)

    @property
    def roots(self) -> set[str]:
        return {target.root for target in self.targets.values() if not target.key}


def make(source: Source, survey: Survey, given: Given, known: Callable[[set[str]], bool]) -> Plan:
    """Decide what the caller did not; `known` tells whether the lake has any of some ids."""
    names = given.names
    plain = {theirs: ours for theirs, ours in names.items() if ours != "metrics"}
    for theirs in names.keys() - plain.keys() - survey.columns:
        raise UnknownName.near("column", theirs, survey.columns)
    places, fills = targets(survey.names, plain, source.dialect.names)
    own = _own_ids(places, plain, survey, known)
    for name, target in places.items():
        unused_id = target == Target("run_id") and name != (own and own.column)
        if unused_id or (target.root == REST and name in source.key):
            places[name] = Target(IMPORTED, name)
    return Plan(
        targets=places,
        decisions=decide(places, survey, given.units, source.dialect, fills),
        times={name: SCALES[unit] for name, unit in _time_units(places, survey).items()},
        own=own,
        columns=given.columns,
        strategy=source.strategy,
        fills=fills,
        values=_mapped_values(given.values, places),
        strict=given.strict,
        provenance={"store": source.kind, "table": source.table},
    )


def _tells(name: str, target: Target, survey: Survey) -> bool:
    """Whether a column says anything of what a run was or did."""
    own = target.root in ("params", "extra") or (target.root == REST and survey.numbers[name] > 0)
    return own or target.root in _TELLING


@dataclass(frozen=True, slots=True)
class Given:
    """What the caller decided: names, units and values of theirs, columns of ours."""

    names: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)  # "status.timeout": "failed"
    strict: bool = False


def _mapped_values(
    given: Mapping[str, str], places: Mapping[str, Target]
) -> dict[str, dict[str, str]]:
    """By column of theirs, which may be named by the column of ours that it becomes."""
    found: dict[str, dict[str, str]] = {}
    for theirs, ours in given.items():
        name, dot, value = theirs.partition(".")
        columns = [column for column, t in places.items() if name in (column, str(t), bare(column))]
        if not dot or not value:
            raise BadInput(f"--map-value {theirs}={ours}: write COLUMN.VALUE=OURS")
        if not columns:
            raise UnknownName.near("column", name, [*places])
        for column in columns:
            found.setdefault(column, {})[value] = ours
    return found


def landings(plan: Plan, survey: Survey, source: Source) -> list[Column]:
    """What becomes of every column of the store that holds anything."""
    found: list[Column] = []
    time_units = _time_units(plan.targets, survey)
    for name, target in plan.targets.items():
        numbers, others, how = survey.numbers[name], survey.others[name], ""
        if name in plan.fills:
            how = f"where {plan.fills[name]} is empty"
        elif name in plan.decisions:
            how = _unit_words(name, target.root, plan.decisions[name], survey)
        elif name in time_units:
            how = f"{time_units[name]} since 1970"
        elif name == plan.own_ids:
            how = "kept"
        elif name in source.key and plan.own_ids is None:
            how = "part of the run's id"
        if target.root == REST:
            if numbers:
                place = f"extra.{extra_name(target.key)}"
                found.append(Column(name, place, numbers, "not known"))
            if others:
                kept = Target(IMPORTED, target.key)
                found.append(Column(name, str(kept), others, "not known"))
        elif numbers + others:
            found.append(Column(name, str(target), numbers + others, how))
    return found


def warnings(plan: Plan, survey: Survey, source: Source) -> Iterator[str]:
    """What the user should look at."""
    for name, decision in plan.decisions.items():
        if decision.guessed:
            other = Unit.FRACTION if decision.unit is Unit.PERCENT else Unit.PERCENT
            yield (
                f"{name} is taken as a {decision.unit} by a guess ({decision.why}); "
                f"--unit {name}={other} says otherwise"
            )
    if not any(_tells(name, target, survey) for name, target in plan.targets.items()):
        yield (
            f"no column of {source.table} is a metric or a parameter: its rows become runs of "
            "which nothing is known. --table names another table, --map says what a column is"
        )
    if "created_at" not in plan.roots:
        yield "no column says when a run was made: it is the time of the import"
    if not source.key and plan.own_ids is None:
        yield f"{source.table} has no primary key: rows that are equal count as one run"


def _own_ids(
    places: Mapping[str, Target],
    given: Mapping[str, str],
    survey: Survey,
    known: Callable[[set[str]], bool],
) -> Own | None:
    """The column of ids. A few rows without one, or with one again, do not take it from all."""
    asked = "run_id" in given.values()
    for name in (name for name, target in places.items() if target == Target("run_id")):
        count, ids = survey.ids.get(name, (0, set()))
        if count and count >= _MOST_ROWS * survey.rows and len(ids) > count / 2:
            return Own(name, asked)
        if ids and known(ids):
            return Own(name, asked)
        if asked:
            raise BadInput(f"--map {name}=run_id: not every row has a value of its own there")
    return None


def _time_units(places: Mapping[str, Target], survey: Survey) -> dict[str, str]:
    """The unit of columns of numbers since 1970; one store writes all times alike."""
    numeric = [n for n, target in places.items() if target.root in _TIMES and survey.numbers[n]]
    found = {name: _time_unit(survey.values[name]) for name in numeric}
    known = {unit for unit in found.values() if unit}
    if len(known) == 1:
        (unit,) = known
        old = {name for name in numeric if not _may_be_dates(survey.values[name])}
        found |= {name: found[name] or unit for name in old}
    return {name: unit for name, unit in found.items() if unit}


def _time_unit(values: Floats) -> str | None:
    """The unit that puts most times of the column between 1990 and 2100."""
    fits = {u: int(((values * s >= FROM_US) & (values * s < UNTIL_US)).sum())
            for u, s in SCALES.items()}  # fmt: skip
    unit = max(fits, key=lambda unit: fits[unit])
    return unit if fits[unit] else None


def _may_be_dates(values: Floats) -> bool:
    """Numbers such as 20240131."""
    return bool(np.nanmin(values) > 19_000_000 and np.nanmax(values) < 21_000_000)


def _unit_words(name: str, ours: str, decision: Decision, survey: Survey) -> str:
    turned = ours in _LOSSES and (survey.values[name] > 0).any()
    sign = "; its sign is turned" if turned else ""
    return f"{decision.unit}: {decision.why}{sign}"
