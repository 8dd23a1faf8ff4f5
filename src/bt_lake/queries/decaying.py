"""Which runs decay: in sample and out of sample side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.filters import ALL, Filters
from bt_lake.queries.names import metric, require
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import positive
from bt_lake.queries.text import sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NONE = (
    "no configuration has a run in sample and one out of sample; "
    "`bt-lake run FUNCTION --folds 5 ...` makes such runs"
)


def decay(
    reader: Reader,
    metric_name: str = "sharpe_ratio",
    *,
    n: int | None = None,
    ascending: bool | None = None,
    filters: Filters = ALL,
) -> Answer:
    """A row for each configuration and fold that was run in sample and out of sample.

    What got worse most comes first; `ascending` True sorts by the change upwards, whatever is
    better.
    """
    wanted = metric(metric_name)
    limit = None if n is None else positive("n", n)
    upwards = not wanted.ascending if ascending is None else ascending

    def plan(connection: DuckDBPyConnection) -> Query:
        condition = filters.condition(connection)
        require(connection, wanted)
        text = sql(
            "decay",
            metric=wanted.sql,
            condition=condition.sql,
            direction="asc" if upwards else "desc",
        )
        return Query(text, {**condition.values, "n": limit}, ())

    def hint(connection: DuckDBPyConnection) -> str:
        return filters.hint(connection) or _NONE

    return Answer(reader, plan, user_sql=filters.user_sql, hint=hint)
