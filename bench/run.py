"""Sweeps: two workers beside one, and what `run` costs above calling the function and saving.

    python bench/run.py [--full] [--json FILE]

One run is a row of metrics, 252 equity points and 40 trades.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import run_functions
from report import Report

from bt_lake.ingest.batch import Batch
from bt_lake.running.planning import Plan, plan
from bt_lake.running.sweep import run
from bt_lake.warehouse.store import Store


def planned(function: str, count: int) -> Plan:
    return plan(getattr(run_functions, function), {"n": range(1, count + 1)}, sweep="bench")


def swept(folder: Path, function: str, count: int, jobs: int) -> float:
    """Seconds of a whole sweep into a new lake, worker processes started and ended."""
    store = Store(folder / f"{function}-{count}-{jobs}-{time.monotonic_ns()}")
    made = planned(function, count)
    started = time.perf_counter()
    done = run(store, made, jobs=jobs)
    seconds = time.perf_counter() - started
    assert (done.done, done.failed) == (count, 0)
    return seconds


def called_and_saved(folder: Path, count: int) -> float:
    store = Store(folder / f"direct-{time.monotonic_ns()}")
    started = time.perf_counter()
    with Batch(store) as batch:
        for n in range(1, count + 1):
            batch.save(run_functions.nothing(n), strategy="nothing", params={"n": n})
    return time.perf_counter() - started


def bare(count: int, processes: int) -> float:
    """Seconds of the same calls in processes that do nothing else: what the machine allows."""
    code = f"import run_functions\nfor n in range({count // processes}): run_functions.busy(n)"
    started = time.perf_counter()
    folder = Path(__file__).parent
    running = [subprocess.Popen([sys.executable, "-c", code], cwd=folder) for _ in range(processes)]
    assert not any(process.wait() for process in running)
    return time.perf_counter() - started


def two_workers(report: Report, folder: Path, count: int) -> None:
    ours: dict[int, list[float]] = {1: [], 2: []}
    theirs: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(3):  # turn by turn, so that all share the weather
        for jobs in ours:
            ours[jobs].append(count / swept(folder, "busy", count, jobs))
            theirs[jobs].append(count / bare(count, jobs))
    what = f"{count} runs of some 20 ms"
    for who, rates, goal in (("bare", theirs, ""), ("bt-lake run", ours, "at least 1.6")):
        one, two = (statistics.median(seen) for seen in rates.values())
        report.row(what, f"{who}, 1 process", one, "runs/s")
        report.row(what, f"{who}, 2 processes", two, "runs/s")
        report.ratio(f"{who}: 2 / 1", two / one, goal)


def overhead(report: Report, folder: Path, count: int) -> None:
    called_and_saved(folder, 5)
    rounds = []
    for _ in range(3):
        start = swept(folder, "nothing", 1, 1)
        whole = swept(folder, "nothing", count, 1)
        direct = called_and_saved(folder, count)
        rounds.append([start, *((s * 1e3 / count) for s in (whole - start, direct))])
    start, each, direct = (statistics.median(column) for column in zip(*rounds, strict=True))
    what = f"{count} runs that cost nothing"
    report.row(what, "called, batch.save", direct, "ms/run")
    report.row(what, "run, 1 worker", each, "ms/run")
    report.row("  overhead", "run above batch.save", each - direct, "ms/run", "at most 2")
    report.row("start and end of a sweep", "1 worker", start, "s")


def resuming(report: Report, folder: Path, count: int) -> None:
    """Starting a finished sweep again: one question to the lake."""
    store, made = Store(folder / "resumed"), planned("nothing", count)
    run(store, made, jobs=2)
    started = time.perf_counter()
    assert run(store, planned("nothing", count)).already == count
    report.row(f"{count} finished runs skipped", "", (time.perf_counter() - started) * 1e3, "ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="more runs, steadier figures")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    scale = 4 if options.full else 1
    report = Report("run")
    base = Path(tempfile.mkdtemp(prefix="bt-lake-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        two_workers(report, base, 400 * scale)
        overhead(report, base, 1000 * scale)
        resuming(report, base, 2500 * scale)
    finally:
        shutil.rmtree(base)
    report.finish(options.json)


if __name__ == "__main__":
    main()
