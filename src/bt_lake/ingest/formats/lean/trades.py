"""The closed trades of LEAN, whose profit is before fees."""

from __future__ import annotations

from typing import Any

from bt_lake.ingest.engines.reading import net_returns, number
from bt_lake.ingest.formats.lean.keys import get, low

SHORT = (1, "1", "short")


def read(closed: list[Any]) -> dict[str, Any]:
    """What is still open at the end is not in the file."""
    import numpy as np

    trades = [low(trade) for trade in closed]

    def numbers(name: str) -> Any:
        return np.array([number(trade.get(name)) for trade in trades], np.float64)

    def column(name: str) -> list[Any]:
        return [trade.get(name) for trade in trades]

    symbol = [_symbol(trade) for trade in trades]
    quantity, entry, exit_ = (numbers(name) for name in ("quantity", "entryprice", "exitprice"))
    fees = numbers("totalfees")
    pnl = numbers("profitloss") - np.nan_to_num(fees)
    return {
        "symbol": symbol,
        "side": ["short" if _lower(side) in SHORT else "long" for side in column("direction")],
        "quantity": quantity,
        "entry_at": column("entrytime"),
        "exit_at": column("exittime"),
        "entry_price": entry,
        "exit_price": exit_,
        "pnl": pnl,
        "return": net_returns(symbol, quantity, entry, exit_, pnl, np.nan_to_num(fees)),
        "fees": fees,
        "mae": numbers("mae"),
        "mfe": numbers("mfe"),
        "order_ids": column("orderids"),
    }


def _symbol(trade: dict[str, Any]) -> str | None:
    """One symbol in older files, a list of them (the legs of an option strategy) in newer ones."""
    symbols = trade.get("symbols") or [trade.get("symbol")]
    names = [get(symbol, "value") or symbol for symbol in symbols]
    return "+".join(str(name) for name in names if name) or None


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
