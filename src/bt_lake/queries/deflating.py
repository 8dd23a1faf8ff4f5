"""The best runs, judged: beside the luck of their families, or within a window of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.overfit.deflation import deflate
from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.families import Beside, Kin, Rows, beside, words
from bt_lake.queries.filters import ALL, Condition, Filters, Time
from bt_lake.queries.names import PARAM, dimension, meant, metric
from bt_lake.queries.origins import mixed
from bt_lake.queries.ranking import hint, ranked
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import count_of, heading, picked, times_of
from bt_lake.queries.shadowing import Shadow
from bt_lake.queries.standing import WHOLE, label_of
from bt_lake.queries.stepping import MOST_TRIALS, left_out, p_values
from bt_lake.queries.windows import Window
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import RUNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ADDED = ("p_luck", "dsr", "haircut_sharpe", "expected_max_sharpe")
Families = tuple[tuple[Kin, float | None], ...]


class Judged(Answer):
    """`families`: those of the rows shown, with the best annual Sharpe ratio to expect from luck
    alone in each; `left_out`: some are too large to have p-values beside a ranking."""

    families: Families = ()
    left_out: bool = False

    def note(self) -> str:
        large = f"p of over {MOST_TRIALS:,} trials with curves: bt-lake overfit"
        told = [_luck(self.families), large if self.left_out else "", super().note()]
        return " · ".join(filter(None, told))


def _luck(families: Families) -> str:
    known = [(kin, luck) for kin, luck in families if luck is not None]
    if not known:
        return ""
    lucks = sorted(luck for _, luck in known)
    span = f"{lucks[0]:.2f}" + (f" to {lucks[-1]:.2f}" if len(known) > 1 else "")
    where = f"{len(known):,} families" if len(known) > 1 else str(known[0][0])
    return f"dsr is against a sharpe of {span} by the spread of {where}"


def best(
    reader: Reader,
    metric_name: str,
    *,
    deflated: bool = False,
    family: str | None = None,
    start: Time = None,
    end: Time = None,
    n: int | None = None,
    per: Sequence[str] = (),
    ascending: bool | None = None,
    columns: Sequence[str] | None = None,
    filters: Filters = ALL,
) -> Judged:
    """`ranking.best` with two more things to ask.

    With `deflated`, each run stands beside the luck of its family: p_luck (the share of worthless
    searches like it that show one as good; NULL in families of over 2,000 trials with curves), dsr,
    haircut_sharpe (Bonferroni), expected_max_sharpe, after the metric. The family is what the
    filters select, of the same `per`; or, with `family`, all trials of the same strategy, sweep or
    symbol, or all there are, whatever the filters. With `start` or `end`, metrics are those of the
    equity within that window; the filters go by the whole runs. `columns` may name some of the
    four.
    """
    metric_name = meant(reader, metric_name)
    window = Window.of(start, end)
    if window is not None:
        _check_window(metric_name)
    asked = _Asked(metric_name, n, tuple(per), ascending, columns, filters, window)
    label = None if family is None else label_of(family)

    def plan(connection: DuckDBPyConnection) -> Query:
        if not deflated and family is None:
            return asked.alone(connection)
        query, answer.families, answer.left_out = asked.judged(connection, label)
        return query

    answer = Judged(
        reader,
        plan,
        user_sql=filters.user_sql,
        total=count_of("trials", filters),
        hint=partial(hint, metric(metric_name), filters),
        remark=partial(mixed, wanted=metric(metric_name), filters=filters),
    )
    return answer


@dataclass(frozen=True, slots=True)
class _Asked:
    """A ranking of the runs that filters select, or of what they did within a window."""

    metric: str
    n: int | None
    per: tuple[str, ...]
    ascending: bool | None
    columns: Sequence[str] | None
    filters: Filters
    window: Window | None

    def alone(self, connection: DuckDBPyConnection) -> Query:
        chosen = Rows.of(self.filters.condition(connection))
        return self._ranked(connection, self._shadow(connection, chosen, chosen), self.columns)

    def judged(
        self, connection: DuckDBPyConnection, kin: str | None
    ) -> tuple[Query, Families, bool]:
        """The ranking beside the luck of families, which share the label `kin`; without one they
        are what the filters select, of the same `per`."""
        condition = self.filters.condition(connection)
        chosen = Rows.of(condition)
        rows = chosen if kin is None else Rows.kin(condition, kin)
        shadow = self._shadow(connection, rows, chosen)
        rows = shadow.rows if shadow else rows
        narrow = self._ranked(connection, shadow, ["run_id"])
        run_ids, ranks = _picked(connection, narrow)
        if kin is not None and shadow is None:  # of all families those of the rows shown
            shown = Condition("run_id in (select unnest($shown::varchar[]))", {"shown": run_ids})
            rows = Rows.kin(shown, kin)
        label = kin or _groups(self.per)
        name = words(self.filters, self.window) if kin is None else None
        found = beside(connection, rows, label, run_ids, name)
        p = p_values(connection, rows, label, found, self.window)
        judged, families = _judged(found, run_ids)
        own: dict[str, list[Any]] = {"run_id": run_ids, "rank": ranks}
        values = own | {"p_luck": [*map(p.get, run_ids)]} | judged
        wide = _wide(connection, self.metric, self.per, self.columns, values, narrow)
        return shadow.over(wide) if shadow else wide, families, left_out(found)

    def _shadow(self, connection: DuckDBPyConnection, rows: Rows, chosen: Rows) -> Shadow | None:
        return Shadow.of(connection, rows, self.window, chosen) if self.window else None

    def _ranked(
        self, connection: DuckDBPyConnection, shadow: Shadow | None, columns: Sequence[str] | None
    ) -> Query:
        query = ranked(
            self.metric,
            n=self.n,
            per=self.per,
            ascending=self.ascending,
            columns=columns,
            filters=ALL if shadow else self.filters,
        )(connection)
        return shadow.over(query) if shadow else query


def _check_window(name: str) -> None:
    if name.startswith(PARAM) or (name in RUNS and RUNS[name].group != "trade"):
        return
    raise BadInput(
        f"{name} does not follow from the equity curve, which is all that is known of a window "
        "of time. Rank by a metric such as sharpe_ratio, or leave the window out."
    )


def _groups(per: Sequence[str]) -> str:
    """SQL for the label of the groups that each have a best run."""
    parts = ", ".join(f"g{place} := {dimension(name)}" for place, name in enumerate(per))
    return f"struct_pack({parts})" if parts else WHOLE


def _picked(connection: DuckDBPyConnection, narrow: Query) -> tuple[list[str], list[int]]:
    cursor = narrow.cursor(connection)
    names = [column[0] for column in cursor.description]
    rows = cursor.fetchall()
    return [row[names.index("run_id")] for row in rows], [row[names.index("rank")] for row in rows]


def _judged(
    found: dict[str, Beside], run_ids: Sequence[str]
) -> tuple[dict[str, list[Any]], Families]:
    """What stands beside the columns of each run, and the families in which they stand."""
    rows = [found[run_id] for run_id in run_ids]

    def column(name: str) -> Any:
        return np.array([getattr(row, name) for row in rows], np.float64)

    judged = deflate(
        column("sharpe"),
        column("n_returns"),
        column("skew"),
        column("kurtosis"),
        periods_per_year=column("periods_per_year"),
        trials=np.array([row.kin.trials for row in rows], np.float64),
        deviation=np.array([row.kin.deviation for row in rows], np.float64),
    )
    plain = {name: getattr(judged, name).tolist() for name in ADDED[1:]}
    values = {n: [None if v != v else v for v in each] for n, each in plain.items()}
    families: dict[str, tuple[Kin, float | None]] = {}
    for row, luck in zip(rows, values["expected_max_sharpe"], strict=True):
        if families.get(row.kin.name, (None, None))[1] is None:
            families[row.kin.name] = row.kin, luck
    return values, tuple(families.values())


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
    names = picked(
        connection, wanted, first=metric_name, without=tuple(per), beside=("rank", *ADDED)
    )
    first = [names[metric_name]] if metric_name in names else []
    rest = [sql for name, sql in names.items() if name != metric_name]
    asked = [name for name in columns or () if name in ADDED] or ADDED
    groups = [
        f"{dimension(name)} as {heading(name, len(RUNS.names) + place)}"
        for place, name in enumerate(per)
    ]
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
