"""Buy what has fallen too fast, hold it until it has recovered.

bt-lake run examples/rsi_reversion.py:run --grid period=7,14,21 --grid low=20:35:5
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.examples.market import Floats, between, prices
from bt_lake.examples.trading import backtest


def run(
    period: int = 14,
    low: float = 30,
    high: float = 55,
    exit_rule: str = "signal",
    symbol: str = "SYNTH",
    data: str | None = None,
    start: str | None = None,
    end: str | None = None,
) -> dict[str, Any]:
    """One backtest: long from an RSI below `low` until one above `high`."""
    times, closes = prices(symbol, data)
    strength = rsi(closes, period)
    wanted = since(strength < low, strength > high)
    part = between(times, start, end)
    return {"symbol": symbol, **backtest(times[part], closes[part], wanted[part], exit_rule)}


def rsi(closes: Floats, period: int) -> Floats:
    """The relative strength index with plain means; NaN until there are enough closes."""
    changes = np.diff(closes)
    kernel = np.ones(period)
    ups = np.convolve(np.maximum(changes, 0), kernel, "valid")
    downs = np.convolve(np.maximum(-changes, 0), kernel, "valid")
    values = np.full(closes.size, np.nan)
    with np.errstate(invalid="ignore"):  # no change at all: undefined
        values[period:] = 100 * ups / (ups + downs)
    return values


def since(begins: NDArray[np.bool_], ends: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True from where something begins until it ends."""
    marks = np.where(begins, 1, np.where(ends, -1, 0))
    places = np.maximum.accumulate(np.where(marks != 0, np.arange(marks.size), 0))
    begun: NDArray[np.bool_] = marks[places] == 1
    return begun
