"""Round trips from fills, first in, first out: for engines that record transactions only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

# Rebalancing engines leave quantities of 1e-12 behind; real ones are nowhere near so small.
DUST = 1e-9


def round_trips(
    symbol: Sequence[str | None],
    at: NDArray[Any],
    quantity: ArrayLike,
    price: ArrayLike,
    *,
    fee: ArrayLike = 0.0,
    multiplier: ArrayLike = 1.0,
) -> dict[str, Any]:
    """Trades in the lake's columns, one per pair of entry and exit fill; open ones come last.

    `quantity` is signed, `fee` is the fee of a whole fill and is shared out by quantity.
    """
    import numpy as np

    size = np.asarray(quantity, dtype=np.float64)
    cost = np.asarray(price, dtype=np.float64)
    per_unit = np.broadcast_to(np.asarray(fee, dtype=np.float64), size.shape) / np.where(
        size == 0, 1.0, np.abs(size)
    )
    scale = np.broadcast_to(np.asarray(multiplier, dtype=np.float64), size.shape)
    names = np.asarray(symbol, dtype=object)

    entry, exit_, matched = _pairs(names, at, size)
    closed = exit_ >= 0
    side = np.sign(size[entry])
    entry_price = cost[entry]
    exit_price = np.where(closed, cost[exit_], np.nan)
    fees = matched * (per_unit[entry] + np.where(closed, per_unit[exit_], 0.0))
    pnl = side * matched * scale[entry] * (exit_price - entry_price) - fees
    value = matched * scale[entry] * np.abs(entry_price)
    returned = pnl / np.where(value == 0, np.nan, value)
    exit_at = at[exit_]
    exit_at[~closed] = np.datetime64("NaT")
    return {
        "symbol": names[entry],
        "side": np.where(side > 0, "long", "short"),
        "quantity": matched,
        "entry_at": at[entry],
        "exit_at": exit_at,
        "entry_price": entry_price,
        "exit_price": exit_price,
        "pnl": pnl,
        "return": returned,
        "fees": fees,
    }


def _pairs(symbol: NDArray[Any], at: NDArray[Any], quantity: Floats) -> tuple[Ints, Ints, Floats]:
    """Indices of entry and exit fills (-1 while open) and the quantity each pair shares."""
    import numpy as np

    found = [
        (rows[entry], np.where(exit_ < 0, -1, rows[exit_]), matched)
        for rows in _by_symbol(symbol, at)
        for entry, exit_, matched in [_match(quantity[rows])]
    ]
    if not found:
        none = np.empty(0, dtype=np.intp)
        return none, none, np.empty(0)
    entry, exit_, matched = (np.concatenate(column) for column in zip(*found, strict=True))
    order = np.lexsort((entry, at[entry], at[exit_], exit_ < 0))
    return entry[order], exit_[order], matched[order]


def _by_symbol(symbol: NDArray[Any], at: NDArray[Any]) -> Iterator[Ints]:
    """Rows of each symbol in time order; fills of one instant keep the order they came in."""
    import numpy as np

    if not len(symbol):
        return
    _, code = np.unique(symbol.astype(str), return_inverse=True)
    order = np.lexsort((at, code))
    yield from np.split(order, np.flatnonzero(np.diff(code[order])) + 1)


def _match(quantity: Floats) -> tuple[Ints, Ints, Floats]:
    """The n-th unit opened is the n-th unit closed: one axis of units, cut where either ends."""
    import numpy as np

    position = np.cumsum(quantity)
    dust = DUST * max(np.abs(quantity).max(), np.abs(position).max())
    position[np.abs(position) <= dust] = 0.0
    before = np.concatenate(([0.0], position[:-1]))
    size = np.abs(quantity)
    closing = np.where(before * quantity < 0, np.minimum(size, np.abs(before)), 0.0)
    closing[closing <= dust] = 0.0
    opening = size - closing
    opening[opening <= dust] = 0.0

    opened = np.cumsum(opening)
    closed = np.cumsum(closing)
    # Whoever is flat has closed exactly what was opened; without this, dust would add up.
    flat = np.flatnonzero((closing > 0) & (closing >= np.abs(before) - dust))
    if len(flat):
        short = (opened - opening - closed)[flat]
        since = np.searchsorted(flat, np.arange(len(quantity)), side="right") - 1
        closed = closed + np.where(since >= 0, short[since], 0.0)

    openers, closers = np.flatnonzero(opening), np.flatnonzero(closing)
    cuts = np.unique(np.concatenate(([0.0], opened[openers], closed[closers])))
    matched = np.diff(cuts)
    middle = cuts[:-1] + matched / 2
    real = matched > dust
    matched, middle = matched[real], middle[real]
    entry = openers[np.searchsorted(opened[openers], middle)]
    later = np.searchsorted(closed[closers], middle)
    exit_ = np.append(closers, -1)[later]
    return entry, exit_, matched
