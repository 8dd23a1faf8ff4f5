"""The same runs in SQLite with the indexes its users make, and in one sorted Parquet file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from queries_lake import METRICS

# SQLite holds the curves of so many runs at most: it takes long to fill, and no longer to ask.
SQLITE_CURVES = 20_000
COLUMNS = (
    "run_id", "created_at", "status", "strategy", "symbol", "timeframe", "params", "params_hash",
    "total_trades", "initial_capital", *METRICS, "extra",
)  # fmt: skip
LABELS = ("strategy", "symbol", "timeframe", "params_hash")

Rows = list[tuple[Any, ...]]


class Raw:
    """DuckDB over one Parquet file a table, sorted by run_id (and time)."""

    def __init__(self, folder: Path, source: duckdb.DuckDBPyConnection) -> None:
        self.runs, self.equity = folder / "runs.parquet", folder / "equity.parquet"
        if not self.equity.exists():
            source.execute(
                f"copy (select {', '.join(COLUMNS)} from runs order by run_id) "
                f"to '{self.runs}' (compression zstd)"
            )
            source.execute(
                "copy (select run_id, ts, equity from lake_curves order by run_id, ts) "
                f"to '{self.equity}' (compression zstd)"
            )
        self.db = duckdb.connect()
        self.db.execute("set timezone = 'UTC'; set parquet_metadata_cache = true")

    def ask(self, sql: str, *values: Any) -> Rows:
        return self.db.execute(sql, list(values)).fetchall()

    def best(self, metric: str) -> Rows:
        return self.ask(
            f"select * replace (epoch_us(created_at) as created_at) from '{self.runs}' "
            f"where {metric} is not null order by {metric} desc, run_id limit 10"
        )

    def by_strategy(self) -> Rows:
        return self.ask(
            "select strategy, count(*), count(sharpe_ratio), avg(sharpe_ratio), "
            "median(sharpe_ratio), stddev(sharpe_ratio), min(sharpe_ratio), max(sharpe_ratio), "
            f"quantile_cont(sharpe_ratio, [0.25, 0.75]) from '{self.runs}' group by strategy"
        )

    def sweep(self, strategy: str) -> Rows:
        return self.ask(
            "select params->>'fast', params->>'slow', avg(sharpe_ratio), count(*) "
            f"from '{self.runs}' where strategy = ? group by all",
            strategy,
        )

    def one(self, run_id: str) -> Rows:
        return self.ask(
            f"select * replace (epoch_us(created_at) as created_at) from '{self.runs}' "
            "where run_id = ?",
            run_id,
        )

    def newest(self) -> Rows:
        return self.ask(
            f"select * replace (epoch_us(created_at) as created_at) from '{self.runs}' "
            "order by created_at desc limit 20"
        )

    def curve(self, run_id: str) -> Rows:
        return self.ask(
            f"select epoch_us(ts), equity from '{self.equity}' where run_id = ? order by ts", run_id
        )

    def with_param(self, fast: int) -> Rows:
        return self.ask(
            f"select run_id, sharpe_ratio from '{self.runs}' "
            "where try_cast(params->>'fast' as double) = ?",
            fast,
        )

    def lookup(self, keys: Sequence[tuple[str, ...]]) -> Rows:
        lists = [list(column) for column in zip(*keys, strict=True)]
        same = " and ".join(f"r.{name} = k.{name}" for name in LABELS)
        return self.ask(
            f"select k.place, r.run_id, r.win_rate, r.total_trades, r.sharpe_ratio, r.cagr "
            f"from '{self.runs}' r join (select {', '.join(f'unnest(?) as {n}' for n in LABELS)}, "
            f"unnest(range({len(keys)})) as place) k on {same} "
            "qualify row_number() over (partition by k.place order by r.created_at desc) = 1",
            *lists,
        )


class Sqlite:
    """The table its users make: a row a run, parameters as JSON, an index for each usual path."""

    def __init__(self, folder: Path, source: duckdb.DuckDBPyConnection) -> None:
        path = folder / "runs.sqlite"
        is_new = not path.exists()
        self.db = sqlite3.connect(path)
        if is_new:
            self._fill(source)

    def _fill(self, source: duckdb.DuckDBPyConnection) -> None:
        self.db.execute("pragma journal_mode = off")
        self.db.execute("pragma synchronous = off")
        names = ", ".join(n + " text primary key" * (n == "run_id") for n in COLUMNS)
        self.db.execute(f"create table runs ({names})")
        self.db.execute(
            "create table equity (run integer, ts integer, equity real, primary key (run, ts)) "
            "without rowid"
        )
        rows = source.execute(
            f"select {', '.join(COLUMNS)} from (select * replace (epoch_us(created_at) as "
            "created_at, to_json(extra)::varchar as extra) from runs) order by created_at"
        )
        marks = ", ".join("?" * len(COLUMNS))
        while chunk := rows.fetchmany(50_000):
            self.db.executemany(f"insert into runs values ({marks})", chunk)
        points = source.execute(
            "select number, epoch_us(ts), equity from lake_curves join (select run_id, "
            "row_number() over (order by created_at) as number from runs) using (run_id) "
            f"where number <= {SQLITE_CURVES} order by number, ts"
        )
        while chunk := points.fetchmany(100_000):
            self.db.executemany("insert into equity values (?, ?, ?)", chunk)
        for index in ("created_at", "strategy, created_at", "symbol, timeframe", "params_hash"):
            name = index.replace(", ", "_")
            self.db.execute(f"create index by_{name} on runs ({index})")
        self.db.execute("analyze")
        self.db.commit()

    def ask(self, sql: str, *values: Any) -> Rows:
        return self.db.execute(sql, values).fetchall()

    def best(self, metric: str) -> Rows:
        return self.ask(
            f"select * from runs where {metric} is not null order by {metric} desc, run_id limit 10"
        )

    def by_strategy(self) -> Rows:
        """It has neither median nor quantiles."""
        return self.ask(
            "select strategy, count(*), count(sharpe_ratio), avg(sharpe_ratio), "
            "min(sharpe_ratio), max(sharpe_ratio) from runs group by strategy"
        )

    def sweep(self, strategy: str) -> Rows:
        return self.ask(
            "select json_extract(params, '$.fast'), json_extract(params, '$.slow'), "
            "avg(sharpe_ratio), count(*) from runs where strategy = ? group by 1, 2",
            strategy,
        )

    def one(self, run_id: str) -> Rows:
        return self.ask("select * from runs where run_id = ?", run_id)

    def newest(self) -> Rows:
        return self.ask("select * from runs order by created_at desc limit 20")

    def curve(self, run_id: str) -> Rows:
        return self.ask(
            "select ts, equity from equity "
            "where run = (select rowid from runs where run_id = ?) order by ts",
            run_id,
        )

    def with_param(self, fast: int) -> Rows:
        return self.ask(
            "select run_id, sharpe_ratio from runs where json_extract(params, '$.fast') = ?", fast
        )

    def lookup(self, keys: Sequence[tuple[str, ...]]) -> Rows:
        same = " and ".join(f"{name} = ?" for name in LABELS)
        sql = (
            "select run_id, win_rate, total_trades, sharpe_ratio, cagr from runs "
            f"where {same} order by created_at desc limit 1"
        )
        return [row for key in keys for row in self.ask(sql, *key)]
