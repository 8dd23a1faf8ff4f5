"""Importing an older store: a SQLite table of results, the way such tables are written.

    python bench/imports.py [--full] [--json FILE]

A row has 18 columns: Unix times, returns in percent, a configuration as JSON text.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

import numpy as np
from report import Report

from bt_lake.ingest.stores import open_source
from bt_lake.ingest.stores.importing import import_rows
from bt_lake.warehouse.store import Store

ROWS, ROWS_FULL = 100_000, 1_000_000
NEW = 1_000
TABLE = """
create table if not exists backtest_results (
  id integer primary key autoincrement, symbol text not null, timeframe text not null,
  model_path text, run_timestamp integer not null, start_date integer not null,
  end_date integer not null, initial_capital real not null, final_equity real not null,
  total_return real not null, sharpe_ratio real, max_drawdown real, win_rate real,
  profit_factor real, total_trades integer, avg_trade_pnl real, config_json text, notes text)
"""


def write(path: Path, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    gain, fall = rng.normal(8, 20, count), rng.gamma(3, 4, count)
    numbers = {
        "sharpe": rng.normal(1, 0.5, count).tolist(),
        "wins": rng.uniform(30, 70, count).tolist(),
        "factor": rng.gamma(4, 0.3, count).tolist(),
        "trades": rng.integers(1, 500, count).tolist(),
        "mean": rng.normal(20, 50, count).tolist(),
    }
    symbols = rng.choice(["AAPL", "GOOGL", "MSFT", "NVDA", "TSLA"], count).tolist()
    rows = (
        (
            symbol, "1Hour", f"models/{symbol}_1Hour.pt", 1_700_000_000 + 60 * place,
            1_577_836_800, 1_672_531_200, 1e5, 1e5 * (1 + up / 100), up, sharpe, down, wins,
            factor, trades, mean,
            json.dumps({"stop_loss": 0.02, "take_profit": 0.05, "window": place % 97}),
            None if place % 3 else "looks good",
        )
        for place, (symbol, up, down, sharpe, wins, factor, trades, mean) in enumerate(
            zip(symbols, gain.tolist(), fall.tolist(), *numbers.values(), strict=True)
        )
    )  # fmt: skip
    with sqlite3.connect(path) as connection:
        connection.execute(TABLE)
        connection.executemany(f"insert into backtest_results values (null{', ?' * 17})", rows)
    connection.close()


def take(store: Store, path: Path) -> tuple[float, int]:
    """Seconds, and the runs that were added."""
    source = open_source("sqlite", path)
    started = time.perf_counter()
    report = import_rows(store, source)
    seconds = time.perf_counter() - started
    source.close()
    assert not report.failed, report.failed[0]
    return seconds, len(report.added)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a million rows")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    count = ROWS_FULL if options.full else ROWS
    report = Report("imports")
    base = Path(tempfile.mkdtemp(prefix="bt-lake-bench-"))
    try:
        path, store = base / "trading.db", Store(base / "lake")
        write(path, count, seed=1)
        seconds, added = take(store, path)
        assert added == count
        what = f"import {count:,} SQLite rows"
        report.row(what, "bt-lake", seconds, "s", f"under {15 * count // ROWS}")
        report.row(what, "bt-lake", count / seconds, "rows/s")
        write(path, NEW, seed=2)
        seconds, added = take(store, path)
        assert added == NEW
        report.row(f"again, with {NEW:,} new rows", "bt-lake", seconds, "s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        report.row(what, "bt-lake, peak memory", peak, "MiB", "under 1024")
    finally:
        shutil.rmtree(base)
    report.finish(options.json)


if __name__ == "__main__":
    main()
