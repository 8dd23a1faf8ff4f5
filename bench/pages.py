"""A report as one page: of one run and of 20, beside those of quantstats and of
investing-algorithm-framework (IAF).

    python bench/pages.py [--json FILE]

Each is a process of its own, from its start to the file: a run has ten years of days and a
benchmark. The others get the returns as a CSV file, each in an environment under `.venv-peers/`.
quantstats makes no page of several runs: 20 are 20 pages, and are not waited for. IAF's pages need
its metrics, which it computes first; they load a script from elsewhere.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from report import Report

import bt_lake

ENVIRONMENTS = Path(__file__).resolve().parents[1] / ".venv-peers"
TRIES = 3
RUNS, DAYS = 20, 2520
QUANTSTATS = """
import sys, warnings
warnings.filterwarnings("ignore")
import matplotlib; matplotlib.use("Agg")
import pandas as pd, quantstats as qs
frame = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True)
qs.reports.html(frame["r0"], benchmark=frame["benchmark"], output=sys.argv[2])
"""
IAF = """
import sys, logging, warnings
warnings.filterwarnings("ignore"); logging.disable(logging.CRITICAL)
import pandas as pd
from investing_algorithm_framework import Backtest, BacktestReport
from investing_algorithm_framework.domain import BacktestRun, PortfolioSnapshot
from investing_algorithm_framework.services.metrics.generate import create_backtest_metrics
frame = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True).tz_localize("UTC")
days = [at.to_pydatetime() for at in frame.index]
made = []
for name in frame.columns[1:][:int(sys.argv[3])]:
    level = (1e5 * (1 + frame[name]).cumprod()).tolist()
    shots = [
        PortfolioSnapshot(
            created_at=at, total_value=v, net_size=v, unallocated=v, trading_symbol="USD"
        )
        for at, v in zip(days, level)
    ]
    run = BacktestRun(
        backtest_start_date=days[0], backtest_end_date=days[-1], trading_symbol="USD",
        initial_unallocated=1e5, number_of_runs=1, portfolio_snapshots=shots, created_at=days[-1],
        number_of_days=(days[-1] - days[0]).days, backtest_date_range_name="all",
    )
    run.backtest_metrics = create_backtest_metrics(run, 0.0)
    made.append(Backtest(algorithm_id=name, backtest_runs=[run], risk_free_rate=0.0))
BacktestReport(backtests=made).save(sys.argv[2])
"""
# Package, script, and the number of runs that it is asked for.
PEERS = {
    "quantstats": ("quantstats", QUANTSTATS, (1,)),
    "IAF": ("investing-algorithm-framework", IAF, (1, RUNS)),
}


def made(folder: Path) -> tuple[bt_lake.Lake, list[str], Path]:
    """The same runs as a lake and as returns in a CSV file."""
    draw = np.random.default_rng(0)
    days = [datetime(2014, 1, 1) + timedelta(days=n) for n in range(DAYS * 7 // 5 + 10)]
    days = [day for day in days if day.weekday() < 5][:DAYS]
    market = draw.normal(0.0003, 0.01, DAYS)
    moves = [0.5 * market + draw.normal(0.0002, 0.008, DAYS) for _ in range(RUNS)]
    lake = bt_lake.open(folder / "lake")
    level = 100 * np.cumprod(1 + market)
    ids = lake.save(
        [
            {
                "strategy": "s",
                "params": {"n": n},
                "equity": {"ts": days, "equity": 1e5 * np.cumprod(1 + each), "benchmark": level},
            }
            for n, each in enumerate(moves)
        ]
    )
    columns = {"ts": days, "benchmark": market, **{f"r{n}": r for n, r in enumerate(moves)}}
    path = folder / "returns.csv"
    pl.DataFrame(columns).write_csv(path, datetime_format="%Y-%m-%d")
    return lake, ids, path


def timed(command: list[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - start


def peer(package: str) -> str | None:
    """The Python of an environment that has the package; None where it cannot be installed."""
    folder = ENVIRONMENTS / package
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    found = [str(python), "-m", "pip", "show", "--quiet", package]
    pip = [str(python), "-m", "pip", "install", "--quiet", package]
    there = any(not subprocess.run(asked, capture_output=True).returncode for asked in (found, pip))
    return str(python) if there else None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--full", action="store_true", help="the same here")
    json = parser.parse_args().json
    report = Report("pages")
    pythons = {who: peer(package) for who, (package, *_) in PEERS.items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lake, ids, returns = made(folder)
        for count in (1, RUNS):
            what = "a page of a run" if count == 1 else f"of {count} runs"
            pages = {who: folder / f"{who}-{count}.html" for who in ("bt-lake", *PEERS)}
            ours = [sys.executable, "-m", "bt_lake", "--lake", str(lake.path), "report"]
            commands = {"bt-lake": [*ours, *ids[:count], "-o", str(pages["bt-lake"])]}
            for who, (_, script, counts) in PEERS.items():
                python = pythons[who]
                if python is not None and count in counts:
                    given = [str(returns), str(pages[who]), str(count)]
                    commands[who] = [python, "-c", script, *given]
            seconds: dict[str, list[float]] = {who: [] for who in commands}
            for _ in range(TRIES if count == 1 else 1):
                for who, command in commands.items():
                    seconds[who].append(timed(command))
            for who, taken in seconds.items():
                report.row(what, who, statistics.median(taken), "s")
                report.row("  its size", who, pages[who].stat().st_size / 1000, "KB")
                if who != "bt-lake":
                    both = statistics.median(taken) / statistics.median(seconds["bt-lake"])
                    report.ratio(f"{who} over bt-lake", both)
    for who, python in pythons.items():
        if python is None:
            print(f"{who} could not be installed here, and is left out")
    report.finish(json)


if __name__ == "__main__":
    main()
