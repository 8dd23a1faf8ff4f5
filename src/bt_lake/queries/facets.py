"""What can be filtered by, and how a metric is spread: for who looks at many runs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bt_lake.queries.filters import ALL, Filters
from bt_lake.queries.names import meant, metric, require
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import positive
from bt_lake.queries.text import sql
from bt_lake.warehouse.errors import UnknownName
from bt_lake.warehouse.quoting import identifier, literal
from bt_lake.warehouse.schema import FILTERS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TAG = "tag"
_ALL = (*FILTERS, TAG)
_MOST = 50
Counted = list[tuple[str | None, int]]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many runs have a metric within each of equal steps from `low` to `high`.

    The outermost half percent at each end is counted in the first and the last step; `lowest` and
    `highest` are the outermost values themselves. All are None where no run has the metric.
    """

    metric: str
    counts: list[int]
    low: float | None
    high: float | None
    lowest: float | None
    highest: float | None

    @property
    def runs(self) -> int:
        return sum(self.counts)


def facets(
    reader: Reader,
    labels: Sequence[str] = _ALL,
    *,
    most: int = _MOST,
    containing: str = "",
    filters: Filters = ALL,
) -> dict[str, Counted]:
    """The `most` frequent values of labels and of `tag`, each with its number of runs.

    With `containing` only of values that have this in them, in any case.

    The counts of a label follow all filters but those by the label itself, so that they say what
    choosing another value would bring.
    """
    for label in labels:
        if label not in _ALL:
            raise UnknownName.near("label", label, _ALL, f" There are {', '.join(_ALL)}.")
    positive("most", most)
    free = [label for label in labels if getattr(filters, label) is None]

    def question(connection: DuckDBPyConnection) -> dict[str, Counted]:
        def counted(filters: Filters, labels: Sequence[str]) -> dict[str, Counted]:
            return _counted(connection, filters, labels, most, containing)

        found = counted(filters, free) if free else {}
        for label in labels:
            if label not in found:
                others = replace(filters, **{label: None})
                found |= counted(others, [label])
        return {label: found[label] for label in labels}

    return reader.ask(question, user_sql=filters.user_sql)


def _counted(
    connection: DuckDBPyConnection,
    filters: Filters,
    labels: Sequence[str],
    most: int,
    containing: str,
) -> dict[str, Counted]:
    condition = filters.condition(connection)
    columns = ["tags" if label == TAG else identifier(label) for label in labels]
    # After the grouping: each value is looked at once.
    fits = "having contains(lower(value), lower($containing)) " if containing else ""
    counts = " union all ".join(
        f"(select {literal(label)}, {_value(label)} as value, count(*) as runs from picked "
        f"group by value {fits}order by runs desc, value limit $most)"
        for label in labels
    )
    text = sql("facets", columns=", ".join(columns), condition=condition.sql, counts=counts)
    values = {
        **condition.values,
        "most": most,
        **({"containing": containing} if containing else {}),
    }
    rows = connection.execute(text, values).fetchall()
    found: dict[str, Counted] = {label: [] for label in labels}
    for label, value, runs in rows:
        if label != TAG or value is not None:
            found[label].append((value, runs))
    return found


def _value(label: str) -> str:
    return "unnest(tags)" if label == TAG else identifier(label)


def histogram(
    reader: Reader, metric_name: str, *, bins: int = 40, filters: Filters = ALL
) -> Histogram:
    """How the runs that the filters match are spread over a metric."""
    positive("bins", bins)
    wanted = metric(meant(reader, metric_name))

    def question(connection: DuckDBPyConnection) -> list[tuple[Any, ...]]:
        require(connection, wanted)
        condition = filters.condition(connection)
        text = sql("histogram", metric=wanted.sql, condition=condition.sql)
        return connection.execute(text, {**condition.values, "bins": bins}).fetchall()

    rows = reader.ask(question, user_sql=filters.user_sql)
    counts = [0] * bins
    for step, runs, *_ in rows:
        counts[step] += runs
    ends = rows[0][2:] if rows else (None, None, None, None)
    return Histogram(wanted.name, counts, *ends)
