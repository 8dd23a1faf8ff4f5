"""A question in the user's own SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.guard import checked_select
from bt_lake.queries.reading import Reader

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def sql(reader: Reader, text: str, values: Mapping[str, Any] | None = None) -> Answer:
    """One SELECT over the lake's views and macros; `$name` in it stands for a value."""

    def plan(connection: DuckDBPyConnection) -> Query:
        return Query(checked_select(connection, text), values or {})

    return Answer(reader, plan, user_sql=True)
