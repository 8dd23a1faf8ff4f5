"""The SQL surface of a lake: the text of `lake.sql`, made from the schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from bt_lake.warehouse.layout import FORMAT_VERSION
from bt_lake.warehouse.quoting import literal
from bt_lake.warehouse.schema import (
    EQUITY,
    EVENTS,
    HIDDEN,
    IDENTITY,
    RUNS,
    TRADES,
    Column,
    Table,
    metrics,
)
from bt_lake.warehouse.unknown import Unknown
from bt_lake.warehouse.values import MOST_PARTS, NUMBER

_HEADER = """\
-- A bt-lake, opened in any DuckDB from 1.4 on:   cd lake && duckdb -init lake.sql
-- Views: runs, trials, equity, trades, events, monthly_returns, studies, study_trials.
-- Macros: best, aggregate, sweep, newest, deflated.
-- What others add after you opened it shows after:   .read {file}
"""


_PERIODS = ("day", "week", "month", "year")
# What the macro `deflated` can be narrowed by.
_NARROWS = (
    *("strategy", "symbol", "timeframe", "exit_rule", "engine", "sweep", "study", "fold", "sample"),
)
_FAMILY = "lake_family(family, tried.strategy, tried.sweep, tried.symbol)"
_SHOWN = ("run_id", "initial_capital", "time_zone", "deleted_at")


@cache
def lake_sql(file: str = "lake.sql") -> str:
    """All of it, for a shell that reads it from `file`."""
    listing, relisting = map(_render, ("listing.sql", "relisting.sql"))
    snapshot = (listing, snapshot_sql(returned=True), relisting)
    header = _HEADER.format(file=file)
    views = _without_inner_views("\n".join((files_sql(), views_sql(), *rest_sql())))
    return "\n".join((header, *snapshot, views))


def _without_inner_views(text: str) -> str:
    """Macros in their place: `.tables` of a shell lists every view, but no macro."""
    inner = "|".join(re.findall(r"temp view (lake_\w+) as$", text, re.MULTILINE))
    text = re.sub(rf"(\bfrom |\bjoin |')({inner})\b", r"\1\2()", text)
    return re.sub(
        rf"temp view ({inner}) as$", r"temp macro \1() as table", text, flags=re.MULTILINE
    )


@cache
def snapshot_sql(*, returned: bool) -> str:
    """The read rule; commits that came back are looked for only where there may be some."""
    parts = ["standing.sql", *(["returned.sql"] * returned), "snapshot.sql"]
    return "\n".join(map(_render, parts))


@cache
def files_sql() -> str:
    """The view of the live files, which is all that folding needs."""
    return _render("files.sql")


@cache
def views_sql() -> str:
    """The views of the runs, which nearly every question needs."""
    return _render("views.sql")


@cache
def rest_sql() -> tuple[str, ...]:
    """Curves, trades and events, studies, macros: few questions need all of them."""
    names = ("curves.sql", "studies.sql", "names.sql", "macros.sql", "deflated.sql")
    return tuple(map(_render, names))


def makes(part: str, name: str) -> bool:
    """Whether a part of the surface makes the view or macro of this name."""
    return re.search(rf"^create or replace temp (view|macro) {name}\b", part, re.M) is not None


def rows_with_events(rows: str = "lake_rows") -> str:
    """The query that folds the pending events into some rows of `runs`."""
    return rows_beside_told(rows, f"(\n{told()}\n)")


def rows_beside_told(rows: str, source: str) -> str:
    """The same, where what the events say of each run is a table."""
    text = text_of("rows_with_events.sql").strip()
    return text.replace("{{rows}}", rows).replace("{{told}}", source)


@cache
def told() -> str:
    """What the pending events say of each run that they concern."""
    return text_of("told.sql").strip()


def tries(source: str, label: str = "''") -> str:
    """The parts of a query that tell trials from runs: `source` gives rows of `runs`, `label` is
    the family of each (see the comments there)."""
    # A run without a curve may not say its timeframe, so that has a place of its own there.
    told = ", ".join(f"tried.{name}" for name in IDENTITY if name != "timeframe")
    text = text_of("tries.sql").rstrip().replace("{{configuration}}", told)
    return text.replace("{{source}}", source).replace("{{label}}", label)


def text_of(name: str) -> str:
    """The SQL of a file beside this one."""
    return (Path(__file__).parent / "sql" / name).read_text("utf-8")


def _render(name: str) -> str:
    text = text_of(name)
    for key, value in _values().items():
        text = text.replace("{{" + key + "}}", value)
    return text


@cache
def _values() -> dict[str, str]:
    return {
        "format": str(FORMAT_VERSION),
        "rows_with_events": rows_with_events(),
        "hidden": ", ".join(HIDDEN),
        "configuration": ", ".join(IDENTITY),
        "tries.deflated": tries(f"(from trials where {_narrowed()})", _FAMILY),
        "schema.shown": read_schema(RUNS[name] for name in _SHOWN),
        **{f"schema.{table.name}": _as_json(table) for table in (RUNS, EQUITY, TRADES)},
        "schema.events": read_schema(EVENTS.columns),
        "metric": _value_of_metric(),
        "number": literal(NUMBER),
        "most_parts": str(MOST_PARTS),
        "metrics": ", ".join(literal(m.name) for m in metrics()),
        "lower_is_better": ", ".join(literal(m.name) for m in metrics() if m.better == "lower"),
        "labels": ", ".join(map(literal, (*_label_names(), *_PERIODS))),
        **{f"label.{name}": _label(name) for name in ("dim", "x", "y")},
    }


def _narrowed() -> str:
    parts = [f'("{name}" is null or trials."{name}" = "{name}")' for name in _NARROWS]
    return " and ".join([*parts, "(run_ids is null or run_id in (select unnest(run_ids)))"])


def _value_of_metric() -> str:
    """Of a macro's argument `metric`: folds to one column."""
    columns = " ".join(f"when {literal(m.name)} then {m.name}" for m in metrics())
    own = (
        "case when starts_with(metric, 'param.') "
        "then lake_number(lake_param(params, metric[7:])) "
        "when starts_with(metric, 'reported.') then reported[metric[10:]] "
        "when starts_with(metric, 'extra.') then extra[metric[7:]] else extra[metric] end"
    )
    return f"case metric {columns} else {own} end"


def _label(argument: str) -> str:
    """Of a macro's argument: a label, a period of time, or a parameter."""
    columns = [f"when {literal(name)} then runs.{name}" for name in _label_names()]
    columns += [
        f"when {literal(period)} then strftime("
        f"date_trunc({literal(period)}, timezone('UTC', created_at)), '%Y-%m-%d')"
        for period in _PERIODS
    ]
    parameter = f"lake_param(params, regexp_replace({argument}, '^param\\.', ''))"
    return f"case {argument} {' '.join(columns)} else {parameter} end"


def _label_names() -> list[str]:
    return [column.name for column in RUNS.columns if column.kind == "string"]


def read_schema(columns: Iterable[Column | Unknown]) -> str:
    """The `schema` argument of read_parquet: columns by field id, so that files may lack some."""
    entries = ", ".join(
        f"{c.field_id}: {{name: {literal(c.name)}, type: {literal(c.duckdb_type)}, "
        "default_value: NULL}"
        for c in columns
    )
    return f"map {{{entries}}}"


def _as_json(table: Table) -> str:
    """The same as one text: as nested literals it takes DuckDB's parser 5 ms."""
    fields = (
        f'{{"id": {c.field_id}, "name": "{c.name}", "type": "{c.duckdb_type}"}}'
        for c in table.columns
    )
    return literal("[\n  " + ",\n  ".join(fields) + "]")
