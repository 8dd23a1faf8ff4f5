"""The SQL surface of a lake: the text of `lake.sql`, made from the schema."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from bt_lake.warehouse.quoting import literal
from bt_lake.warehouse.schema import FORMAT_VERSION, TABLES, Table, metrics

_HEADER = """\
-- A bt-lake, opened in any DuckDB from 1.4 on:   cd lake && duckdb -init lake.sql
-- Views: runs, trials, equity, trades, events, monthly_returns. Macros: best, aggregate, sweep,
-- history. What others add after you opened it shows after:   .read lake.sql
"""


def lake_sql() -> str:
    return _HEADER + "\n" + snapshot_sql() + "\n" + views_sql()


@cache
def snapshot_sql() -> str:
    return _render("snapshot.sql")


@cache
def views_sql() -> str:
    return _render("views.sql") + "\n" + _render("macros.sql")


def _render(name: str) -> str:
    text = (files("bt_lake.warehouse") / "sql" / name).read_text("utf-8")
    for key, value in _values().items():
        text = text.replace("{{" + key + "}}", value)
    return text


@cache
def _values() -> dict[str, str]:
    cases = " ".join(f"when {literal(m.name)} then {m.name}" for m in metrics())
    return {
        "format": str(FORMAT_VERSION),
        "metrics": cases,
        **{f"schema.{name}": read_schema(table) for name, table in TABLES.items()},
    }


def read_schema(table: Table) -> str:
    """The `schema` argument of read_parquet: columns by field id, so that files may lack some."""
    entries = ", ".join(
        f"{c.field_id}: {{name: {literal(c.name)}, type: {literal(c.duckdb_type)}, "
        "default_value: NULL}"
        for c in table.columns
    )
    return f"map {{{entries}}}"
