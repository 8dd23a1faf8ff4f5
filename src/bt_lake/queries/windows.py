"""A window of time, and what the curves say of runs within it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics import NONE, curve_metrics
from bt_lake.metrics.beside import Levels, benchmark_metrics
from bt_lake.metrics.segments import Floats
from bt_lake.queries.filters import Time, is_day, moment
from bt_lake.queries.points import Owners, Points, pieces
from bt_lake.warehouse.errors import BadInput

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_OPEN = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to before `stop`, in microseconds; `text` is how it was asked for."""

    start: int
    stop: int
    text: str

    @classmethod
    def of(cls, start: Time, end: Time) -> Self | None:
        """Both ends included, a date as its whole day; None where neither is given."""
        if start is None and end is None:
            return None
        first = _OPEN.min if start is None else _micros(moment("from", start))
        last = _OPEN.max if end is None else _micros(moment("to", end)) + 1
        if end is not None and is_day(end):
            last += timedelta(days=1) // _MICROSECOND - 1
        if first >= last:
            raise BadInput(f"the window is empty: it starts at {start} and ends at {end}")
        parts = [
            f"from {start}" if start is not None else "",
            f"to {end}" if end is not None else "",
        ]
        return cls(first, last, " ".join(filter(None, parts)))

    def of_points(self, points: Points) -> Points:
        return points.between(self.start, self.stop)


def measured(
    connection: DuckDBPyConnection, owners: Owners, periods_per_year: Floats, window: Window
) -> dict[str, NDArray[Any]]:
    """The metrics that follow from the curves, for the window alone; see `curve_metrics`.

    The last point before the window is the capital it starts with.
    """
    parts = []
    start = 0
    for piece in pieces(connection, owners, levels=True):
        inside = window.of_points(piece)
        stop = start + inside.base.size
        parts.append(metrics_of(inside, periods_per_year[start:stop], owners.zones[start:stop]))
        start = stop
    if not parts:
        none, no_time = np.zeros(0), np.zeros(0, np.int64)
        nothing = Levels(no_time, none, np.zeros(1, np.int64))
        parts = [
            metrics_of(Points(no_time, none, nothing.offsets, none, no_time, nothing), none, [])
        ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def metrics_of(
    points: Points, periods_per_year: Floats, zones: Sequence[str | None]
) -> dict[str, NDArray[Any]]:
    """Everything that these curves tell, and the benchmarks in them."""
    curves = curve_metrics(
        points.ts, points.equity, points.offsets, points.base, periods_per_year, points.base_at
    )
    if points.levels is None:
        return curves
    return curves | benchmark_metrics(
        points.ts,
        points.equity,
        points.offsets,
        points.base,
        curves["periods_per_year"],
        points.base_at,
        points.levels,
        zones,
    )


def as_floats(values: NDArray[Any]) -> Floats:
    """Counts as floats, NaN where undefined."""
    return np.where(values == NONE, np.nan, values) if values.dtype.kind == "i" else values


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
