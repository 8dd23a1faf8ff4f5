"""A series of simple returns, as quantstats, pyfolio and empyrical take it.

`save` recognises a pandas series with dates only if its name says that it holds returns; a series
of any other name could be equity, and goes in by `Run.from_returns` or `Run(equity=...)`.
"""

from __future__ import annotations

from typing import Any

from bt_lake.ingest.engines.reading import dated, is_a, timeframe
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

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

    if not is_a(obj, "pandas", "Series"):
        raise BadInput(f"returns come as a pandas Series with dates, not {type(obj).__name__}")
    index = dated(obj.index, "returns")
    returns = obj.to_numpy(np.float64)
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
            timeframe=timeframe(index),
            initial_capital=initial_capital,
        )
    ]
