"""The best runs, judged: beside the luck of their families, or within a window of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.overfit.deflation import deflate
from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.filters import ALL, Condition, Filters, Time
from bt_lake.queries.names import PARAM, dimension
from bt_lake.queries.ranking import ranked
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import count_of, picked, times_of
from bt_lake.queries.shadowing import WINDOWED, Shadow
from bt_lake.queries.windows import Window
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.quoting import identifier, literal
from bt_lake.warehouse.schema import RUNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FAMILIES = ("strategy", "sweep", "symbol", "all")
ADDED = ("dsr", "haircut_sharpe", "expected_max_sharpe")
_MOMENTS = ("sharpe_period", "n_returns", "skew", "kurtosis", "sharpe_ratio", "periods_per_year")
_KNOWN = ("run_id", "strategy", "sweep", "symbol", *_MOMENTS)


class Judged(Answer):
    """`luck`: the best annual Sharpe ratios to expect from luck alone in the families shown."""

    luck: tuple[float, ...] = ()

    def note(self) -> str:
        if not self.luck:
            return super().note()
        least, most = self.luck[0], self.luck[-1]
        span = f"{least:.2f}" + (f" to {most:.2f}" if f"{least:.2f}" != f"{most:.2f}" else "")
        return f"best sharpe expected from luck alone: {span}"


def best(
    reader: Reader,
    metric_name: str,
    *,
    family: str | None = None,
    start: Time = None,
    end: Time = None,
    n: int | None = None,
    per: Sequence[str] = (),
    min_trades: int | None = None,
    ascending: bool | None = None,
    columns: Sequence[str] | None = None,
    filters: Filters = ALL,
) -> Judged:
    """`ranking.best` with two more things to ask.

    With `family`, each run stands beside all trials of its strategy, sweep or symbol, or all
    there are: dsr, haircut_sharpe (Bonferroni), expected_max_sharpe, after the metric. With
    `start` or `end`, metrics are those of the equity within that window; the filters and
    `min_trades` go by the whole runs. `columns` may name some of the three.
    """
    if family is not None and family not in FAMILIES:
        raise UnknownName.near("family", family, FAMILIES, f" There are {', '.join(FAMILIES)}.")
    window = Window.of(start, end)
    if window is not None:
        _check_window(metric_name)
    whole = (
        Condition()
        if min_trades is None
        else Condition("total_trades >= $window_trades", {"window_trades": min_trades})
    )

    def plan(connection: DuckDBPyConnection) -> Query:
        shadow = None
        if window is not None:
            chosen = filters.condition(connection) & whole
            shadow = Shadow.of(connection, chosen, window, _label(family))

        def ask(columns: Sequence[str] | None) -> Query:
            query = ranked(
                metric_name,
                n=n,
                per=per,
                min_trades=None if shadow else min_trades,
                ascending=ascending,
                columns=columns,
                filters=ALL if shadow else filters,
            )(connection)
            return shadow.over(query) if shadow else query

        if family is None:
            return ask(columns)
        families = _families(connection, family, WINDOWED if shadow else "trials")
        narrow = ask(_KNOWN)
        values = _judged(connection, narrow, families, family)
        answer.luck = tuple(sorted({luck for luck in values["expected_max_sharpe"] if luck}))
        wide = _wide(connection, metric_name, per, columns, values, narrow)
        return shadow.over(wide) if shadow else wide

    answer = Judged(
        reader,
        plan,
        user_sql=filters.user_sql,
        total=count_of("trials", filters),
        hint=filters.hint,
    )
    return answer


def _check_window(name: str) -> None:
    if name.startswith(PARAM) or (name in RUNS and RUNS[name].group != "trade"):
        return
    raise BadInput(
        f"{name} does not follow from the equity curve, which is all that is known of a window "
        "of time. Rank by a metric such as sharpe_ratio, or leave the window out."
    )


def _label(family: str | None) -> str:
    return f"lake_family({literal(family)}, strategy, sweep, symbol)" if family else ""


def _families(
    connection: DuckDBPyConnection, family: str, source: str
) -> dict[str, tuple[int, float, float | None]]:
    """Trials, usual periods of a year and deviation of annual Sharpe ratios, by label."""
    rows = connection.execute(
        "select label, trials, usual_periods, deviation "
        f"from lake_families({literal(family)}, source := {literal(source)})"
    ).fetchall()
    return {row[0]: row[1:] for row in rows}


def _judged(
    connection: DuckDBPyConnection,
    narrow: Query,
    families: dict[str, tuple[int, float, float | None]],
    family: str,
) -> dict[str, list[Any]]:
    """The ids of the picked runs, their ranks, and what stands beside their columns."""
    cursor = narrow.cursor(connection)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    own = [families["" if family == "all" else row[family] or ""] for row in rows]
    trials, usual, deviation = (
        np.array([figures[place] for figures in own], np.float64) for place in range(3)
    )
    numbers = {name: np.array([row[name] for row in rows], np.float64) for name in _MOMENTS}
    periods = numbers["periods_per_year"]
    periods = np.where(periods > 0, periods, usual)
    ratio, annual = numbers["sharpe_period"], numbers["sharpe_ratio"]
    found = deflate(
        np.where(np.isnan(ratio), annual / np.sqrt(periods), ratio),
        numbers["n_returns"],
        numbers["skew"],
        numbers["kurtosis"],
        periods_per_year=periods,
        trials=trials,
        deviation=deviation,
    )
    plain = {name: getattr(found, name).tolist() for name in ADDED}
    return {
        "run_id": [row["run_id"] for row in rows],
        "rank": [row["rank"] for row in rows],
        **{n: [None if v != v else v for v in values] for n, values in plain.items()},
    }


def _wide(
    connection: DuckDBPyConnection,
    metric_name: str,
    per: Sequence[str],
    columns: Sequence[str] | None,
    values: dict[str, list[Any]],
    narrow: Query,
) -> Query:
    """The columns asked for, of the runs picked; what was computed stands after the metric."""
    wanted = [name for name in columns if name not in ADDED] if columns is not None else None
    names = picked(connection, wanted, first=metric_name, without=tuple(per))
    first = [names[metric_name]] if metric_name in names else []
    rest = [sql for name, sql in names.items() if name != metric_name]
    asked = [name for name in columns or () if name in ADDED] or ADDED
    groups = [f"{dimension(name)} as {identifier(name)}" for name in per]
    added = [f"judged.{name}" for name in asked]
    kinds = {"run_id": "varchar", "rank": "bigint"}
    lists = ", ".join(
        f'unnest($judged_{name}::{kinds.get(name, "double")}[]) as "{name}"' for name in values
    )
    return Query(
        f"select {', '.join([*groups, 'judged.rank', *first, *added, *rest])}\n"
        f"from runs join (select {lists}, generate_subscripts($judged_run_id, 1) as place) "
        "as judged using (run_id)\norder by place",
        {f"judged_{name}": found for name, found in values.items()},
        times=times_of(names),
        enough=narrow.enough,
        otherwise=narrow.otherwise,
    )
