"""What the benchmark of `run` calls: nothing that costs, and something that does."""

from __future__ import annotations

from typing import Any

import numpy as np

POINTS, TRADES = 252, 40
_DAY = np.timedelta64(86_400_000_000, "us")
_TS = np.datetime64("2024-01-01", "us") + np.arange(POINTS) * _DAY
_CURVE = 100_000 * np.exp(np.cumsum(np.random.default_rng(0).normal(0.0004, 0.01, POINTS)))
_PRICES = np.linspace(90.0, 110.0, TRADES)
_TRADES = {
    "side": ["long"] * TRADES,
    "quantity": np.full(TRADES, 10.0),
    "entry_at": _TS[:TRADES],
    "exit_at": _TS[1 : TRADES + 1],
    "entry_price": _PRICES,
    "exit_price": _PRICES + 1,
    "pnl": np.full(TRADES, 10.0),
    "return": 1 / _PRICES,
}


def nothing(n: int) -> dict[str, Any]:
    """A run with a curve and trades, at no cost."""
    return {"equity": {"ts": _TS, "equity": _CURVE + n}, "trades": _TRADES}


def busy(n: int) -> dict[str, Any]:
    """The same after some 20 ms of one core."""
    total = 0
    for number in range(350_000):
        total += number * n % 7
    return {**nothing(n), "metrics": {"total": total}}
