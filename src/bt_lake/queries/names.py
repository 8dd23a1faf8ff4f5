"""Names a user gives: metrics, parameters, columns to sort by, dimensions to group by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.quoting import identifier, literal
from bt_lake.warehouse.schema import RUNS, TITLES, metrics
from bt_lake.warehouse.values import MOST_PARTS, NUMBER

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.queries.reading import Reader

PARAM = "param."
REPORTED = "reported."
EXTRA = "extra."
PERIODS = ("day", "week", "month", "year")
DIMENSIONS = tuple(c.name for c in RUNS.columns if c.kind == "string")
_SORTABLE = ("string", "double", "int64", "timestamp")
_SHOWN = 3
_BY_HEADING = {
    heading: column.name
    for column in metrics()
    for heading in (TITLES.get(column.name), column.name.replace("_", " "))
    if heading and heading not in RUNS
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A number of each run. `sql` is an expression over the columns of `runs`.

    A metric that is not `declared` by the schema is one of the user's own, if any run has it.
    """

    name: str
    sql: str
    better: Literal["higher", "lower", ""]
    declared: bool

    @property
    def ascending(self) -> bool:
        return self.better == "lower"


def meant(reader: Reader, name: str) -> str:
    """The metric that a heading of a table stands for, such as `sharpe` or `max dd`.

    A metric of the user's own that is called so comes first.
    """
    column = _BY_HEADING.get(name)
    return name if column is None or name in reader.ask(own_metrics) else column


def metric(name: str) -> Metric:
    """A column of `runs`, a parameter as `param.fast`, what the source reported as
    `reported.sharpe_ratio`, or a metric of the user's own."""
    if name.startswith(PARAM):
        return Metric(name, number(param(name.removeprefix(PARAM))), "", False)
    if name.startswith(REPORTED):
        theirs = name.removeprefix(REPORTED)
        better = RUNS[theirs].better if theirs in RUNS else ""
        return Metric(name, f"reported[{literal(theirs)}]", better, False)
    if name.startswith(EXTRA):
        return Metric(name, f"extra[{literal(name.removeprefix(EXTRA))}]", "", False)
    if name not in RUNS:
        return Metric(name, f"extra[{literal(name)}]", "", False)
    column = RUNS[name]
    if not column.is_number:
        raise BadInput(f"'{name}' is not a number. {_where_they_are()}")
    return Metric(name, identifier(name), column.better, True)


def param(name: str, take: str = "->>") -> str:
    """The text of a parameter, or by `->` its JSON; a dot leads into a nested one, unless a name
    has the dot itself."""
    return at(_paths(name), take)


def at(paths: Sequence[Sequence[str]], take: str = "->>") -> str:
    """What is at the first of these places in the parameters, all of them found in one reading."""
    pointers = [literal(pointer(path)) for path in paths]
    if len(pointers) == 1:
        return f"(params {take} {pointers[0]})"
    return f"list_any_value(params {take} [{', '.join(pointers)}])"


def _paths(name: str) -> list[list[str]]:
    """Where a name with dots may lead: `a.b` to a parameter of that name, or to b in a; first to
    the longest names. Of many parts only to such a name, or all the way in."""
    parts = name.split(".")
    if len(parts) > MOST_PARTS:
        return [[name], parts]
    paths = [[parts[0]]]
    for part in parts[1:]:
        paths = [[*p[:-1], f"{p[-1]}.{part}"] for p in paths] + [[*p, part] for p in paths]
    return paths


def number(text: str) -> str:
    """The number that a parameter's text is, by the grammar of values; NULL for other texts."""
    found = f"try_cast(regexp_extract({text}, {literal(NUMBER)}) as double)"
    return f"case when isfinite({found}) then {found} end"


def same_number(text: str, value: str) -> str:
    """Whether that is this finite number. Of equal ones alone the text is looked at: to do so of
    all takes as long as all else, and of two conditions DuckDB tries each first."""
    pattern = f"regexp_matches({text}, {literal(NUMBER)})"
    return f"case when try_cast({text} as double) = {value} then {pattern} end"


def pointer(path: Iterable[str]) -> str:
    """Keys as a JSON pointer."""
    return "".join("/" + key.replace("~", "~0").replace("/", "~1") for key in path)


def sort_keys(name: str) -> tuple[str, ...]:
    """Expressions to sort by, most important first: numbers before texts."""
    if name.startswith(PARAM):
        return metric(name).sql, param(name.removeprefix(PARAM))
    if name in RUNS and RUNS[name].kind in _SORTABLE:
        return (identifier(name),)
    return (metric(name).sql,)


def dimension(name: str) -> str:
    """What runs can be grouped by: a label, a parameter, or the time they were made."""
    if name.startswith(PARAM):
        return param(name.removeprefix(PARAM))
    if name in PERIODS:
        return f"date_trunc({literal(name)}, timezone('UTC', created_at))::date"
    if name in DIMENSIONS:
        return identifier(name)
    hint = f" Group by a label, param.NAME, or {', '.join(PERIODS)}."
    raise UnknownName.near("label", name, (*DIMENSIONS, *PERIODS), hint)


def axis(name: str) -> str:
    """The full name of an axis: a label, or a parameter, whose `param.` may be left out."""
    known = name.startswith(PARAM) or name in DIMENSIONS or name in PERIODS
    return name if known else PARAM + name


def require(connection: DuckDBPyConnection, *wanted: Metric) -> None:
    """Refuse a metric or parameter that no run of the lake has."""
    for one in wanted:
        if one.declared or _any_run_has(connection, one):
            continue
        if one.name.startswith(PARAM):
            name = one.name.removeprefix(PARAM)
            if any_run_has_param(connection, name):
                continue
            raise UnknownName.near("parameter", name, own_params(connection), written=_in_full)
        if one.name.startswith(REPORTED):
            known = [REPORTED + name for name in reported_metrics(connection)]
            raise UnknownName.near("metric", one.name, known, " No source reported it.")
        own = own_metrics(connection)
        known = [*(column.name for column in metrics()), *own]
        raise UnknownName.near("metric", one.name, known, f"\n{_where_they_are(own)}")


def _in_full(name: str) -> str:
    """A parameter's name, in full where it would be taken for something else."""
    return name if axis(name) != name else PARAM + name


class Described(NamedTuple):
    """A metric, its unit and direction, and what it means."""

    name: str
    unit: str | None
    better: str | None
    meaning: str


def described(reader: Reader | None) -> list[Described]:
    """All metrics; what is declared can be told without a lake."""
    own = reader.ask(own_metrics) if reader else []
    return [
        *(Described(m.name, m.unit, m.better or None, m.meaning) for m in metrics()),
        *(Described(name, None, None, "a metric of your own") for name in own),
    ]


def own_metrics(connection: DuckDBPyConnection) -> list[str]:
    """Names of the user's own metrics, which live in `extra`."""
    rows = connection.execute("select distinct unnest(map_keys(extra)) from trials order by 1")
    return [row[0] for row in rows.fetchall()]


def reported_metrics(connection: DuckDBPyConnection) -> list[str]:
    """Names of the numbers that sources reported."""
    rows = connection.execute("select distinct unnest(map_keys(reported)) from trials order by 1")
    return [row[0] for row in rows.fetchall()]


def own_params(connection: DuckDBPyConnection) -> list[str]:
    rows = connection.execute("select distinct unnest(json_keys(params)) from trials order by 1")
    return [row[0] for row in rows.fetchall()]


def _any_run_has(connection: DuckDBPyConnection, one: Metric) -> bool:
    sql = f"select 1 from trials where {one.sql} is not null limit 1"
    return bool(connection.execute(sql).fetchall())


def any_run_has_param(connection: DuckDBPyConnection, name: str) -> bool:
    sql = f"select 1 from trials where {param(name, '->')} is not null limit 1"
    return bool(connection.execute(sql).fetchall())


def _where_they_are(own: list[str] | None = None) -> str:
    text = f"`bt-lake metrics` lists all {len(metrics())}"
    if own:
        more = ", ..." if len(own) > _SHOWN else ""
        text += f" and your own {len(own)} ({', '.join(own[:_SHOWN])}{more})"
    return text + "."
