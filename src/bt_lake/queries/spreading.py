"""Parameters as columns: a frame to train on, a row for each run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.names import PARAM
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.quoting import identifier, literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TYPES = {"UBIGINT": "bigint", "BIGINT": "bigint", "DOUBLE": "double", "BOOLEAN": "boolean"}


def spread(reader: Reader, runs: Answer) -> Answer:
    """The same rows with `params` spread into a column for each, named as in `param.fast`.

    Numbers stay numbers where every run has one; a run without the parameter has NULL.
    """

    def plan(connection: DuckDBPyConnection) -> Query:
        query = runs.whole(connection)
        found = connection.execute(
            f"select json_group_structure(params::json) from (\n{query.sql}\n)",
            dict(query.values) or None,
        ).fetchall()
        structure = found[0][0]
        columns = [
            f"p.{'.'.join(map(identifier, path))}{cast} as {identifier(PARAM + '.'.join(path))}"
            for path, cast in _leaves(json.loads(structure) if structure else None)
        ]
        text = (
            f"select * exclude (params, p){''.join(', ' + column for column in columns)} "
            f"from (select *, json_transform(params, {literal(structure or '{}')}) as p "
            f"from (\n{query.sql}\n))"
        )
        return Query(text if columns else query.sql, query.values)

    return Answer(reader, plan, user_sql=runs.user_sql)


def _leaves(structure: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Paths of the parameters, with the cast to what a frame can hold."""
    if isinstance(structure, dict):
        for name, part in structure.items():
            yield from _leaves(part, (*path, name))
    elif path:
        kind = _TYPES.get(structure) if isinstance(structure, str) else None
        yield path, f"::{kind}" if kind else "::varchar"
