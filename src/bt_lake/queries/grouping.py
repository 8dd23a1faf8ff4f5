"""One metric over groups of runs: how many, how good, how widely spread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.filters import ALL, Condition, Filters
from bt_lake.queries.names import PARAM, PERIODS, dimension, meant, metric, number, require
from bt_lake.queries.origins import mixed
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import heading
from bt_lake.queries.text import sql
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.surface import tries

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

QUARTILES = (0.25, 0.75)
LUCK = ("trials", "expected_max_sharpe", "dsr")


def aggregate(
    reader: Reader,
    *,
    by: str | Sequence[str],
    metric_name: str = "sharpe_ratio",
    quantiles: Sequence[float] = QUARTILES,
    above: float | None = None,
    deflate: bool = False,
    filters: Filters = ALL,
) -> Answer:
    """A row for each group: names of `by`, runs, failed, n (runs that have the metric), mean,
    median, std, min, max, a column q25 for each quantile, and, given `above`, share_above.

    `deflate` adds trials (deleted ones too), expected_max_sharpe (the best annual Sharpe ratio
    that luck alone would bring among them) and dsr, of the group's best run.

    `by` are labels, parameters as `param.fast`, and day, week, month or year of the run. Periods
    are in order of time, other groups by the median, what is better first.
    """
    names = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    if not names:
        raise BadInput("aggregate needs something to group by, such as strategy")
    expressions = [dimension(name) for name in names]
    wanted = metric(meant(reader, metric_name))
    fractions = [0.5, *dict.fromkeys(_fraction(quantile) for quantile in quantiles)]

    def plan(connection: DuckDBPyConnection) -> Query:
        condition = filters.condition(connection)
        groups = [f"g{place}" for place in range(len(names))]
        text = sql(
            "aggregate",
            names=", ".join(
                f"{g} as {heading(name, place)}"
                for place, (g, name) in enumerate(zip(groups, names, strict=True))
            ),
            groups=", ".join(groups),
            expressions=", ".join(f"{e} as {g}" for e, g in zip(expressions, groups, strict=True)),
            metric=wanted.sql,
            fractions=str(fractions),
            quantiles="".join(
                f", q[{place}] as {_quantile_name(fraction)}"
                for place, fraction in enumerate(fractions[1:], start=2)
            ),
            share="" if above is None else ", share_above",
            luck="".join(f", {name}" for name in LUCK) if deflate else "",
            families=_families(expressions, groups, condition) if deflate else "",
            condition=condition.sql,
            order=_order(names, groups, "asc" if wanted.ascending else "desc"),
        )
        if not wanted.declared:
            require(connection, wanted)
        own = [metric(name) for name in names if name.startswith(PARAM)]
        if own and connection.execute("select 1 from trials limit 1").fetchall():
            require(connection, *own)
        return Query(text, {**condition.values, "above": above}, ())

    return Answer(
        reader,
        plan,
        user_sql=filters.user_sql,
        hint=filters.hint,
        remark=partial(mixed, wanted=wanted, filters=filters),
    )


def _families(expressions: Sequence[str], groups: Sequence[str], condition: Condition) -> str:
    """What the best live trial of each group is worth beside the luck of so many."""
    label = _struct(expressions)
    text = sql("aggregate_luck", tries=tries(f"(from trials where {condition.sql})", label))
    return f"left join (\n{text}) as families on {_struct(groups)} is not distinct from label"


def _struct(values: Sequence[str]) -> str:
    return f"struct_pack({', '.join(f'g{n} := {value}' for n, value in enumerate(values))})"


def _order(names: Sequence[str], groups: Sequence[str], direction: str) -> str:
    keys = []
    for name, group in zip(names, groups, strict=True):
        if name.startswith(PARAM):
            keys.append(f"{number(group)} nulls last")
        keys.append(f"{group} nulls last")
    if names[0] in PERIODS:
        return ", ".join(keys)
    return ", ".join([f"median {direction} nulls last", *keys])


def _quantile_name(fraction: float) -> str:
    """q25; q2_5 for 2.5 %."""
    return identifier("q" + f"{100 * fraction:g}".replace(".", "_"))


def _fraction(quantile: float) -> float:
    if not 0 <= quantile <= 1:
        raise BadInput(f"a quantile lies between 0 and 1, not {quantile}")
    return float(quantile)
