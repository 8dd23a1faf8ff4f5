"""Returns of curves by their local days, and how alike those of several are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bt_lake.metrics.segments import ROUNDING, Floats, Ints
from bt_lake.metrics.zones import local_days
from bt_lake.queries.tracks import Track

FEWEST_DAYS = 3  # in common, for a correlation to say anything


@dataclass(frozen=True, slots=True)
class Daily:
    """Returns of a curve by its local days."""

    run_id: str
    days: Ints
    r: Floats

    @classmethod
    def of(cls, track: Track) -> Daily:
        days = local_days(track.ts, track.row["time_zone"])
        last = np.append(days[1:] != days[:-1], True) if days.size else np.zeros(0, bool)
        closes, days = track.equity[last], days[last]
        known = closes[:-1] > 0
        return cls(track.run_id, days[1:][known], (closes[1:] / closes[:-1] - 1.0)[known])

    def correlation(self, other: Daily) -> float | None:
        """None where they have too little in common, or one does not move."""
        found = correlations([self, other])[0][0, 1]
        return None if np.isnan(found) else float(found)


def correlations(parts: Sequence[Daily]) -> tuple[Floats, Ints]:
    """Of each two over the days that both have, NaN where it is undefined; and how many those are.

    Sums over the days of a pair are products of matrices, so that 1,000 runs take no longer than it
    takes to read them.
    """
    days = np.unique(np.concatenate([np.zeros(0, np.int64), *(part.days for part in parts)]))
    there = np.zeros((days.size, len(parts)))
    values = np.zeros((days.size, len(parts)))
    for column, part in enumerate(parts):
        places = np.searchsorted(days, part.days)
        there[places, column] = 1.0
        # Less its mean: sums of squares of small numbers about 0 lose nothing.
        values[places, column] = part.r - (part.r.mean() if part.r.size else 0.0)
    common = there.T @ there
    sums = values.T @ there  # of the one, over the days of both
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (values * values).T @ there - sums * sums / common
        together = values.T @ values - sums * sums.T / common
        moves = spread > ROUNDING**2 * common
        alike = together / np.sqrt(spread * spread.T)
    defined = moves & moves.T & (common >= FEWEST_DAYS)
    return np.where(defined, np.clip(alike, -1.0, 1.0), np.nan), common.astype(np.int64)
