"""What the best of the trials that some filters select is worth: from the lake to the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bt_lake.overfit.benchmark import Benchmark, above
from bt_lake.overfit.decay import Decay, decay, pair
from bt_lake.overfit.family import Family
from bt_lake.overfit.report import check_settings
from bt_lake.overfit.report import overfit as judge
from bt_lake.overfit.results import OverfitReport
from bt_lake.queries.benchmarks import Given, benchmark_of
from bt_lake.queries.families import Rows, words
from bt_lake.queries.filters import ALL, Condition, Filters, Time
from bt_lake.queries.names import dimension, metric
from bt_lake.queries.origins import mixed
from bt_lake.queries.reading import Reader
from bt_lake.queries.shadowing import Shadow
from bt_lake.queries.trials import DECAYING, Sampled, family_of, grid_of, sampled
from bt_lake.queries.windows import Window
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import RUNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Found = tuple[Family, dict[str, Decay]]


def overfit(
    reader: Reader,
    *,
    splits: int = 16,
    bootstraps: int = 5000,
    block: float | None = None,
    seed: int = 0,
    start: Time = None,
    end: Time = None,
    benchmark: Given | None = None,
    peeking: bool = False,
    more: bool = False,
    filters: Filters = ALL,
) -> OverfitReport:
    """Judge the best of the trials that the filters select, deleted and failed ones counted.

    With `start` or `end` everything rests on the equity within that window alone; with a
    `benchmark` on what is gained above it. `more` adds statistics that are no part of the verdict.
    """
    check_settings(splits, bootstraps, block)
    window = Window.of(start, end)

    def question(connection: DuckDBPyConnection) -> Found:
        return _gather(connection, filters, window, base)

    # Asked first: a question with a user's SQL in it opens no file of his.
    base = None
    if benchmark is not None:
        base = reader.ask(lambda connection: benchmark_of(connection, benchmark))
    family, held = reader.ask(question, user_sql=filters.user_sql)
    folds = reader.ask(partial(_folds, filters), user_sql=filters.user_sql) if more else None
    report = judge(
        family,
        splits=splits,
        bootstraps=bootstraps,
        block=block,
        seed=seed,
        peeking=peeking,
        benchmark=base.name if base else None,
        folds=folds,
    )
    return replace(report, decay=held)


def _folds(filters: Filters, connection: DuckDBPyConnection) -> list[int]:
    """When the folds begin, out of sample, in microseconds."""
    condition = filters.condition(connection)
    rows = connection.execute(
        "select epoch_us(min(start_at)) from trials "
        "where fold is not null and start_at is not null "
        f"and coalesce(\"sample\", 'out') = 'out' and ({condition.sql}) group by fold order by 1",
        dict(condition.values) or None,
    ).fetchall()
    return [row[0] for row in rows]


def family(reader: Reader, filters: Filters = ALL) -> Family:
    """The trials that the filters select, as `overfit` judges them."""

    def question(connection: DuckDBPyConnection) -> Family:
        return _gather(connection, filters, None, None)[0]

    return reader.ask(question, user_sql=filters.user_sql)


def overfit_per(
    reader: Reader, per: Sequence[str], *, filters: Filters = ALL, **options: Any
) -> dict[tuple[str | None, ...], OverfitReport]:
    """A report for each group of the trials that the filters select, by what they are grouped."""
    if not per:
        raise BadInput("per needs something to group by, such as symbol")
    groups = [dimension(name) for name in per]

    def found(connection: DuckDBPyConnection) -> list[tuple[str | None, ...]]:
        condition = filters.condition(connection)
        return connection.execute(
            f"select distinct {', '.join(f'({g})::varchar' for g in groups)} from trials "
            f"where {condition.sql} order by all",
            dict(condition.values) or None,
        ).fetchall()

    reports = {}
    for values in reader.ask(found, user_sql=filters.user_sql):
        same = [f"({g})::varchar is not distinct from $part{n}" for n, g in enumerate(groups)]
        part = Condition(
            " and ".join(same), {f"part{n}": value for n, value in enumerate(values)}, costly=True
        )
        given = {each.name: getattr(filters, each.name) for each in fields(Filters)}
        report = overfit(reader, filters=_Part(**given, part=part), **options)
        told = " ".join("none" if value is None else value for value in values)
        name = told if report.family == "all runs" else f"{report.family} {told}"
        reports[values] = replace(report, family=name)
    return reports


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part(Filters):
    """Some filters, and one group of what they select."""

    part: Condition

    def condition(self, connection: DuckDBPyConnection) -> Condition:
        return Filters.condition(self, connection) & self.part


def _gather(
    connection: DuckDBPyConnection,
    filters: Filters,
    window: Window | None,
    benchmark: Benchmark | None,
) -> Found:
    rows = Rows.of(filters.condition(connection))
    if window is not None:
        rows = Shadow.of(connection, rows, window).rows
    family, trials = family_of(connection, rows, window, words(filters, window))
    if not trials.gathered.runs and (hint := filters.hint(connection)):
        family = replace(family, notes=(*family.notes, hint))
    if told := mixed(connection, metric("sharpe_ratio"), filters):
        family = replace(family, notes=(*family.notes, f"sharpe ratios: {told}"))
    if benchmark is not None:
        family = above(family, benchmark)
    winner = family.best()
    if winner is not None:
        family = replace(family, params=grid_of(connection, rows, trials, winner))
    return family, _decay(sampled(connection, rows))


def _decay(runs: Sampled) -> dict[str, Decay]:
    """How the metrics of the best known pairs held up; of a window those that curves tell."""
    inside, outside = pair(runs.keys, runs.samples)
    folds = [runs.folds[place] for place in inside]
    found = {}
    for name in DECAYING:
        values = runs.metric(name)
        better = RUNS[name].better == "higher"
        found[name] = decay(values[inside], values[outside], folds, higher_is_better=better)
    return {name: held for name, held in found.items() if held is not None}
