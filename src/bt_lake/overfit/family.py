"""The trials a question is about, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bt_lake.overfit.align import Curves
from bt_lake.overfit.arrays import Bools, Floats

_YEAR = 365.25 * 86_400_000_000  # in microseconds


@dataclass(frozen=True, slots=True)
class Family:
    """All trials, deleted and failed ones too, in the order of their ids: ties go to the first.

    Columns are those of `runs`, NaN for NULL. `params` may hold labels beside the parameters, such
    as the symbol: neighbours in the grid then share them.
    """

    ids: Sequence[str]
    sharpe_period: Floats
    n_returns: Floats
    skew: Floats
    kurtosis: Floats
    periods_per_year: Floats
    failed: Bools
    deleted: Bools
    params: Sequence[Mapping[str, Any] | None]
    curves: Curves | None = None
    name: str = "family"
    notes: tuple[str, ...] = ()  # what was left out in gathering it

    def __len__(self) -> int:
        return len(self.ids)

    def best(self) -> int | None:
        """The live trial with the highest annual Sharpe ratio; None where no live trial has one."""
        able = np.isfinite(self.sharpe_period) & ~self.failed & ~self.deleted
        if not able.any():
            return None
        annual = self.sharpe_period * np.sqrt(self._periods_per_year())
        return int(np.argmax(np.where(able, annual, -np.inf)))

    def sharpe_in_periods_of(self, trial: int) -> Floats:
        """Every trial's Sharpe ratio over periods as long as those of `trial`."""
        periods = self._periods_per_year()
        own = float(periods[trial])
        return self.sharpe_period * np.sqrt(periods / own)

    def years_of(self, trial: int) -> float | None:
        """The time from the first point of its curve to the last; without one, from the periods."""
        if self.curves is not None:
            own = self.curves.ts[slice(*self.curves.offsets[trial : trial + 2])]
            if own.size > 1:
                return float(own[-1] - own[0]) / _YEAR
        n, periods = float(self.n_returns[trial]), float(self.periods_per_year[trial])
        return n / periods if periods > 0 and np.isfinite(n) else None

    @property
    def mixes_bar_sizes(self) -> bool:
        return mix_bar_sizes(self.periods_per_year)

    def _periods_per_year(self) -> Floats:
        return known_periods(self.periods_per_year)


def known_periods(periods_per_year: Floats) -> Floats:
    """Unknown ones are taken to be the median of the others, or 1."""
    known = np.isfinite(periods_per_year) & (periods_per_year > 0)
    usual = np.median(periods_per_year[known]) if known.any() else 1.0
    return np.where(known, periods_per_year, usual)


def mix_bar_sizes(periods_per_year: Floats) -> bool:
    periods = known_periods(periods_per_year)
    return bool(periods.size and periods.max() > 1.5 * periods.min())
