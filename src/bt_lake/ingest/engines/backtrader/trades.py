"""Trades of a backtrader strategy: its Trade objects, completed from the executions of its orders.

A closed Trade has forgotten its size and never knew its exit price; both are in the orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.engines.reading import net_returns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

EPOCH = 719_163  # ordinal of 1970-01-01
NAN = float("nan")


@dataclass(slots=True)
class Filled:
    """What went into a trade and what came out of it."""

    size: float = 0.0
    entered: float = 0.0
    paid: float = 0.0
    left: float = 0.0
    received: float = 0.0

    def add(self, size: float, price: float) -> None:
        before = abs(self.size)
        self.size += size
        if abs(self.size) > before:
            self.entered += abs(size)
            self.paid += abs(size) * price
        else:
            self.left += abs(size)
            self.received += abs(size) * price


def times(numbers: ArrayLike) -> NDArray[np.datetime64]:
    """backtrader's days since year 1, which are floats and exact to about ten microseconds."""
    import numpy as np

    milliseconds = np.round((np.asarray(numbers, np.float64) - EPOCH) * 86_400_000)
    return milliseconds.astype("datetime64[ms]").astype("datetime64[us]")


def read(strategy: Any) -> dict[str, Any]:
    import numpy as np

    found = list(_with_fills(strategy))
    closed = np.array([bool(trade.isclosed) for trade, _ in found], dtype=bool)
    symbol = [trade.data._name or None for trade, _ in found]
    quantity = np.array([fill.entered or NAN for _, fill in found])
    entry_price = np.array(
        [fill.paid / fill.entered if fill.entered else trade.price for trade, fill in found]
    )
    exit_price = np.array([fill.received / fill.left if fill.left else NAN for _, fill in found])
    fees = np.array([trade.commission for trade, _ in found], np.float64)
    pnl = np.where(closed, np.array([trade.pnlcomm for trade, _ in found], np.float64), np.nan)
    exit_at = times([trade.dtclose for trade, _ in found])
    exit_at[~closed] = np.datetime64("NaT")
    return {
        "symbol": symbol,
        "side": ["long" if trade.long else "short" for trade, _ in found],
        "quantity": quantity,
        "entry_at": times([trade.dtopen for trade, _ in found]),
        "exit_at": exit_at,
        "entry_price": entry_price,
        "exit_price": np.where(closed, exit_price, np.nan),
        "pnl": pnl,
        "return": net_returns(symbol, quantity, entry_price, exit_price, pnl, fees),
        "fees": fees,
    }


def _with_fills(strategy: Any) -> Iterator[tuple[Any, Filled]]:
    """Trades in the order they were closed, each with its executions where these are known."""
    fills = _fills(strategy)
    found = [
        pair
        for data, by_id in strategy._trades.items()
        for tradeid, listed in by_id.items()
        for pair in _paired(listed, fills[id(data), tradeid])
        if pair[0].isclosed or pair[0].isopen
    ]
    yield from sorted(found, key=lambda pair: (not pair[0].isclosed, pair[0].dtclose, pair[0].ref))


def _paired(listed: list[Any], fills: list[Filled]) -> Iterator[tuple[Any, Filled]]:
    complete = len(listed) == len(fills)
    for i, trade in enumerate(listed):
        yield trade, fills[i] if complete else Filled()


def _fills(strategy: Any) -> dict[tuple[int, Any], list[Filled]]:
    """Executions by data and trade id, cut where the size is back at zero, as backtrader cuts."""
    orders = {order.ref: order for order in strategy._orders}
    bits = [(bit, order) for order in orders.values() for bit in order.executed.exbits]
    bits.sort(key=lambda pair: pair[0].dt)
    found: dict[tuple[int, Any], list[Filled]] = defaultdict(list)
    for bit, order in bits:
        filled = found[id(getattr(order.data, "_compensate", None) or order.data), order.tradeid]
        for part in (bit.closed, bit.opened):
            if part:
                if not filled or not filled[-1].size:
                    filled.append(Filled())
                filled[-1].add(part, bit.price)
    return found
