"""Appending: bt-lake beside SQLite and a Zarr store, doing the same work in the same run.

    python bench/commit.py [--full] [--json FILE]

One run is a row of metrics, 252 equity points and 40 trades.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from commit_stores import NUMBERS, Content, Ours, Peer, Sqlite, Zarr, frames
from report import Report

from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.ids import new_run_id
from bt_lake.warehouse.schema import RUNS
from bt_lake.warehouse.store import Store

WARMUP = 5


def turn_by_turn(stores: dict[str, Peer], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each, one after the other in every round, so that all share the weather."""
    took: dict[str, list[float]] = {name: [] for name in stores}
    content = Content()
    for number in range(rounds + WARMUP):
        for name, store in stores.items():
            prepared = store.prepare(content)
            started = time.perf_counter()
            store.save(prepared)
            if number >= WARMUP:
                took[name].append((time.perf_counter() - started) * 1e3)
    return took


def single_commits(report: Report, folder: Path, rounds: int) -> None:
    sqlite, zarr, ours = Sqlite(folder), Zarr(folder), Ours(folder)
    took = turn_by_turn({"bt-lake": ours, "SQLite": sqlite, "Zarr (no fsync)": zarr}, rounds)
    median = {name: statistics.median(times) for name, times in took.items()}
    for name, value in median.items():
        report.row("one durable commit, median", name, value, "ms")
    report.ratio("bt-lake / SQLite", median["bt-lake"] / median["SQLite"], "at most 4")
    report.ratio("bt-lake / Zarr", median["bt-lake"] / median["Zarr (no fsync)"], "at most 0.5")


def on_disk(report: Report, folder: Path, rounds: int) -> None:
    """Of what `single_commits` left; late, because compaction deletes thousands of files.

    Some file systems (ext4 without a journal) make new files slowly for minutes after that.
    """
    sqlite, zarr, ours = Sqlite(folder), Zarr(folder), Ours(folder)
    saved = rounds + WARMUP
    ours.store.compact(grace_s=0)
    live = sum(p.stat().st_size for p in ours.store.path.glob("*/month=*/m-*"))
    report.row("on disk a run", "bt-lake, compacted", live / saved / 1000, "KB", "at most 5")
    report.row("on disk a run", "SQLite", sqlite.bytes() / saved / 1000, "KB")
    report.row("on disk a run", "Zarr", zarr.bytes() / saved / 1000, "KB")


def _save_many(kind: type[Peer], folder: Path, count: int, seed: int, gate: Any) -> tuple:
    """Save what was made before; when this began and ended, and how long the longest took."""
    store, content, longest = kind(folder), Content(seed), 0.0
    made = [store.prepare(content) for _ in range(count)]
    gate.wait()
    began = time.time()
    for prepared in made:
        started = time.perf_counter()
        store.save(prepared)
        longest = max(longest, time.perf_counter() - started)
    return began, time.time(), longest


def many_savers(kind: type[Peer], folder: Path, writers: int, each: int) -> tuple[float, float]:
    """How many a second, and how long the longest took; all begin at once and are warm."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["commit_preload"])
    kind(folder)
    with context.Manager() as manager, context.Pool(writers) as pool:
        gate = manager.Barrier(writers)

        def save(count: int, seed: int) -> list[tuple]:
            jobs = [(kind, folder, count, seed + number, gate) for number in range(writers)]
            return pool.starmap(_save_many, jobs, chunksize=1)

        save(2, 99)
        told = save(each, 0)
    seconds = max(end for _, end, _ in told) - min(began for began, _, _ in told)
    return writers * each / seconds, max(longest for *_, longest in told)


def many_writers(report: Report, folder: Path, writers: int, each: int, what: str) -> None:
    Store(folder / "lake").create()
    rate, longest = many_savers(Ours, folder, writers, each)
    store = Store(folder / "lake")
    total = writers * (each + 2)
    there = store.ask(lambda c: c.execute("select count(distinct run_id) from runs").fetchall())
    assert there[0][0] == total, f"{there[0][0]} runs instead of {total}"
    files = store.ask(
        lambda c: c.execute(
            "select max(n) from (select count(*) as n from lake_files group by table_name)"
        ).fetchall()
    )[0][0]
    report.row(what, "bt-lake", rate, "commits/s", "at least 400" * (writers == 8))
    report.row(what, "longest single save", longest, "s", "at most 3")
    report.row(what, "live files of a table at the end", files, "files", "at most 1500")
    rate, longest = many_savers(Sqlite, folder, writers, each)
    report.row(what, "SQLite", rate, "commits/s")
    report.row(what, "SQLite, longest single save", longest, "s")


def bulk(report: Report, folder: Path, count: int) -> None:
    """In a process of its own, so that its memory is its own."""
    code = f"import commit; commit.bulk_here({str(folder)!r}, {count})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    ours, peak = map(float, done.stdout.split())
    sqlite, content = Sqlite(folder), Content(1)
    rounds = min(count, 500)
    started = time.perf_counter()
    for _ in range(rounds):
        sqlite.save(sqlite.prepare(content))
    theirs = rounds / (time.perf_counter() - started)
    report.row(f"{count:,} runs in one batch", "bt-lake", ours, "runs/s")
    report.row(f"{count:,} runs in one batch", "SQLite, a transaction a run", theirs, "runs/s")
    report.row(f"{count:,} runs in one batch", "bt-lake, peak memory", peak, "MiB", "under 1024")
    report.ratio("bt-lake / SQLite", ours / theirs, "at least 5")


def bulk_here(folder: str, count: int) -> None:
    store, content, size = Store(Path(folder) / "bulk"), Content(1), 2000
    store.create()
    started = time.perf_counter()
    for start in range(0, count, size):
        store.append(frames(content, min(size, count - start)))
    rate = count / (time.perf_counter() - started)
    print(rate, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def opening(report: Report, folder: Path, count: int) -> None:
    """Open a large compacted lake and count its runs, above a bare import of duckdb."""
    store, content = Store(folder / "large"), Content(2)
    for _ in range(0, count, 50_000):
        made = frames(content, 1)
        row = made.runs.take(pa.array(np.zeros(50_000, dtype=int)))
        fresh = pa.array([new_run_id() for _ in range(50_000)])
        noise = pa.array(content.rng.normal(1, 0.5, 50_000))
        row = row.set_column(0, "run_id", fresh)
        for name in NUMBERS[:20]:
            if RUNS[name].kind == "double":
                row = row.set_column(row.schema.get_field_index(name), name, noise)
        store.append(Frames(row))
    store.compact(grace_s=0)
    bare, whole = [], []
    ask = (
        "from bt_lake.warehouse.store import Store; "
        f"print(Store({str(store.path)!r}).ask(lambda c: "
        "c.execute('select count(*) from runs').fetchall()))"
    )
    for _ in range(11):
        bare.append(_seconds("import duckdb"))
        whole.append(_seconds(ask))
    above = statistics.median(w - b for w, b in zip(whole, bare, strict=True)) * 1e3
    what = f"open {count:,} runs and count them"
    report.row(what, "above `import duckdb`", above, "ms", "at most 50")


def _seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the sizes of the promises")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    full = options.full
    report = Report("commit")
    base = Path(tempfile.mkdtemp(prefix="bt-lake-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        for name in ("single", "eight", "four", "bulk", "open"):
            (base / name).mkdir()
        rounds = 1000 if full else 200
        single_commits(report, base / "single", rounds)
        many_writers(report, base / "eight", 8, 500 if full else 100, "8 processes at once")
        many_writers(report, base / "four", 4, 5000 if full else 500, "4 processes, no compact")
        bulk(report, base / "bulk", 10_000)
        on_disk(report, base / "single", rounds)
        opening(report, base / "open", 1_000_000 if full else 100_000)
    finally:
        shutil.rmtree(base)
    report.finish(options.json)


if __name__ == "__main__":
    main()
