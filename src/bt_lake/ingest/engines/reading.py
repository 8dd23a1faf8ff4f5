"""What the adapters share: types told by name, plain numbers, plain parameters, times."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.values import found

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

# Divisors that bring a source's unit to the lake's.
SAME = 1.0
PERCENT = 100.0
POSITIVE_DRAWDOWN = -1.0
POSITIVE_DRAWDOWN_PERCENT = -100.0

# Source's name -> (canonical or free name, divisor).
Names = Mapping[str, tuple[str, float]]

_SCALARS = (
    bool,
    int,
    float,
    str,
    Decimal,
    Fraction,
    dt.date,
    dt.time,
    dt.timedelta,
    PurePath,
    Enum,
)


def is_a(obj: object, package: str, *names: str) -> bool:
    """Whether a class of that name from that package is among the bases; imports nothing."""
    return any(
        base.__name__ in names and base.__module__.split(".")[0] == package
        for base in type(obj).__mro__
    )


def number(value: object) -> float | None:
    """A finite number, or None for whatever is undefined, unbounded or not a number."""
    if value is None or isinstance(value, (str, bytes, bool)):
        return None
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def report(stats: Mapping[str, Any], names: Names) -> dict[str, float]:
    """What the source claims, in the lake's names and units; the undefined is left out."""
    found = {}
    for theirs, (ours, divisor) in names.items():
        value = number(stats.get(theirs))
        if value is not None:
            found[ours] = value / divisor + 0.0  # + 0.0 turns -0.0 into 0.0
    return found


def days(value: object) -> float | None:
    """Length of a timedelta of the standard library, pandas or numpy in days; None for others."""
    seconds: Callable[[], float] | None = getattr(value, "total_seconds", None)
    return number(seconds() / 86_400) if seconds else None


def plain(params: Mapping[Any, Any]) -> dict[str, Any]:
    """Parameters that are data; a class or function is named, any other object is left out."""
    kept = {str(key): _named(value) for key, value in params.items()}
    return {key: value for key, value in kept.items() if _is_data(value)}


def _named(value: Any) -> Any:
    return value.__qualname__ if isinstance(value, type) or callable(value) else value


def _is_data(value: Any) -> bool:
    if value is None or isinstance(value, _SCALARS) or type(value).__module__ == "numpy":
        return True
    if isinstance(value, Mapping):
        return all(_is_data(item) for item in value.values())
    return isinstance(value, (list, tuple, set, frozenset)) and all(map(_is_data, value))


def text(value: object) -> str | None:
    """A tag as text: strings as they are, structures as JSON."""
    if value is None or value != value:  # NaN
        return None
    return value if isinstance(value, str) else json.dumps(value, default=str)


def untexted(value: object) -> object:
    """What a text stands for: some sources store every parameter as text."""
    return found(value) if isinstance(value, str) else value


def one(values: Iterable[Any]) -> str | None:
    """The single distinct value, such as the only symbol traded, or None."""
    distinct = {str(value) for value in values if value not in (None, "")}
    return distinct.pop() if len(distinct) == 1 else None


def dated(index: Any, engine: str) -> Any:
    """The index, if its entries are times."""
    if type(index).__name__ != "DatetimeIndex":
        raise BadInput(
            f"this {engine} result is indexed by {type(index).__name__}, not by dates; "
            "run the backtest on data with a DatetimeIndex"
        )
    return index


def instants(index: Any) -> NDArray[np.datetime64]:
    """A DatetimeIndex or an array of times in UTC."""
    import numpy as np

    naive = index.tz_convert(None) if getattr(index, "tz", None) is not None else index
    return np.asarray(naive, dtype="datetime64[us]")


def timeframe(index: Any) -> str | None:
    """Bar size by the median step of a DatetimeIndex or an array of times."""
    import numpy as np

    from bt_lake.metrics import timeframe_of

    at = instants(index).astype(np.int64)
    return timeframe_of(at, np.array([0, len(at)]))[0]


@cache
def version(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def net_returns(
    symbol: Sequence[Any],
    quantity: ArrayLike,
    entry_price: ArrayLike,
    exit_price: ArrayLike,
    pnl: ArrayLike,
    fees: ArrayLike,
) -> NDArray[Any]:
    """Net pnl over the money moved at entry, contract multipliers included.

    No source names its multipliers; the gross profits of a symbol against its price moves do.
    """
    import numpy as np

    names, code = np.unique(np.asarray(symbol, dtype=str), return_inverse=True)
    units = np.asarray(quantity, dtype=np.float64)
    entry, exit_, net = (np.asarray(v, dtype=np.float64) for v in (entry_price, exit_price, pnl))
    gross = np.nan_to_num(np.abs(net + np.asarray(fees, dtype=np.float64)))
    moved = np.nan_to_num(units * np.abs(exit_ - entry))
    totals = [np.bincount(code, weights=each, minlength=len(names)) for each in (gross, moved)]
    multiplier = totals[0] / np.where(totals[1] == 0, np.nan, totals[1])
    # prices and profits are rounded: what is nearly 1 is 1
    known = np.isfinite(multiplier) & (multiplier > 0) & (np.abs(multiplier - 1) > 0.05)
    value = units * entry * np.where(known, multiplier, 1.0)[code]
    result: NDArray[Any] = net / np.where(value == 0, np.nan, value)
    return result
