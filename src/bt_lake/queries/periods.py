"""Metrics of curves by the calendar: each year, quarter or month as a run of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics import NONE, curve_metrics
from bt_lake.metrics.segments import Ints
from bt_lake.metrics.zones import local_months
from bt_lake.queries.tracks import Track
from bt_lake.warehouse.errors import UnknownName

PERIODS = {"year": 12, "quarter": 3, "month": 1}  # in months


@dataclass(frozen=True)
class ByPeriod:
    """`numbers` are the months since 1970 that each period begins with."""

    numbers: Ints
    metrics: dict[str, NDArray[Any]]


def by_period(track: Track, period: str) -> ByPeriod:
    """Each begins with the last equity before it; a period without points is absent."""
    if period not in PERIODS:
        raise UnknownName.near("period", period, PERIODS, f" There are {', '.join(PERIODS)}.")
    months = local_months(track.ts, track.row["time_zone"]) // PERIODS[period] * PERIODS[period]
    starts = np.flatnonzero(np.diff(months, prepend=-(2**40)))
    before = np.maximum(starts - 1, 0)
    capital = np.where(starts > 0, track.equity[before], track.base)
    begun = np.where(starts > 0, track.ts[before], NONE)
    year = np.full(starts.size, track.periods_per_year)
    bounds = np.append(starts, track.ts.size)
    found = curve_metrics(track.ts, track.equity, bounds, capital, year, begun)
    return ByPeriod(months[starts], found)


def period_name(number: int, period: str) -> str:
    year, month = 1970 + number // 12, number % 12 + 1
    if period == "year":
        return str(year)
    return f"{year}-Q{(month + 2) // 3}" if period == "quarter" else f"{year}-{month:02}"
