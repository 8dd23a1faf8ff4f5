"""Values that a row proves to be in another unit than its column, and those that stand out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bt_lake.ingest.stores.survey import Floats
from bt_lake.ingest.stores.units import FAR_APART, SHARES, Unit

_NEAR = 0.02  # stores round: two digits of a percentage are a hundredth of a small return
_LEAST = 1e-3  # smaller than this an expected value proves nothing
STANDS_OUT = 100.0
_FEW = 10  # of fewer values none stands out
_RATES = {"win_rate"}


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


def standing_out(ours: str, unit: Unit, values: Floats) -> set[int]:
    """The places of values that look like those of another unit than their column has."""
    sizes = np.abs(values)
    there = np.isfinite(sizes) & (sizes > 0)
    if there.sum() < _FEW:
        return set()
    middle = np.median(sizes[there])
    odd = there & (sizes > STANDS_OUT * middle)
    if ours in SHARES and unit is Unit.PERCENT:
        odd |= there & (sizes <= 1) & (sizes * FAR_APART < middle)
    if ours in SHARES and unit is Unit.FRACTION:
        odd |= there & (sizes > 1)
    return set(np.flatnonzero(odd).tolist())


def is_none(ours: str, unit: Unit, value: float) -> bool:
    """Whether a value that stands out is none of its kind: a win rate below 1 % or above all."""
    return ours in _RATES and (abs(value) <= 1) == (unit is Unit.PERCENT)
