"""Parameters as columns: a frame to train on, a row for each run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.names import PARAM, pointer
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.quoting import literal, own

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
        leaves = list(_leaves(json.loads(found[0][0] or "{}")))
        wide = _wide(connection, query, [path for path, kind in leaves if kind == "bigint"])
        columns = [
            f"{_value(path, 'ubigint' if path in wide else kind)} as {_named(path, place)}"
            for place, (path, kind) in enumerate(leaves)
        ]
        text = f"select * exclude (params), {', '.join(columns)} from (\n{query.sql}\n)"
        return Query(text if columns else query.sql, query.values)

    return Answer(reader, plan, user_sql=runs.user_sql)


def _leaves(structure: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The path and type of each parameter, as DuckDB found them."""
    if isinstance(structure, dict):
        for name, part in structure.items():
            yield from _leaves(part, (*path, name))
    elif path:
        yield path, _TYPES.get(structure, "varchar") if isinstance(structure, str) else "varchar"


def _value(path: tuple[str, ...], kind: str) -> str:
    return f"try_cast((params ->> {literal(pointer(path))}) as {kind})"


def _named(path: tuple[str, ...], place: int) -> str:
    return own(PARAM + ".".join(path), place)


def _wide(
    connection: DuckDBPyConnection, query: Query, paths: list[tuple[str, ...]]
) -> set[tuple[str, ...]]:
    """Those of whole parameters that have a value only 64 bits without a sign hold."""
    if not paths:
        return set()
    tests = ", ".join(f"bool_or({_value(path, 'ubigint')} >= {2**63})" for path in paths)
    found = connection.execute(
        f"select {tests} from (\n{query.sql}\n)", dict(query.values) or None
    ).fetchall()[0]
    return {path for path, is_wide in zip(paths, found, strict=True) if is_wide}
