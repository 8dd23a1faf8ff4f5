"""Importing older stores: SQLite, PostgreSQL, Zarr, MLflow and Optuna, as they are written.

    python bench/imports.py [--full] [--json FILE] [--only NAME]

Each is imported into a lake of its own, by a process of its own; again, with nothing new; and once
more with new rows.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import stores
from report import Report

from bt_lake.ingest.stores import open_source
from bt_lake.ingest.stores.importing import import_rows
from bt_lake.warehouse.store import Store

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

# What it is, who writes it, runs in it, and how many runs a second are expected.
SOURCES: dict[str, tuple[str, Callable[..., None], int, int]] = {
    "sqlite": ("SQLite", stores.sqlite_results, 100_000, 6_600),
    "postgres": ("PostgreSQL, JSONB", stores.documents, 20_000, 2_000),
    "zarr": ("Zarr, curves and trades", stores.zarr_entries, 800, 400),
    "mlflow": ("MLflow, SQLite", stores.mlflow_runs, 10_000, 2_000),
    "mlruns": ("MLflow, files", stores.mlflow_files, 500, 200),
    "optuna": ("Optuna, SQLite", stores.optuna_trials, 20_000, 2_000),
    "journal": ("Optuna, journal", stores.optuna_journal, 20_000, 2_000),
}
KINDS = {"mlruns": "mlflow", "journal": "optuna"}
MORE = 10  # a tenth of the rows are new the third time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="ten times as many rows of SQLite")
    parser.add_argument("--only", metavar="NAME", choices=SOURCES, action="append")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = Report("imports")
    for name in options.only or SOURCES:
        count = SOURCES[name][2] * (10 if options.full and name == "sqlite" else 1)
        with _server(name) as server:
            measure(report, name, count, server)
    report.finish(options.json)


def _server(name: str) -> AbstractContextManager[Any]:
    if name != "postgres":
        return nullcontext()
    from postgres_server import running

    return running()


def measure(report: Report, name: str, count: int, server: Any) -> None:
    kind, write, _, goal = SOURCES[name]
    what = f"{count:,} of {kind}"
    base = Path(tempfile.mkdtemp(prefix="bt-lake-bench-"))
    try:
        path: Any = base / "older"
        where = path
        if server is not None:
            url = server.database()
            path, where = (lambda sql: server.ask(url, sql)), url
        write(path, count, 1)
        first, again, peak = _apart(name, where, base)
        report.row(what, "first", count / first, "runs/s", f">= {goal:,}")
        report.row("  again, nothing new", "", again, "s", "< 1" if name == "zarr" else "")
        report.row("  peak memory", "", peak, "MiB", "under 1024")
        write(path, count // MORE, 2)
        third, _, _ = _apart(name, where, base)
        report.row(f"  again, {count // MORE:,} new", "", third, "s")
    finally:
        shutil.rmtree(base)


def _apart(name: str, where: Any, base: Path) -> tuple[float, float, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_take_twice, (name, where, base / "lake"))


def _take_twice(name: str, where: Any, lake: Path) -> tuple[float, float, float]:
    store = Store(lake)
    (first, added), (again, none) = _take(name, where, store), _take(name, where, store)
    assert added
    assert not none
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return first, again, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _take(name: str, where: Any, store: Store) -> tuple[float, int]:
    """Seconds, and the runs that were added."""
    started = time.perf_counter()
    source = open_source(KINDS.get(name, name), where)
    report = import_rows(store, source)
    seconds = time.perf_counter() - started
    source.close()
    assert not report.failed, report.failed[0]
    return seconds, len(report.added)


if __name__ == "__main__":
    main()
