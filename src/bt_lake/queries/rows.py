"""Which columns of `runs` a question gives, and what all questions about runs share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Plan, Query
from bt_lake.queries.filters import Filters
from bt_lake.queries.names import EXTRA, PARAM, metric, param, require
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.quoting import identifier, own
from bt_lake.warehouse.schema import HIDDEN, RUNS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def picked(
    connection: DuckDBPyConnection,
    columns: Sequence[str] | None,
    *,
    first: str | None = None,
    without: Sequence[str] = (),
    beside: Sequence[str] = (),
) -> dict[str, str]:
    """The SQL of each column by its name: columns of `runs`, parameters, metrics of one's own.

    All of `runs` but the hidden ones where none are named, led by `first` if it is not among them;
    `without` are given by other means. A metric of one's own that is called like a column `beside`
    these is told as `extra.NAME`.
    """
    usual = [name for name in RUNS.names if name not in HIDDEN]
    names = [name for name in columns or usual if name not in without]
    if columns is None and first is not None and first not in RUNS and first not in without:
        names.insert(0, first)
    require(connection, *(metric(name) for name in columns or () if name not in RUNS))
    return {name: _column(name, place, name in beside) for place, name in enumerate(names)}


def _column(name: str, place: int, taken: bool) -> str:
    if name in RUNS:
        return f"runs.{identifier(name)}"
    if name.startswith(PARAM):
        return f"{param(name.removeprefix(PARAM))} as {own(name, place)}"
    return f"{metric(name).sql} as {own(EXTRA + name if taken else name, place)}"


def heading(name: str, place: int) -> str:
    """What a column that groups runs is called; the name of a parameter is the user's own."""
    return own(name, place) if name.startswith(PARAM) else identifier(name)


def times_of(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(n for n in names if n in RUNS and RUNS[n].kind == "timestamp")


def count_of(view: str, filters: Filters) -> Plan:
    """How many rows of a view the filters match."""

    def plan(connection: DuckDBPyConnection) -> Query:
        condition = filters.condition(connection)
        return Query(f"select count(*) from {view} where {condition.sql}", condition.values, ())

    return plan


def positive(name: str, number: Any) -> int:
    if not isinstance(number, Integral) or number < 1:
        raise BadInput(f"{name} must be at least 1, not {number!r}")
    return int(number)
