"""Daily prices: made up, the same every time, or from a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.datetime64]
Floats = NDArray[np.float64]
FIRST, LAST = "2019-01-01", "2024-12-31"


def prices(symbol: str, data: str | None = None) -> tuple[Times, Floats]:
    """Times and closes; without `data` (a CSV with the columns date and close) made up ones."""
    return synthetic(symbol) if data is None else from_csv(data)


def synthetic(symbol: str) -> tuple[Times, Floats]:
    """A random walk whose drift changes every few months; each symbol has one of its own."""
    days = np.arange(FIRST, np.datetime64(LAST) + 1, dtype="datetime64[D]")
    days = days[np.is_busday(days)]
    random = np.random.default_rng(crc32(symbol.encode()))
    months = random.integers(3, 9, size=days.size)  # more than are ever needed
    drifts = np.repeat(random.normal(0.0003, 0.0007, size=days.size), 21 * months)[: days.size]
    returns = drifts + random.normal(0, 0.01, size=days.size)
    # To the cent, like prices: the last digits of exp depend on the processor.
    return days.astype("datetime64[us]"), np.round(100 * np.exp(np.cumsum(returns)), 2)


def from_csv(path: str | Path) -> tuple[Times, Floats]:
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [{name.lower(): text for name, text in row.items()} for row in csv.DictReader(file)]
    times = np.array([row["date"] for row in rows], dtype="datetime64[us]")
    closes = np.array([row["close"] for row in rows], dtype=float)
    order = np.argsort(times, kind="stable")
    return times[order], closes[order]


def between(times: Times, start: str | None, end: str | None) -> slice:
    """The part of sorted times from one day to another, both included."""
    first = 0 if start is None else int(np.searchsorted(times, np.datetime64(start)))
    after = times.size
    if end is not None:
        after = int(np.searchsorted(times, np.datetime64(end, "D") + 1))
    return slice(first, after)
