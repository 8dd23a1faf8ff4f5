"""Values that a row proves to be in another unit than its column, and those that stand out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bt_lake.ingest.stores.units import Unit

_NEAR = 0.02  # stores round: two digits of a percentage are a hundredth of a small return
_LEAST = 1e-3  # smaller than this an expected value proves nothing
STANDS_OUT = 100.0


def proved(ours: str, value: float, metrics: Mapping[str, Any]) -> Unit | None:
    """The unit in which a value is what other columns of its row say; None where they are silent.

    A return by capital, a win rate by the trades that won.
    """
    expected, base = _expected(ours, metrics)
    if expected is None or abs(expected) <= _LEAST:
        return None
    scales = {Unit.FRACTION: 1.0, Unit.PERCENT: 100.0}
    if ours == "total_return" and base:
        scales[Unit.MONEY] = base
    for unit, scale in scales.items():
        if abs(value - expected * scale) <= _NEAR * abs(expected * scale):
            return unit
    return None


def _expected(ours: str, metrics: Mapping[str, Any]) -> tuple[float | None, float | None]:
    names = {
        "total_return": ("final_equity", "initial_capital"),
        "win_rate": ("winning_trades", "total_trades"),
    }
    over, under = names.get(ours, ("", ""))
    top, base = metrics.get(over), metrics.get(under)
    if top is None or not base:
        return None, None
    return top / base - (ours == "total_return"), base


def standing_out(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[int]:
    """The places of values a hundred times as large as half of the others."""
    sizes = np.abs(values)
    there = sizes[np.isfinite(sizes) & (sizes > 0)]
    if len(there) < 10:
        return []
    places: list[int] = np.flatnonzero(sizes > STANDS_OUT * np.median(there)).tolist()
    return places
