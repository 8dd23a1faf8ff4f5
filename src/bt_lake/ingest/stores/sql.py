"""Which table of a database holds the runs, and the query that reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from bt_lake.ingest.stores.source import Dialect
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.quoting import identifier

# The names that such tables have in the stores bt-lake knows.
_TABLES = ("backtest_results", "backtest_runs")
# The metrics of `backtest_runs`, one row for a run that went well.
_METRICS, _RUN = "performance_metrics", "backtest_run_id"
# What the documents of known stores say of the units of their columns, told by other columns.
_DOCUMENTED = {
    frozenset({"run_timestamp", "avg_trade_pnl", "config_json"}): Dialect(
        percent=frozenset({"total_return", "max_drawdown", "win_rate"})
    ),
    frozenset({"strategy_id", "metrics", "parameters"}): Dialect(
        fraction=frozenset({"metrics.cagr", "metrics.max_drawdown", "metrics.win_rate"})
    ),
    frozenset({"config_snapshot", "final_balance"}): Dialect(
        fraction=frozenset({"total_return", "cagr", "volatility", "max_drawdown", "win_rate"})
    ),
}


class SqlColumn(NamedTuple):
    name: str
    type: str
    is_key: bool


class Database(Protocol):
    def tables(self) -> list[str]: ...

    def columns(self, table: str) -> list[SqlColumn]: ...


class Selection(NamedTuple):
    """A table, perhaps with its metrics joined, as the parts of a query."""

    table: str
    names: list[str]  # of the columns of the result
    key: tuple[str, ...]
    outputs: str  # what a query selects
    source: str  # and from what; the table is `r`
    dialect: Dialect


def select(
    database: Database,
    table: str | None,
    cast: Callable[[str, str], str],
    quoted: Callable[[str], str],
) -> Selection:
    """The parts; `cast` writes a column so that its type can be read, `quoted` a table."""
    table = _choose(database.tables(), table)
    columns = database.columns(table)
    names = [column.name for column in columns]
    outputs = [cast(f"r.{identifier(c.name)}", c.type) for c in columns]
    source = f"{quoted(table)} r"
    metrics = _metrics_beside(database, table, names)
    if metrics:
        theirs = database.columns(metrics)
        for column in theirs:
            if column.name == _RUN:
                continue
            outputs.append(cast(f"m.{identifier(column.name)}", column.type))
            taken = column.name in names
            names.append(f"{_METRICS}.{column.name}" if taken else column.name)
        source += f" left join {quoted(metrics)} m on m.{identifier(_RUN)} = r.id"
    key = tuple(column.name for column in columns if column.is_key)
    selected = ", ".join(
        f"{output} as {identifier(name)}" for output, name in zip(outputs, names, strict=True)
    )
    return Selection(table, names, key, selected, source, _documented(names))


def _choose(tables: Sequence[str], wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in tables:
            raise UnknownName.near("table", wanted, tables, hint=f" There are {_listed(tables)}.")
        return wanted
    found = [table for table in tables if table.rpartition(".")[2] in _TABLES]
    if len(found) != 1:
        problem = (
            "several tables may hold the runs" if found else f"no table {' or '.join(_TABLES)}"
        )
        raise BadInput(f"{problem}: name one with --table. There are {_listed(tables)}.")
    return found[0]


def _listed(tables: Sequence[str]) -> str:
    return ", ".join(sorted(tables)) or "no tables at all"


def _metrics_beside(database: Database, table: str, names: Sequence[str]) -> str | None:
    """The table with the metrics of `backtest_runs`, in the same schema."""
    schema, dot, bare = table.rpartition(".")
    beside = f"{schema}{dot}{_METRICS}"
    if bare != "backtest_runs" or "id" not in names or beside not in database.tables():
        return None
    return beside if any(c.name == _RUN for c in database.columns(beside)) else None


def _documented(names: Sequence[str]) -> Dialect:
    found = (dialect for marks, dialect in _DOCUMENTED.items() if marks <= set(names))
    return next(found, Dialect())
