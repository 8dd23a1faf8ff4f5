"""The best trial's Sharpe ratio beside what luck gives to the best of so many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bt_lake.overfit import multiple, sharpe
from bt_lake.overfit.arrays import number
from bt_lake.overfit.family import Family
from bt_lake.overfit.plateau import plateau
from bt_lake.overfit.results import FEW_RETURNS, FEW_TRIALS, Adjusted, Best, Reading

NO_SPREAD = 1e-12  # standard deviation of Sharpe ratios that differ by rounding only


def judge(
    family: Family,
    winner: int,
    independent: Mapping[str, float],
    confidence: float,
    notes: list[str],
) -> Best:
    """All that depends on the winner's Sharpe ratio; `independent` counts the trials, by reading.

    The moments of a handful of returns mean nothing: what rests on them is then undefined.
    """
    moments = _Moments.of(family, winner)
    deviation = _spread(family, winner, notes) if len(family) > 1 else None
    luck = {} if deviation is None or not moments.enough else independent
    selected = len(family) > 1 and moments.enough and moments.sharpe > 0
    if moments.enough and not moments.known:
        notes.append("psr, dsr: the best trial's skew or kurtosis is unknown")
    neighbours = plateau(family.params, family.sharpe_in_periods_of(winner), winner)
    if neighbours is None and len(family) > 1:
        notes.append("plateau: the best trial has no neighbours in a grid of parameters")
    return Best(
        run_id=family.ids[winner],
        sharpe=moments.sharpe,
        sharpe_annual=moments.annual(moments.sharpe),
        periods_per_year=moments.a_year,
        n_returns=int(moments.n) if math.isfinite(moments.n) else None,
        years=family.years_of(winner),
        skew=number(moments.skew),
        kurtosis=number(moments.kurtosis),
        psr=moments.psr(above=0.0) if moments.enough else None,
        min_track_record=moments.track_record(0.0, confidence) if moments.enough else None,
        sharpe_deviation=deviation,
        readings=tuple(
            _reading(name, n, moments, deviation or 0.0, confidence) for name, n in luck.items()
        ),
        p_value=number(multiple.p_values(moments.sharpe, moments.n)) if selected else None,
        adjusted=tuple(_adjusted(family, winner, moments)) if selected else (),
        plateau=neighbours,
    )


@dataclass(frozen=True, slots=True)
class _Moments:
    """The winner's own numbers, NaN where unknown."""

    sharpe: float
    n: float
    skew: float
    kurtosis: float
    a_year: float | None

    @classmethod
    def of(cls, family: Family, winner: int) -> _Moments:
        return cls(
            sharpe=float(family.sharpe_period[winner]),
            n=float(family.n_returns[winner]),
            skew=float(family.skew[winner]),
            kurtosis=float(family.kurtosis[winner]),
            a_year=number(family.periods_per_year[winner]),
        )

    @property
    def enough(self) -> bool:
        return self.n >= FEW_RETURNS

    @property
    def known(self) -> bool:
        return math.isfinite(self.skew + self.kurtosis)

    def psr(self, above: float) -> float | None:
        return number(sharpe.probabilistic(self.sharpe, self.n, self.skew, self.kurtosis, above))

    def track_record(self, above: float, confidence: float) -> float | None:
        return number(
            sharpe.min_track_record(self.sharpe, self.skew, self.kurtosis, above, confidence)
        )

    def annual(self, value: float | None) -> float | None:
        return value * math.sqrt(self.a_year) if value is not None and self.a_year else None


def _spread(family: Family, winner: int, notes: list[str]) -> float | None:
    """Standard deviation of the trials' Sharpe ratios, over periods of one length."""
    ratios = family.sharpe_in_periods_of(winner)
    ratios = ratios[np.isfinite(ratios)]
    if ratios.size < 2:
        notes.append("dsr: one Sharpe ratio alone has no spread")
        return None
    deviation = float(ratios.std(ddof=1))
    if family.deviation is not None and family.periods_per_year[winner] > 0:
        deviation = family.deviation / math.sqrt(family.periods_per_year[winner])
    if deviation <= NO_SPREAD:
        notes.append("dsr: all Sharpe ratios are the same")
        return None
    if ratios.size < FEW_TRIALS:
        notes.append(f"dsr: the spread of luck rests on only {ratios.size} Sharpe ratios")
    if family.mixes_bar_sizes:
        notes.append("dsr: trials of different bar sizes are compared by their annual Sharpe ratio")
    return deviation


def _reading(
    name: str, n: float, moments: _Moments, deviation: float, confidence: float
) -> Reading:
    expected = deviation * float(sharpe.expected_max(n))
    return Reading(
        name=name,
        n=n,
        expected_max=expected,
        expected_max_annual=moments.annual(expected),
        dsr=moments.psr(above=expected),
        min_track_record=moments.track_record(expected, confidence),
    )


def _adjusted(family: Family, winner: int, moments: _Moments) -> Iterator[Adjusted]:
    p = multiple.p_values(family.sharpe_period, family.n_returns)
    for method, adjust in multiple.ADJUSTMENTS.items():
        own = float(adjust(p)[winner])
        left = number(multiple.haircut(own, moments.n))
        yield Adjusted(
            method=method,
            p=own,
            haircut_sharpe=left,
            haircut_sharpe_annual=moments.annual(left),
            haircut=None if left is None else 1.0 - left / moments.sharpe,
        )
