"""Trading a wish to be long on closes: all in or all out, fees, and two ways to get out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.examples.market import Floats, Times

CAPITAL = 100_000.0
FEE = 0.0005  # of what is bought or sold
TRAIL = 0.05  # below the highest close since entry, the trailing stop sells
EXIT_RULES = ("signal", "trailing")


def backtest(
    times: Times, closes: Floats, wanted: NDArray[np.bool_], exit_rule: str
) -> dict[str, Any]:
    """What is wanted at one close is done at the next. Gives a run document for `lake.save`."""
    if exit_rule not in EXIT_RULES:
        raise ValueError(f"exit_rule is {exit_rule!r}; it is one of {', '.join(EXIT_RULES)}")
    if closes.size < 2:
        raise ValueError("there are no two closes in this span of time")
    entries, exits, reasons = _trades(closes, wanted, exit_rule)
    growth = np.ones(closes.size)
    ratio = closes[1:] / closes[:-1]
    for entry, exit_ in zip(entries, exits, strict=True):
        growth[entry + 1 : exit_ + 1] *= ratio[entry:exit_]
    np.multiply.at(growth, entries, 1 - FEE)
    np.multiply.at(growth, exits, 1 - FEE)
    equity = CAPITAL * np.cumprod(growth)
    staked = equity[entries] / (1 - FEE)  # before the fee of the entry
    pnl = equity[exits] - staked
    quantity = equity[entries] / closes[entries]
    return {
        "timeframe": "1d",
        "initial_capital": CAPITAL,
        "exit_rule": exit_rule,
        "equity": {"ts": times, "equity": equity},
        "trades": {
            "side": ["long"] * entries.size,
            "quantity": quantity,
            "entry_at": times[entries],
            "exit_at": times[exits],
            "entry_price": closes[entries],
            "exit_price": closes[exits],
            "pnl": pnl,
            "return": pnl / staked,
            "fees": FEE * (staked + quantity * closes[exits]),
            "exit_reason": reasons,
        },
    }


def _trades(
    closes: Floats, wanted: NDArray[np.bool_], exit_rule: str
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Bars of entry and of exit; what is still held at the end is sold there."""
    last = closes.size - 1
    edges = np.diff(np.concatenate(([False], wanted[:-1], [False])).astype(np.int8))
    entries = np.flatnonzero(edges == 1) + 1
    exits = np.minimum(np.flatnonzero(edges == -1) + 1, last)
    entries, exits = entries[entries < last], exits[entries < last]
    reasons = ["end" if exit_ == last else "signal" for exit_ in exits]
    if exit_rule == "trailing":
        for number, (entry, exit_) in enumerate(zip(entries, exits, strict=True)):
            held = closes[entry:exit_]
            fallen = np.flatnonzero(held < (1 - TRAIL) * np.maximum.accumulate(held))
            if fallen.size:
                exits[number] = entry + fallen[0] + 1
                reasons[number] = "trailing stop"
    return entries, exits, reasons
