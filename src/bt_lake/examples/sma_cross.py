"""Long while the fast moving average is above the slow one.

bt-lake run examples/sma_cross.py:run -p fast=10 -p slow=50
bt-lake run examples/sma_cross.py:run --grid fast=5:45:5 --grid slow=50:130:10
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bt_lake.examples.market import Floats, between, prices
from bt_lake.examples.trading import backtest


def run(
    fast: int = 10,
    slow: int = 50,
    exit_rule: str = "signal",
    symbol: str = "SYNTH",
    data: str | None = None,
    start: str | None = None,
    end: str | None = None,
) -> dict[str, Any]:
    """One backtest; the averages may look back to before `start`."""
    times, closes = prices(symbol, data)
    wanted = mean(closes, fast) > mean(closes, slow)
    part = between(times, start, end)
    return {"symbol": symbol, **backtest(times[part], closes[part], wanted[part], exit_rule)}


def mean(closes: Floats, length: int) -> Floats:
    """The simple moving average; NaN until there are enough closes."""
    sums = np.cumsum(np.concatenate(([0.0], closes)))
    means = np.full(closes.size, np.nan)
    means[length - 1 :] = (sums[length:] - sums[:-length]) / length
    return means
