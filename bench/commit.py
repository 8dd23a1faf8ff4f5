"""Appending: bt-lake beside SQLite and a Zarr store, doing the same work in the same run.

    python bench/commit.py [--full] [--json FILE]

One run is a row of metrics, 252 equity points and 40 trades.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from report import Report

from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.ids import new_run_id
from bt_lake.warehouse.schema import RUNS, arrow_schema
from bt_lake.warehouse.store import Store

POINTS, TRADES = 252, 40
WARMUP = 5
DAY_US = 86_400_000_000
TS = 1_700_000_000_000_000 + np.arange(POINTS) * DAY_US
TEXTS = {"strategy": "sma_cross", "symbol": "AAPL", "timeframe": "1d", "engine": "mine"}
NUMBERS = [c.name for c in RUNS.columns if c.group in ("money", "curve", "trade") and c.is_number]


class Content:
    """Random runs, the same for every store."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)

    def curves(self, count: int) -> np.ndarray:
        returns = self.rng.normal(0.0004, 0.01, (count, POINTS))
        return 100_000 * np.exp(np.cumsum(returns, axis=1))

    def trades(self, count: int) -> dict[str, np.ndarray]:
        size = count * TRADES
        entry = np.sort(self.rng.integers(0, POINTS - 6, (count, TRADES)), axis=1).ravel()
        exit_ = entry + self.rng.integers(1, 6, size)
        price = np.round(self.rng.normal(100, 10, size), 2)
        left = np.round(price * (1 + self.rng.normal(0, 0.02, size)), 2)
        quantity = self.rng.integers(1, 500, size).astype(float)
        return {
            "quantity": quantity,
            "entry_at": TS[entry],
            "exit_at": TS[0] + exit_ * DAY_US,
            "entry_price": price,
            "exit_price": left,
            "pnl": np.round((left - price) * quantity, 2),
            "return": left / price - 1,
        }

    def metrics(self, count: int) -> dict[str, np.ndarray]:
        return {
            name: self.rng.normal(1, 0.5, count)
            if RUNS[name].kind == "double"
            else self.rng.integers(1, 500, count)
            for name in NUMBERS
        }


def frames(content: Content, count: int) -> Frames:
    ids = [new_run_id() for _ in range(count)]
    now = datetime.now(UTC)
    params = [json.dumps({"fast": i % 50, "slow": i % 97}) for i in range(count)]
    runs: dict[str, object] = {
        "run_id": ids,
        "created_at": [now] * count,
        "status": ["ok"] * count,
        **{name: [text] * count for name, text in TEXTS.items()},
        "params": params,
        "params_hash": [f"{hash(p) & (2**128 - 1):032x}" for p in params],
        **content.metrics(count),
    }
    equity = {"ts": np.tile(TS, count), "equity": content.curves(count).ravel()}
    trades = {"trade_no": np.tile(np.arange(1, TRADES + 1), count), **content.trades(count)}
    return Frames(
        _table("runs", runs),
        _table("equity", {"run_id": _repeated(ids, POINTS), **equity}),
        _table("trades", {"run_id": _repeated(ids, TRADES), **trades}),
    )


def _repeated(ids: list[str], times: int) -> pa.Array:
    return pa.array(ids).take(pa.array(np.repeat(np.arange(len(ids)), times)))


def _table(name: str, columns: dict[str, object]) -> pa.Table:
    schema = pa.schema(arrow_schema(name).field(column) for column in columns)
    arrays = []
    for field, values in zip(schema, columns.values(), strict=True):
        array = values if isinstance(values, pa.Array) else pa.array(values)
        arrays.append(array.cast(field.type) if array.type != field.type else array)
    return pa.Table.from_arrays(arrays, schema=schema)


class Peer(Protocol):
    def prepare(self, content: Content) -> Any: ...
    def save(self, prepared: Any) -> None: ...


class Sqlite:
    """The table of a run with its curve and trades beside it, indexed for reading by run."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "runs.sqlite"
        self.db = sqlite3.connect(self.file, timeout=60)
        self.db.execute("pragma journal_mode = wal")
        self.db.execute("pragma synchronous = full")
        numbers = ", ".join(f'"{name}" real' for name in NUMBERS)
        self.db.executescript(
            f"""
            create table if not exists runs (run_id text primary key, created_at integer,
              status text, strategy text, symbol text, timeframe text, engine text, params text,
              {numbers});
            create index if not exists runs_by_key on runs (symbol, strategy, timeframe);
            create table if not exists equity (run_id text, ts integer, equity real,
              primary key (run_id, ts)) without rowid;
            create table if not exists trades (run_id text, trade_no integer, quantity real,
              entry_at integer, exit_at integer, entry_price real, exit_price real, pnl real,
              "return" real, primary key (run_id, trade_no)) without rowid;
            """
        )

    def prepare(self, content: Content) -> tuple[list, list, list]:
        run_id, now = new_run_id(), int(time.time())
        row = [run_id, now, "ok", *TEXTS.values(), '{"fast": 10, "slow": 50}']
        row += [v[0].item() for v in content.metrics(1).values()]
        curve = content.curves(1)[0].tolist()
        trades = zip(*(v.tolist() for v in content.trades(1).values()), strict=True)
        return (
            row,
            [(run_id, t, v) for t, v in zip(TS.tolist(), curve, strict=True)],
            [(run_id, number, *trade) for number, trade in enumerate(trades)],
        )

    def save(self, prepared: tuple[list, list, list]) -> None:
        row, curve, trades = prepared
        with self.db:
            self.db.execute(f"insert into runs values ({', '.join('?' * len(row))})", row)
            self.db.executemany("insert into equity values (?, ?, ?)", curve)
            self.db.executemany(f"insert into trades values ({', '.join('?' * 9)})", trades)

    def bytes(self) -> int:
        self.db.execute("pragma wal_checkpoint(truncate)")
        return self.file.stat().st_size


class Zarr:
    """One group a run, metrics as attributes, no fsync: as the Zarr stores of this job do."""

    def __init__(self, folder: Path) -> None:
        import zarr

        self.folder = folder / "store.zarr"
        self.root = zarr.open_group(str(self.folder), mode="a")

    def prepare(self, content: Content) -> tuple[dict, np.ndarray, np.ndarray]:
        metrics = {name: v[0].item() for name, v in content.metrics(1).items()}
        trades = np.column_stack([v.astype(float) for v in content.trades(1).values()])
        return (
            {**TEXTS, "params": {"fast": 10, "slow": 50}, **metrics},
            content.curves(1)[0],
            trades,
        )

    def save(self, prepared: tuple[dict, np.ndarray, np.ndarray]) -> None:
        attributes, curve, trades = prepared
        group = self.root.create_group(new_run_id(), attributes=attributes)
        equity = group.create_array("equity", shape=curve.shape, dtype="f8")
        equity[:] = curve
        equity.attrs["start"] = int(TS[0])
        stored = group.create_array("trades", shape=trades.shape, dtype="f8")
        stored[:] = trades

    def bytes(self) -> int:
        return sum(p.stat().st_size for p in self.folder.rglob("*") if p.is_file())


class Ours:
    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "lake")

    def prepare(self, content: Content) -> Frames:
        return frames(content, 1)

    def save(self, prepared: Frames) -> None:
        self.store.append(prepared)


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
    saved = rounds + WARMUP
    ours.store.compact(grace_s=0)
    live = sum(p.stat().st_size for p in ours.store.path.glob("*/month=*/m-*"))
    report.row("on disk a run", "bt-lake, compacted", live / saved / 1000, "KB", "at most 5")
    report.row("on disk a run", "SQLite", sqlite.bytes() / saved / 1000, "KB")
    report.row("on disk a run", "Zarr", zarr.bytes() / saved / 1000, "KB")


def _append_many(folder: Path, count: int, seed: int) -> float:
    store, content, longest = Store(folder / "lake"), Content(seed), 0.0
    for _ in range(count):
        made = frames(content, 1)
        started = time.perf_counter()
        store.append(made)
        longest = max(longest, time.perf_counter() - started)
    return longest


def many_writers(report: Report, folder: Path, writers: int, each: int, what: str) -> None:
    Store(folder / "lake").layout.create()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["commit_preload"])
    with context.Pool(writers) as pool:
        pool.starmap(_append_many, [(folder, 2, 99)] * writers)
        started = time.perf_counter()
        longest = pool.starmap(_append_many, [(folder, each, seed) for seed in range(writers)])
        seconds = time.perf_counter() - started
    store = Store(folder / "lake")
    total = writers * each
    there = store.ask(lambda c: c.execute("select count(distinct run_id) from runs").fetchall())
    assert there[0][0] == total + 2 * writers, f"{there[0][0]} runs instead of {total}"
    files = store.ask(
        lambda c: c.execute(
            "select max(n) from (select count(*) as n from lake_files group by table_name)"
        ).fetchall()
    )[0][0]
    report.row(what, "bt-lake", total / seconds, "commits/s", "at least 300" * (writers == 8))
    report.row(what, "longest single save", max(longest), "s", "at most 3")
    report.row(what, "live files of a table at the end", files, "files", "at most 1500")


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
    store.layout.create()
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
        single_commits(report, base / "single", 1000 if full else 200)
        many_writers(report, base / "eight", 8, 500 if full else 100, "8 processes at once")
        many_writers(report, base / "four", 4, 5000 if full else 500, "4 processes, no compact")
        bulk(report, base / "bulk", 10_000)
        opening(report, base / "open", 1_000_000 if full else 100_000)
    finally:
        shutil.rmtree(base)
    report.finish(options.json)


if __name__ == "__main__":
    main()
