"""Trades from the positions report of nautilus_trader, in which amounts are text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.engines.reading import net_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

AMOUNT = re.compile(r"(?<![\d.])(-?[\d.]++(?:[eE][+-]?\d+)?) ([A-Za-z0-9]+)")


def read(frame: Any) -> dict[str, Any]:
    """One trade per position; with netting the cycles of a position are rows of their own."""
    import numpy as np

    frame = frame.sort_values("ts_last") if len(frame) else frame
    if not len(frame.columns):
        return {}
    exit_at = _times(frame["ts_closed"])
    closed = ~np.isnat(exit_at)
    symbol = frame["instrument_id"].astype(str).tolist()
    # `quantity` is what is left, 0 after closing
    quantity = frame["peak_qty"].astype(float).to_numpy()
    entry_price, exit_price = (
        frame[name].astype(float).to_numpy() for name in ("avg_px_open", "avg_px_close")
    )
    net = np.array([_amount(text) for text in frame["realized_pnl"]])
    pnl = np.where(closed, net, np.nan)
    fees = np.array(
        [
            _fees(paid, currency_of(profit))
            for paid, profit in zip(frame["commissions"], frame["realized_pnl"], strict=True)
        ]
    )
    return {
        "symbol": symbol,
        "side": ["long" if entry == "BUY" else "short" for entry in frame["entry"].astype(str)],
        "quantity": quantity,
        "entry_at": _times(frame["ts_opened"]),
        "exit_at": exit_at,
        "entry_price": entry_price,
        "exit_price": np.where(closed, exit_price, np.nan),
        "pnl": pnl,
        # `realized_return` is rounded and gross of commissions
        "return": net_returns(symbol, quantity, entry_price, exit_price, pnl, fees),
        "fees": fees,
    }


def some_open(trades: Any) -> bool:
    import numpy as np

    return bool(np.isnat(trades["exit_at"]).any())


def currency_of(amount: object) -> str | None:
    """USDT of '529.55467000 USDT'."""
    found = AMOUNT.search(str(amount))
    return found and found[2]


def _amount(text: object) -> float:
    found = AMOUNT.search(str(text))
    return float(found[1]) if found else float("nan")


def _fees(commissions: object, currency: str | None) -> float:
    """Those in the currency of the profit; what was paid in coins bought is not part of it."""
    return sum(float(paid) for paid, unit in AMOUNT.findall(str(commissions)) if unit == currency)


def _times(column: Any) -> NDArray[Any]:
    naive: NDArray[Any] = column.astype("datetime64[ns, UTC]").dt.tz_convert(None).to_numpy()
    return naive.astype("datetime64[us]")
