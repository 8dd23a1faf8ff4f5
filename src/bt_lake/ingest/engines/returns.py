"""A series of simple returns, as quantstats, pyfolio and empyrical take it.

`save` recognises a pandas series with dates only if its name says that it holds returns; a series
of any other name could be equity, and goes in by `Run.from_returns` or `Run(equity=...)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_lake.ingest.columns import Columns, columns_of, length
from bt_lake.ingest.engines.reading import dated, is_a, timeframe
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import EQUITY

if TYPE_CHECKING:
    from bt_lake.metrics.segments import Floats

NAMES = {
    f"{whose}{what}"
    for whose in ("", "strategy ", "portfolio ", "algorithm ", "daily ")
    for what in ("return", "returns")
}


def matches(obj: Any) -> bool:
    return (
        is_a(obj, "pandas", "Series")
        and isinstance(obj.name, str)
        and obj.name.lower().replace("_", " ") in NAMES
        and type(obj.index).__name__ == "DatetimeIndex"
    )


def to_runs(obj: Any, initial_capital: float = 1.0) -> list[Run]:
    """The curve that the returns compound to; money is in units of `initial_capital`."""
    import numpy as np

    index, returns = _dated(obj)
    if (returns < -1).any():
        at = index[int(np.argmax(returns < -1))]
        raise BadInput(
            f"the return at {at} is below -1, which loses more than everything; "
            "returns are fractions: divide percent by 100"
        )
    # a missing return, such as the first of pct_change(), is no point of the curve
    grown = initial_capital * np.cumprod(1.0 + np.nan_to_num(returns, nan=0.0))
    return [
        Run(
            equity={"ts": index, "equity": np.where(np.isnan(returns), np.nan, grown)},
            timeframe=timeframe(index) if getattr(index, "dtype", None) is not None else None,
            initial_capital=initial_capital,
        )
    ]


def _dated(obj: Any) -> tuple[Any, Floats]:
    """Times and returns: of a Series, of columns `ts` and another one, or a pair of arrays as
    `equity` takes it."""
    import numpy as np

    if is_a(obj, "pandas", "Series"):
        return dated(obj.index, "returns"), obj.to_numpy(np.float64)
    if isinstance(obj, tuple) and len(obj) == 2:
        columns: Columns | None = {"returns": obj[0], "ts": obj[1]}
    else:
        columns = columns_of(obj, EQUITY)
    if columns is not None and "ts" not in columns and hasattr(obj, "iloc"):
        columns["ts"] = dated(obj.index, "returns")
    if columns is None or len(columns) != 2 or "ts" not in columns:
        found = type(obj).__name__ if columns is None else f"the columns {', '.join(columns)}"
        raise BadInput(
            f"returns are a pandas Series with dates, a frame or dict with the column ts and one "
            f"of returns, or (returns, times) as arrays, not {found}"
        )
    ts = columns.pop("ts")
    (values,) = columns.values()
    if length(values) != length(ts) or length(ts) < 0:
        raise BadInput("returns and their times are not of one length")
    try:
        returns = np.array(values.to_numpy() if hasattr(values, "to_numpy") else values, np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"returns are numbers: {error}") from None
    return ts.to_numpy() if hasattr(ts, "to_numpy") and not hasattr(ts, "tz") else ts, returns
