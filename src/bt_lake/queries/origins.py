"""Where the numbers of an answer come from: the lake's own definition, or what sources report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_lake.queries.filters import Filters
from bt_lake.queries.names import REPORTED, Metric
from bt_lake.warehouse.quoting import literal
from bt_lake.warehouse.schema import RUNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def unreported(connection: DuckDBPyConnection, wanted: Metric, filters: Filters) -> str:
    """Why no run has a metric, where sources report one of that name."""
    if not wanted.declared:
        return ""
    condition = filters.condition(connection)
    found = connection.execute(
        f"select count(*) from runs where ({condition.sql}) "
        f"and reported[{literal(wanted.name)}] is not null",
        dict(condition.values) or None,
    ).fetchall()
    count = found[0][0]
    if not count:
        return ""
    runs = "1 run reports" if count == 1 else f"{count:,} runs report"
    return (
        f"no run has a {wanted.name} by the lake's definition; {runs} one by that of their engine: "
        f"{REPORTED}{wanted.name}"
    )


def mixed(connection: DuckDBPyConnection, wanted: Metric, filters: Filters) -> str:
    """How many of the values that a question rests on are computed, and how many as reported."""
    if not wanted.declared or RUNS[wanted.name].group != "curve":
        return ""
    condition = filters.condition(connection)
    found = connection.execute(
        f"select {', '.join(of_origins('*'))} "
        f"from runs where ({condition.sql}) and {wanted.sql} is not null",
        dict(condition.values) or None,
    ).fetchall()
    return mixed_words(wanted, *found[0])


def of_origins(value: str) -> tuple[str, str]:
    """SQL for how many values are computed, and how many are as reported."""
    kinds = ("curve", "reported")
    computed, reported = (f"count({value}) filter (metrics_from = '{kind}')" for kind in kinds)
    return computed, reported


def mixed_words(wanted: Metric, computed: int, reported: int) -> str:
    if not (wanted.declared and RUNS[wanted.name].group == "curve" and computed and reported):
        return ""
    return f"{computed:,} computed from curves, {reported:,} as their sources report"
