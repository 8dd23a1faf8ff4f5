"""The equity curve of LEAN: a chart, sampled every few minutes rather than bar by bar."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.formats.lean.keys import get, low

if TYPE_CHECKING:
    from numpy.typing import NDArray


def curve(charts: Any) -> dict[str, NDArray[Any]] | None:
    """Points without a value are left out; the benchmark is given where it has the same time."""
    import numpy as np

    equity = dict(_points(get(charts, "Strategy Equity", "series", "Equity", "values")))
    if not equity:
        return None
    benchmark = dict(_points(get(charts, "Benchmark", "series", "Benchmark", "values")))
    columns = {
        "ts": np.array(list(equity), np.int64).astype("datetime64[s]"),
        "equity": np.array(list(equity.values()), np.float64),
    }
    if benchmark:
        nan = float("nan")
        columns["benchmark"] = np.array([benchmark.get(at, nan) for at in equity], np.float64)
    return columns


def _points(values: Any) -> Iterator[tuple[int, float]]:
    """`[seconds, y]`, `[seconds, open, high, low, close]` or `{"x": seconds, "y": y}`."""
    for value in values or ():
        if isinstance(value, dict):
            point = low(value)
            at, y = point["x"], point.get("y", point.get("close"))
        else:
            at, y = value[0], value[-1]
        if y is not None:
            yield int(at), float(y)
