"""The best runs by one metric, of all or of each group."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from bt_lake.queries.answer import Answer, Plan, Query
from bt_lake.queries.filters import ALL, Condition, Filters
from bt_lake.queries.names import Metric, dimension, meant, metric, require
from bt_lake.queries.origins import mixed, unreported
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import count_of, heading, picked, positive, times_of
from bt_lake.queries.shelf import Places
from bt_lake.queries.text import sql
from bt_lake.warehouse.held import all_held
from bt_lake.warehouse.schema import RUNS

RANK = ("rank",)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def best(
    reader: Reader,
    metric_name: str,
    *,
    n: int | None = None,
    per: Sequence[str] = (),
    ascending: bool | None = None,
    columns: Sequence[str] | None = None,
    filters: Filters = ALL,
) -> Answer:
    """The n best runs (10; of each group: 1), what is better first, equal ones by id.

    Gives the names of `per`, `rank`, and `columns`: by default the metric where `runs` has no
    such column, and all of `runs`. `ascending` overrides what the metric's schema calls better;
    metrics of one's own and parameters are better when higher. `total()` counts every trial that
    the filters match, deleted and failed ones too.
    """
    metric_name = meant(reader, metric_name)
    plan = ranked(
        metric_name,
        n=n,
        per=per,
        ascending=ascending,
        columns=columns,
        filters=filters,
    )
    return Answer(
        reader,
        plan,
        user_sql=filters.user_sql,
        total=count_of("trials", filters),
        hint=partial(hint, metric(metric_name), filters),
        remark=partial(mixed, wanted=metric(metric_name), filters=filters),
    )


def hint(wanted: Metric, filters: Filters, connection: DuckDBPyConnection) -> str:
    """Why no run is ranked."""
    return filters.hint(connection) or unreported(connection, wanted, filters)


def ranked(
    metric_name: str,
    *,
    n: int | None,
    per: Sequence[str],
    ascending: bool | None,
    columns: Sequence[str] | None,
    filters: Filters,
) -> Plan:
    """The plan of `best`."""
    wanted = metric(metric_name)
    count = positive("n", n if n is not None else 1 if per else 10)
    upwards = wanted.ascending if ascending is None else ascending
    groups = {name: dimension(name) for name in per}

    def plan(connection: DuckDBPyConnection) -> Query:
        condition = filters.condition(connection)
        values = {**condition.values, "n": count}
        text = condition.sql
        names = picked(connection, columns, first=wanted.name, without=tuple(groups), beside=RANK)
        direction = "asc" if upwards else "desc"
        held = all_held(connection)
        query = Query(
            sql(
                _file(wanted, per, condition, held=held),
                nth_value=sql(
                    "nth_value",
                    key=wanted.sql,
                    last="max" if upwards else "min",
                    direction=direction,
                    condition=text,
                ),
                metric=wanted.sql,
                direction=direction,
                reaches="<=" if upwards else ">=",
                condition=text,
                columns=", ".join(names.values()),
                groups=", ".join(f"{e} as g{place}" for place, e in enumerate(groups.values())),
                labels=", ".join(f"g{place}" for place in range(len(groups))),
                names=", ".join(
                    f"ranked.g{place} as {heading(name, len(RUNS.names) + place)}"
                    for place, name in enumerate(groups)
                ),
            ),
            values,
            times=times_of(names),
            enough=1,
            otherwise=lambda connection: require(connection, wanted),
        )
        if per or not held:
            return query
        known, order = f"{text} and {wanted.sql} is not null", f"{wanted.sql} {direction}, run_id"
        return query.quicker(Places.of(names, known, order, values, n=True, ranked=True).rows)

    return plan


def _file(wanted: Metric, per: Sequence[str], condition: Condition, *, held: bool) -> str:
    if per:
        return "best_per_group"
    if held:
        return "best_held"
    return "best" if wanted.declared and not condition.costly else "best_expression"
