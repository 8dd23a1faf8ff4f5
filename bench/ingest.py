"""Ingest: run documents from file to committed, metrics, and a save in one's own script.

    python bench/ingest.py [--full] [--json FILE]

Every document has a daily curve of a year and 40 trades. The ingest runs in a process of its own,
so that the peak memory is its own, imports and reading the file included.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from platforms import (
    grids,
    passes,
    tester_report,
    tester_report_four,
    trade_lists,
    tradingview,
)
from report import Report

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.pipeline import ingest
from bt_lake.ingest.saving import runs_of, save
from bt_lake.ingest.sheets.hints import Hints
from bt_lake.metrics import curve_metrics
from bt_lake.warehouse.store import Store

POINTS, TRADES = 252, 40
START = datetime(2023, 1, 2, tzinfo=UTC)
DAYS = [(START + timedelta(days=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(POINTS)]
SAVES = 200


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--full", action="store_true", help="also 100,000 documents")
    options.add_argument("--json", type=Path)
    options.add_argument("--only", choices=["platforms"], help="only the exports of platforms")
    asked = options.parse_args()
    report = Report("ingest")
    if asked.only:
        platforms(report)
        report.finish(asked.json)
        return
    for count in (10_000, 100_000) if asked.full else (10_000,):
        files(report, count)
    platforms(report)
    metrics(report, 10_000)
    one_by_one(report)
    report.finish(asked.json)


def files(report: Report, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "runs.ndjson")
        with path.open("w") as file:
            file.writelines(json.dumps(document) + "\n" for document in documents(count))
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            seconds, again, peak = pool.apply(_ingest, (folder, str(path), count))
    what = f"{count:,} documents of {POINTS} + {TRADES}"
    report.row(what, "file to committed", count / seconds, "runs/s", ">= 3,000")
    report.row("  peak memory", "", peak, "MiB", "< 1,536")
    report.row("  the same file again", "nothing added", count / again, "runs/s")


def platforms(report: Report) -> None:
    """Exports of trading platforms, each kind into a lake of its own, by a process of its own."""
    for what, write, count, goal, options in (
        ("1,000 lists of trades of TradingView", tradingview, 1_000, ">= 300", {}),
        ("10,000 passes of MetaTrader 5", passes, 10_000, ">= 5,000", {}),
        ("a report of MetaTrader 5, 2 MB", tester_report, 1, ">= 2", {}),
        ("a report of MetaTrader 4, 2 MB", tester_report_four, 1, ">= 2", {}),
        ("300 grids of NinjaTrader", grids, 300, "", {"set_columns": {"initial_capital": 50_000}}),
        ("300 lists of trades of any kind", trade_lists, 300, "", {"hints": Hints(trades=True)}),
    ):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "exports")
            source.mkdir()
            write(source, count)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                seconds, _, peak = pool.apply(_ingest, (folder, str(source), count, options))
        report.row(what, "file to committed", count / seconds, "runs/s", goal)
        report.row("  peak memory", "", peak, "MiB")


def _ingest(
    folder: str, path: str, count: int, options: dict[str, Any] | None = None
) -> tuple[float, float, float]:
    store = Store(Path(folder, "lake"))
    said = options or {}
    seconds, first = timed(lambda: ingest(store, [path], **said))
    again, second = timed(lambda: ingest(store, [path], **said))
    if (len(first.added), len(second.skipped)) != (count, count):
        raise AssertionError("every run is added once")
    # Linux counts in KiB, macOS in bytes.
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return seconds, again, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def metrics(report: Report, count: int) -> None:
    """The metrics of the curves alone, all in one pass."""
    days = START.timestamp() * 1e6 + np.arange(POINTS) * 86_400e6
    equity = np.cumprod(1 + np.random.default_rng(0).normal(0, 0.01, (count, POINTS)), axis=1)
    ts, offsets = np.tile(days.astype(np.int64), count), np.arange(count + 1) * POINTS
    unknown = np.full(count, np.nan)
    seconds = min(
        timed(lambda: curve_metrics(ts, equity.ravel(), offsets, unknown, unknown))[0]
        for _ in range(3)
    )
    report.row(f"metrics of {count:,} x {POINTS} points", "one pass", seconds, "s", "< 2")


def one_by_one(report: Report) -> None:
    """`save` of a document, in turns with the bare append of the same frames."""
    (document,) = documents(1)
    frames = assemble(runs_of(document, {}))
    saves, appends = [], []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder, "lake"))
        for _ in range(SAVES):
            saves.append(timed(lambda: save(store, document))[0] * 1000)
            appends.append(timed(lambda: store.append(frames))[0] * 1000)
    appended, saved = statistics.median(appends), statistics.median(saves)
    report.row("one run", "append of its frames", appended, "ms")
    report.row("  save(document)", "above the append", saved - appended, "ms", "<= 3")


def documents(count: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    for number in range(count):
        curve = 100_000 * np.cumprod(1 + rng.normal(0, 0.01, POINTS))
        yield {
            "strategy": "sma_cross",
            "symbol": "AAPL",
            "timeframe": "1d",
            "params": {"fast": number % 100, "slow": number // 100},
            "created_at": "2026-11-19T14:00:00Z",
            "initial_capital": 100_000,
            "metrics": {"sharpe_ratio": 1.2, "my_score": 7.5},
            "equity": {"ts": DAYS, "equity": curve.round(2).tolist()},
            "trades": [trade(place, pnl) for place, pnl in enumerate(rng.normal(5, 30, TRADES))],
        }


def trade(place: int, pnl: float) -> dict[str, Any]:
    return {
        "entry_at": DAYS[6 * place],
        "exit_at": DAYS[6 * place + 4],
        "side": "long" if place % 2 else "short",
        "quantity": 10,
        "entry_price": 100.0 + place,
        "exit_price": 101.5 + place,
        "pnl": round(float(pnl), 2),
        "return": round(float(pnl) / 1000, 5),
        "fees": 0.2,
    }


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    found = work()
    return time.perf_counter() - begin, found


if __name__ == "__main__":
    main()
