"""Runs in any order, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.filters import ALL, Condition, Filters
from bt_lake.queries.names import meant, metric, require, sort_keys
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import find
from bt_lake.queries.rows import count_of, picked, positive, times_of
from bt_lake.queries.shelf import Places
from bt_lake.queries.text import sql
from bt_lake.warehouse.held import all_held
from bt_lake.warehouse.quoting import path_list
from bt_lake.warehouse.schema import RUNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# When the last row group of a file began: files of maintenance have names of their own for ever.
_newest: dict[str, str | None] = {}


def listing(
    reader: Reader,
    *,
    sort: str = "created_at",
    ascending: bool = False,
    n: int | None = 20,
    after: str | None = None,
    columns: Sequence[str] | None = None,
    filters: Filters = ALL,
) -> Answer:
    """Runs by any column, metric or parameter: the largest first, NULL last, equal ones by id.

    Gives `columns`: by default `sort` where `runs` has no such column, and all of `runs`. `after`
    is the last run of the page before, by any unique part of its id; runs that came in meanwhile
    do not shift the pages. `n` None gives all runs. `total()` counts the runs the filters match.
    """
    sort = meant(reader, sort)
    order = _Order(sort, ascending)
    limit = {} if n is None else {"n": positive("n", n)}

    def plan(connection: DuckDBPyConnection) -> Query:
        condition = filters.condition(connection)
        if after is not None:
            condition = _and(condition, order.behind(connection, find(connection, after)))
        names = picked(connection, columns, first=sort)
        pieces = {"columns": ", ".join(names.values()), "condition": condition.sql}
        values = {**condition.values, **limit}

        def whole(connection: DuckDBPyConnection) -> Query:
            order.check(connection)
            text = sql("list_all" if n is None else "list", order=order.sql, **pieces)
            return Query(text, values, times_of(names))

        if all_held(connection):
            order.check(connection)
            text = sql("list_all" if n is None else "list_held", order=order.sql, **pieces)
            places = Places.of(names, condition.sql, order.sql, values, n=n is not None)
            return Query(text, values, times_of(names)).quicker(places.rows)
        near = _near(connection, order, condition, first_page=after is None)
        if n is None or near is None:
            return whole(connection)
        text = sql("list_near", near=near.sql, order=order.sql, **pieces)
        return Query(text, {**values, **near.values}, times_of(names), enough=n, otherwise=whole)

    return Answer(
        reader,
        plan,
        user_sql=filters.user_sql,
        total=count_of("runs", filters),
        hint=filters.hint,
        remark=_mixed(sort, filters),
    )


def _mixed(sort: str, filters: Filters) -> Callable[[DuckDBPyConnection], str] | None:
    """What tells computed values from reported ones, where a list is in the order of such."""
    if sort not in RUNS or RUNS[sort].group != "curve":
        return None
    from bt_lake.queries.origins import mixed

    return partial(mixed, wanted=metric(sort), filters=filters)


@dataclass(frozen=True, slots=True)
class _Order:
    name: str
    ascending: bool

    @property
    def keys(self) -> tuple[str, ...]:
        return sort_keys(self.name)

    @property
    def sql(self) -> str:
        direction = "asc" if self.ascending else "desc"
        keys = [f"{key} {direction} nulls last" for key in self.keys]
        return ", ".join([*keys, f"run_id {direction}"])

    def check(self, connection: DuckDBPyConnection) -> None:
        if self.name not in RUNS:
            require(connection, metric(self.name))

    def behind(self, connection: DuckDBPyConnection, run_id: str) -> Condition:
        """The runs that come after one of them."""
        # Times as text: DuckDB would need pytz to give them with their zone.
        is_time = self.name in RUNS and RUNS[self.name].kind == "timestamp"
        cast = "::varchar" if is_time else ""
        row = connection.execute(
            f"select {', '.join(key + cast for key in self.keys)} from trials where run_id = $id",
            {"id": run_id},
        ).fetchall()[0]
        past = "<" if not self.ascending else ">"
        values: dict[str, Any] = {"after": run_id}
        condition = f"run_id {past} $after"
        for place, (key, value) in reversed(list(enumerate(zip(self.keys, row, strict=True)))):
            if value is None:
                condition = f"({key} is null and {condition})"
                continue
            name = f"after{place}"
            values[name] = value
            bound = f"${name}::timestamptz" if is_time else f"${name}"
            condition = (
                f"({key} {past} {bound} or {key} is null or ({key} = {bound} and {condition}))"
            )
        return Condition(condition, values)


def _and(one: Condition, other: Condition) -> Condition:
    return Condition(
        f"{one.sql} and {other.sql}", {**one.values, **other.values}, one.costly or other.costly
    )


def _near(
    connection: DuckDBPyConnection, order: _Order, condition: Condition, *, first_page: bool
) -> Condition | None:
    """A value that few runs but those of the page reach, where it is found at small cost."""
    if order.name not in RUNS or condition.costly:
        return None
    key, reaches = order.keys[0], "<=" if order.ascending else ">="
    if order.name == "created_at" and not order.ascending and first_page:
        since = _newest_row_group(connection)
        if since is not None:
            return Condition(f"{key} >= $since::timestamptz", {"since": since})
    bound = sql(
        "nth_value",
        key=key,
        last="max" if order.ascending else "min",
        direction="asc" if order.ascending else "desc",
        condition=condition.sql,
    )
    return Condition(f"{key} {reaches} ({bound})")


def _newest_row_group(connection: DuckDBPyConnection) -> str | None:
    """A time that only the newest runs reach; any of them will do, the rows given are counted."""
    found = connection.execute(
        "select getvariable('lake') || '/' || arg_max(path, max_run_id) from lake_files "
        "where table_name = 'runs'"
    ).fetchall()
    path: str | None = found[0][0]
    if path is None:
        return None
    if path not in _newest:
        _newest.clear()
        text = sql("newest_row_group", files=path_list([path]))
        _newest[path] = connection.execute(text).fetchall()[0][0]
    return _newest[path]
