"""What the questions about luck cost when they are asked of a lake.

python bench/overfit_lake.py LAKE      answer `lake.overfit()` once: seconds and peak MiB
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from report import Report

import bt_lake
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.ids import new_run_id
from bt_lake.warehouse.params import hash_of_json
from bt_lake.warehouse.schema import arrow_schema
from bt_lake.warehouse.store import Store

COMMIT = 100_000
START = np.datetime64("2024-01-02", "us")
DAY = np.timedelta64(1, "D")


def from_a_lake(report: Report, returns: np.ndarray, runs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        trials = Path(folder) / "trials"
        save(trials, returns)
        command = [sys.executable, __file__, str(trials)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, peak = json.loads(done.stdout)
        what = f"lake.overfit, {returns.shape[1]:,} x {returns.shape[0]:,} days"
        report.row(what, "bt-lake, all of the report", seconds, "s", "<= 20")
        report.row("  peak memory", "a process of its own", peak, "MiB", "<= 2048")
        summaries = Path(folder) / "summaries"
        fill(summaries, runs)
        best(report, summaries, runs)


def best(report: Report, lake: Path, runs: int) -> None:
    here = bt_lake.open(lake)
    for name, options in (("best", {}), ("best, deflated", {"deflate": True})):
        seconds = min(timed(partial(here.best, "sharpe_ratio", 10, **options)) for _ in range(3))
        goal = "<= 0.5" if options else ""
        report.row(f"{name}, {runs:,} runs", "bt-lake, 200 families", seconds, "s", goal)
    words = ["--lake", str(lake), "best", "sharpe_ratio", "--deflate"]
    command = [sys.executable, "-m", "bt_lake", *words]
    seconds = min(timed(lambda: subprocess.run(command, capture_output=True)) for _ in range(3))
    report.row("  bt-lake best --deflate", "a cold process", seconds, "s")
    ask = "select max(dsr) from deflated('strategy')"
    seconds = min(timed(lambda: here.sql(ask)) for _ in range(3))
    report.row("  the macro deflated", "DSR of every run, in SQL", seconds, "s", "<= 0.5")


def save(path: Path, returns: np.ndarray) -> None:
    ts = START + np.arange(len(returns)) * DAY
    with bt_lake.open(path).batch() as batch:
        for i, column in enumerate(returns.T):
            batch.save(
                strategy="noise",
                params={"fast": i % 40, "slow": i // 40},
                equity={"ts": ts, "equity": 100_000 * np.cumprod(1 + column)},
                initial_capital=100_000.0,
                periods_per_year=252,
            )


def fill(path: Path, runs: int, strategies: int = 200) -> None:
    """Summary rows, as a year of sweeps leaves them."""
    rng = np.random.default_rng(0)
    store, schema = Store(path), arrow_schema("runs")
    names = pa.array([f"strategy_{i:03}" for i in range(strategies)])
    for _ in range(0, runs, COMMIT):
        n = min(runs, COMMIT)
        ratio = rng.normal(0.02, 0.03, n)
        params = [f'{{"fast":{i % 40},"slow":{i // 40}}}' for i in range(n)]
        columns = {
            "run_id": [new_run_id() for _ in range(n)],
            "created_at": np.full(n, START),
            "status": ["ok"] * n,
            "strategy": names.take(pa.array(rng.integers(0, strategies, n))),
            "params": params,
            "params_hash": [*map(hash_of_json, params)],
            "periods_per_year": np.full(n, 252.0),
            "sharpe_ratio": ratio * np.sqrt(252),
            "skew": rng.normal(0.0, 0.5, n),
            "kurtosis": 3.0 + rng.exponential(2.0, n),
            "sharpe_period": ratio,
            "n_returns": rng.integers(250, 2500, n),
        }
        fields = [schema.field(name) for name in columns]
        arrays = [pa.array(c).cast(f.type) for c, f in zip(columns.values(), fields, strict=True)]
        store.append(Frames(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), None, None))
    store.compact()


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    lake = bt_lake.open(sys.argv[1])
    seconds = timed(lake.overfit)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([seconds, peak]))
