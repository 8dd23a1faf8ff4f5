"""A report as one page: of one run and of 20, beside the one of quantstats.

    python bench/pages.py [--json FILE]

Each is a process of its own, from its start to the file: a run has ten years of days and a
benchmark. quantstats gets the returns as a CSV file, in an environment under `.venv-peers/`; it
makes no page of several runs, so that 20 are 20 pages.
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

ENVIRONMENT = Path(__file__).resolve().parents[1] / ".venv-peers" / "quantstats"
TRIES = 3
RUNS, DAYS = 20, 2520
PEER = """
import sys, warnings
warnings.filterwarnings("ignore")
import matplotlib; matplotlib.use("Agg")
import pandas as pd, quantstats as qs
frame = pd.read_csv(sys.argv[1], index_col=0, parse_dates=True)
for name in frame.columns[1:][:int(sys.argv[3])]:
    qs.reports.html(frame[name], benchmark=frame["benchmark"], output=f"{sys.argv[2]}-{name}.html")
"""


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


def peer() -> str | None:
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "quantstats"]
        if subprocess.run(pip, capture_output=True).returncode:
            return None
    return str(python)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path)
    parser.add_argument("--full", action="store_true", help="the same here")
    json = parser.parse_args().json
    report = Report("pages")
    python = peer()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lake, ids, returns = made(folder)
        for count in (1, RUNS):
            page = folder / f"page-{count}.html"
            ours = [sys.executable, "-m", "bt_lake", "--lake", str(lake.path), "report"]
            ours += [*ids[:count], "-o", str(page)]
            theirs = [
                python or "",
                "-c",
                PEER,
                str(returns),
                str(folder / f"qs{count}"),
                str(count),
            ]
            seconds: dict[str, list[float]] = {"bt-lake": [], "quantstats": []}
            for _ in range(TRIES if count == 1 else 1):
                seconds["bt-lake"].append(timed(ours))
                if python:
                    seconds["quantstats"].append(timed(theirs))
            sizes = {"bt-lake": page.stat().st_size}
            sizes["quantstats"] = sum(p.stat().st_size for p in folder.glob(f"qs{count}-*.html"))
            for who, taken in seconds.items():
                if taken:
                    what = "a page of a run" if count == 1 else f"of {count} runs"
                    report.row(what, who, statistics.median(taken), "s")
                    report.row("  its size", who, sizes[who] / 1000, "KB")
            if python:
                both = (statistics.median(seconds[who]) for who in ("quantstats", "bt-lake"))
                report.ratio("quantstats over bt-lake", next(both) / next(both))
    if python is None:
        print("quantstats could not be installed here, and is left out")
    report.finish(json)


if __name__ == "__main__":
    main()
