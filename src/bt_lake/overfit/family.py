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
class Gathered:
    """The runs that a family was made of, and why they are more than its trials."""

    runs: int | None = None
    repeats: int = 0  # of a configuration that is there already
    folds: int = 0  # each a part of its configuration's curve
    in_sample: int = 0  # set aside: out-of-sample runs are judged
    failed_alike: int = 0  # set aside: they failed with the same error before giving a number

    def words(self, trials: int) -> list[str]:
        """What there is beside the trials."""
        if self.runs is None or self.runs == trials:
            return []
        told = (
            (self.repeats, "repeat" if self.repeats == 1 else "repeats"),
            (self.folds, "of folds"),
            (self.in_sample, "in sample, set aside"),
            (self.failed_alike, "failed alike, set aside"),
        )
        return [f"{self.runs:,} runs", *(f"{n:,} {what}" for n, what in told if n)]


@dataclass(frozen=True, slots=True)
class Family:
    """All trials, deleted and failed ones too, in the order of their ids: ties go to the first.

    A trial is one configuration: repeats of it count once, its folds are stitched, and its id is
    that of its first run.

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
    gathered: Gathered = Gathered()
    deviation: float | None = (
        None  # of annual Sharpe ratios, within symbols where there are several
    )
    windowed: bool = False  # all of it is of a part of the time
    spans: Floats | None = None  # years from the first bar to the last, where they are known

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
        """From its first bar to its last; where they are unknown, as long as its periods take."""
        if self.spans is not None and np.isfinite(self.spans[trial]):
            return float(self.spans[trial])
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
