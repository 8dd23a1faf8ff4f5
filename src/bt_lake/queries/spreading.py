"""Parameters as columns: a frame to train on, a row for each run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.names import PARAM, at
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.params import EXACT_INTEGERS
from bt_lake.warehouse.quoting import own

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TYPES = {"UBIGINT": "bigint", "BIGINT": "bigint", "DOUBLE": "double", "BOOLEAN": "boolean"}
_NUMBERS = {"bigint", "double"}
Path = tuple[str, ...]


class _Column(NamedTuple):
    """A name such as `stop.atr`, the places in the parameters that are called so, and a type."""

    name: str
    paths: list[Path]
    kind: str

    @property
    def text(self) -> str:
        return at(self.paths)


def spread(reader: Reader, runs: Answer) -> Answer:
    """The same rows with `params` spread into a column for each, named as in `param.fast`.

    Numbers stay numbers where every run has one, and none would become another as a float; a run
    without the parameter has NULL.
    """

    def plan(connection: DuckDBPyConnection) -> Query:
        query = runs.whole(connection)
        found = _ask(connection, query, "json_group_structure(params::json)")[0]
        columns = _exact(connection, query, _columns(json.loads(found or "{}")))
        _refuse_two(connection, query, columns)
        shown = [
            f"try_cast({column.text} as {column.kind}) as {own(PARAM + column.name, place)}"
            for place, column in enumerate(columns)
        ]
        text = f"select * exclude (params), {', '.join(shown)} from (\n{query.sql}\n)"
        return Query(text if shown else query.sql, query.values)

    return Answer(reader, plan, user_sql=runs.user_sql)


def _columns(structure: Any) -> list[_Column]:
    """Each parameter by its name, of which several may be: `a.b`, and b in a."""
    found: dict[str, dict[Path, str]] = {}
    for path, kind in _leaves(structure):
        found.setdefault(".".join(path), {})[path] = kind
    return [
        _Column(name, sorted(kinds, key=_order), _common(set(kinds.values())))
        for name, kinds in found.items()
    ]


def _leaves(structure: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The path and type of each parameter, as DuckDB found them."""
    if isinstance(structure, dict):
        for name, part in structure.items():
            yield from _leaves(part, (*path, name))
    elif path:
        yield path, _TYPES.get(structure, "varchar") if isinstance(structure, str) else "varchar"


def _order(path: Path) -> tuple[int, ...]:
    """As `param.NAME` looks for it: first where the last names are the longest."""
    return tuple(-key.count(".") for key in reversed(path))


def _common(kinds: set[str]) -> str:
    return kinds.pop() if len(kinds) == 1 else "double" if kinds == _NUMBERS else "varchar"


def _exact(connection: DuckDBPyConnection, query: Query, columns: list[_Column]) -> list[_Column]:
    """The same in types that hold each value: 64 bits without a sign, or else texts."""
    tests = {
        "bigint": f"try_cast({{}} as ubigint) >= {2**63}",
        "double": "regexp_full_match({0}, '-?[0-9]+') and "
        f"abs(coalesce(try_cast({{0}} as hugeint), {2**63})) > {EXACT_INTEGERS}",
    }
    better = {"bigint": "ubigint", "double": "varchar"}
    doubtful = [column for column in columns if column.kind in tests]
    if not doubtful:
        return columns
    asked = [f"bool_or({tests[column.kind].format(column.text)})" for column in doubtful]
    told = zip(doubtful, _ask(connection, query, *asked), strict=True)
    too_small = {column.name for column, is_so in told if is_so}
    return [c._replace(kind=better[c.kind]) if c.name in too_small else c for c in columns]


def _refuse_two(connection: DuckDBPyConnection, query: Query, columns: list[_Column]) -> None:
    """One column cannot hold what one run has at two places."""
    doubtful = [column for column in columns if len(column.paths) > 1]
    if not doubtful:
        return
    asked = []
    for column in doubtful:
        places = " + ".join(f"({at([path])} is not null)::int" for path in column.paths)
        asked.append(f"bool_or({places} > 1)")
    for column, is_so in zip(doubtful, _ask(connection, query, *asked), strict=True):
        if is_so:
            raise BadInput(
                f"a run has the parameter {column.name} twice, by that name and nested, which one "
                f"column {PARAM}{column.name} cannot hold: take `params` as it is"
            )


def _ask(connection: DuckDBPyConnection, query: Query, *wanted: str) -> tuple[Any, ...]:
    found = connection.execute(
        f"select {', '.join(wanted)} from (\n{query.sql}\n)", dict(query.values) or None
    ).fetchall()
    row: tuple[Any, ...] = found[0]
    return row
