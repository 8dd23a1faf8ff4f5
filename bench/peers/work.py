"""The same work for every store, timed: run in the store's own environment by `bench/peers.py`.

    python bench/peers/work.py STORE FOLDER COUNT      fill the store, ask, print the figures
    python bench/peers/work.py STORE FOLDER            ask a store that is there: best 10

A store that gives a wrong answer fails.
"""

from __future__ import annotations

import importlib
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

POINTS, TRADES, SINGLES, TURNS = 252, 40, 50, 5
START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = [START + timedelta(days=n) for n in range(POINTS)]
STRATEGIES = ["sma_cross", "rsi_reversion", "breakout", "carry", "pairs"]
METRICS = [f"score_{number}" for number in range(1, 25)]

Run = dict[str, Any]


class Store(Protocol):
    """What is asked of every store; `save` and `save_many` give the names it will know them by."""

    PACKAGES: tuple[str, ...]
    TOLERANCE: float  # of its Sharpe ratios, where it computes them in its own way

    def __init__(self, folder: Path) -> None: ...
    def save(self, run: Run) -> str: ...
    def save_many(self, runs: list[Run]) -> list[str]: ...
    def best(self, n: int) -> list[str]: ...
    def mean_by_strategy(self) -> dict[str, float]: ...
    def with_fast(self, value: int) -> list[str]: ...
    def curve(self, name: str) -> list[float]: ...


def made(number: int) -> Run:
    """A run like any other: labels, parameters, 25 metrics, a daily curve of a year, 40 trades."""
    chance = random.Random(number)
    returns = [chance.gauss(0.0004, 0.01) for _ in range(POINTS - 1)]
    equity = [100_000.0]
    for value in returns:
        equity.append(equity[-1] * (1 + value))
    entries = sorted(chance.sample(range(POINTS - 5), TRADES))
    return {
        "strategy": STRATEGIES[number % len(STRATEGIES)],
        "symbol": f"SYM{number % 50:02d}",
        "params": {"fast": 5 + number % 10, "slow": 50 + number // 10 % 20},
        "metrics": {
            "sharpe_ratio": sharpe(equity),
            **{name: chance.gauss(1, 0.5) for name in METRICS},
        },
        "equity": equity,
        "trades": [
            {
                "entry_at": DAYS[entry].isoformat(),
                "exit_at": DAYS[entry + 3].isoformat(),
                "side": "long",
                "quantity": 10.0,
                "entry_price": 100.0,
                "exit_price": 101.0 + number % 3,
                "pnl": 10.0 * (1 + number % 3),
            }
            for entry in entries
        ],
    }


def sharpe(equity: list[float]) -> float:
    returns = [after / before - 1 for before, after in pairwise(equity)]
    return statistics.fmean(returns) / statistics.stdev(returns) * 252**0.5


def measure(name: str, folder: Path, count: int) -> dict[str, Any]:
    kind = importlib.import_module(name).Store
    singles = [made(-1 - n) for n in range(SINGLES)]
    alone = kind(folder / "one by one")
    took = [timed(lambda run=run: alone.save(run))[0] for run in singles]

    runs = [made(number) for number in range(count)]
    store = kind(folder / "many")
    seconds, names = timed(lambda: store.save_many(runs))
    number_of = {name: number for number, name in enumerate(names)}
    ranked = sorted(range(count), key=lambda n: -runs[n]["metrics"]["sharpe_ratio"])[:10]
    fast = [n for n in range(count) if runs[n]["params"]["fast"] == 10]
    figures = {
        "save one run": (statistics.median(took) * 1e3, "ms"),
        "save many at once": (count / seconds, "runs/s"),
        "on disk": (size(folder / "many") / count / 1e3, "KB a run"),
    }
    questions: dict[str, tuple[Callable[[], Any], Callable[[Any], bool]]] = {
        "best 10 by Sharpe": (
            lambda: store.best(10),
            lambda found: [number_of[name] for name in found] == ranked,
        ),
        "mean Sharpe by strategy": (
            store.mean_by_strategy,
            lambda found: close(found.values(), means(runs, found), kind.TOLERANCE),
        ),
        "runs with fast = 10": (
            lambda: store.with_fast(10),
            lambda found: sorted(number_of[name] for name in found) == fast,
        ),
        "curve of one run": (
            lambda: store.curve(names[count // 2]),
            lambda found: close(found, runs[count // 2]["equity"], 1e-9),
        ),
    }
    for what, (ask, right) in questions.items():
        turns = [timed(ask) for _ in range(TURNS)]
        if not right(turns[-1][1]):
            raise AssertionError(f"{name}: wrong answer to {what!r}")
        figures[what] = (statistics.median(seconds for seconds, _ in turns) * 1e3, "ms")
    return {"figures": figures, "versions": {p: version(p) for p in kind.PACKAGES}}


def means(runs: list[Run], strategies: Iterable[str]) -> list[float]:
    return [
        statistics.fmean(
            run["metrics"]["sharpe_ratio"] for run in runs if run["strategy"] == strategy
        )
        for strategy in strategies
    ]


def close(found: Iterable[float], expected: list[float], tolerance: float) -> bool:
    pairs = zip(found, expected, strict=True)
    return all(abs(a - b) <= tolerance * max(1, abs(b)) for a, b in pairs)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def size(folder: Path) -> int:
    """What the files take up, holes of sparse files not counted."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    store, folder, *count = sys.argv[1:]
    if count:
        print(json.dumps(measure(store, Path(folder), int(count[0]))))
    else:
        print(importlib.import_module(store).Store(Path(folder, "many")).best(10))
