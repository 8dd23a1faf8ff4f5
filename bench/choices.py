"""Choices of the format, each beside what it was chosen over: the quickest of 25 each.

The figures of docs/design.md come from here.

python bench/choices.py [--runs N] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
from queries_lake import POINTS, build
from report import Report

from bt_lake.lake import Lake
from bt_lake.queries import ranking
from bt_lake.warehouse.commit import write_file
from bt_lake.warehouse.quoting import literal, path_list
from bt_lake.warehouse.schema import RUNS
from bt_lake.warehouse.surface import read_schema

FILES = 1_000
RUN = {
    "strategy": "sma_cross",
    "symbol": "AAPL",
    "params": {"fast": 10, "slow": 50},
    "initial_capital": 100.0,
    "equity": [(1_700_000_000 + 86_400 * n, 100.0 + n % 7 + n / 50) for n in range(POINTS)],
    "trades": {
        "side": ["long"] * 40,
        "entry_at": [1_700_000_000 + 86_400 * n for n in range(40)],
        "exit_at": [1_700_000_000 + 86_400 * (n + 1) for n in range(40)],
        "pnl": [float(n % 5 - 2) for n in range(40)],
    },
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    report = Report("choices")
    with tempfile.TemporaryDirectory() as place:
        small_commits(report, Path(place))
        lake = Lake(build(Path(place, "lake"), asked.runs, asked.runs // 5).path)
        large_files(report, lake, Path(place))
        questions(report, lake, Path(place))
    report.finish(asked.json)


def small_commits(report: Report, folder: Path) -> None:
    """What one save costs, and what many of them cost a reader."""
    lake = Lake(folder / "small")
    lake.save(RUN)
    report.row("fsyncs of a save with curve, trades", "bt-lake", fsyncs(lambda: lake.save(RUN)), "")
    row = pq.read_table(next(lake.path.glob("runs/*/c-*.parquet")))
    well = {"compression": "zstd", "use_dictionary": True}
    for who, write in (
        ("plain (bt-lake)", lambda: write_file(folder / "row.parquet", row)),
        ("zstd, dictionaries", lambda: pq.write_table(row, folder / "row.parquet", **well)),
    ):
        report.row(f"write one run, {len(row.schema)} columns", who, least(write, 100), "ms")
    files = [folder / "many" / f"{n}.parquet" for n in range(FILES)]
    files[0].parent.mkdir()
    for file in files:
        os.link(folder / "row.parquet", file)
    paths, schema = path_list(files), read_schema(RUNS.columns)
    with duckdb.connect() as connection:
        for who, source in (
            ("by field id (bt-lake)", f"{paths}, schema = {schema}"),
            ("union_by_name", f"{paths}, union_by_name = true"),
        ):
            sql = f"select count(*), max(sharpe_ratio) from read_parquet({source})"
            report.row(f"read {FILES:,} commits", who, timed(connection, sql), "ms")


def large_files(report: Report, lake: Lake, folder: Path) -> None:
    """Bytes of what maintenance writes, and of the same rows written otherwise."""
    connection = lake.connect()
    for table, view in (("runs", "lake_rows"), ("equity", "lake_curves")):
        rows = connection.execute(f"select count(*) from {view}").fetchall()[0][0]
        size = sum(file.stat().st_size for file in lake.path.glob(f"{table}/*/m-*.parquet"))
        report.row(f"bytes a row of {table}", "sorted, v2, zstd (bt-lake)", size / rows, "bytes")
        for who, order, how in (
            ("sorted, v1, snappy", "order by run_id", "parquet_version v1, compression snappy"),
            ("unsorted, v2, zstd", "order by random()", "parquet_version v2, compression zstd"),
        ):
            target = folder / "other.parquet"
            copied = f"copy (from {view} {order}) to {literal(str(target))}"
            connection.execute(f"{copied} (format parquet, {how})")
            report.row(f"bytes a row of {table}", who, target.stat().st_size / rows, "bytes")
    connection.close()


def questions(report: Report, lake: Lake, folder: Path) -> None:
    """How a question is asked."""
    connection = lake.connect()
    connection.execute("set parquet_metadata_cache = true")
    wide = "select * from runs order by sharpe_ratio desc limit 10"
    report.row(
        "best 10, all columns", "threshold first (bt-lake)",
        least(lambda: ranking.best(lake.reader, "sharpe_ratio").rows()), "ms",
    )  # fmt: skip
    report.row("best 10, all columns", "all at once", timed(connection, wide), "ms")
    for who, kind in (("JSON text (bt-lake)", ""), ("VARIANT", "::json::variant")):
        target = literal(str(folder / "params.parquet"))
        connection.execute(f"copy (select params{kind} as params from runs) to {target}")
        value = "params.fast::bigint" if kind else "try_cast(params ->> '/fast' as double)"
        sql = f"select count(*) from {target} where {value} = 10"
        report.row("runs with fast = 10", who, timed(connection, sql), "ms")
    run_id = lake.runs(n=1, sort="run_id", ascending=True, columns=["run_id"]).item()
    sql = f"select count(*) from lake_curves where run_id = {literal(run_id)}"
    assert connection.execute(sql).fetchall() == [(POINTS,)]
    for who, cached in (("footers kept (bt-lake)", "true"), ("footers read again", "false")):
        connection.execute(f"set parquet_metadata_cache = {cached}")
        report.row("one curve in SQL", who, timed(connection, sql), "ms")
    connection.close()


def fsyncs(act: Callable[[], Any]) -> int:
    counted, real = [], os.fsync
    os.fsync = lambda descriptor: counted.append(real(descriptor))
    try:
        act()
    finally:
        os.fsync = real
    return len(counted)


def timed(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    return least(lambda: connection.sql(sql).to_arrow_table())


def least(act: Callable[[], Any], times: int = 25) -> float:
    """Milliseconds of the quickest of several: what else the machine does only adds to them."""
    act()
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        act()
        spent.append(1000 * (time.perf_counter() - begun))
    return min(spent)


if __name__ == "__main__":
    main()
