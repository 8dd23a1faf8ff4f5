"""The best trial by itself: how sure its Sharpe ratio is, and what the textbooks leave of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bt_lake.overfit import multiple, normal, sharpe
from bt_lake.overfit.arrays import Floats, number
from bt_lake.overfit.family import Family
from bt_lake.overfit.memory import lags_for
from bt_lake.overfit.plateau import plateau
from bt_lake.overfit.results import FEW_TRIALS, Adjusted, Best, DeflatedSharpe
from bt_lake.overfit.search import Worlds
from bt_lake.overfit.single import FEW_RETURNS, NO_SPREAD


def judge(
    family: Family,
    winner: int,
    memory: Floats,
    found: Worlds | None,
    confidence: float,
    notes: list[str],
) -> Best:
    """All that depends on the winner's Sharpe ratio.

    `memory` is Lo's factor of each trial. The moments of a handful of returns mean nothing: what
    rests on them is then undefined.
    """
    moments = _Moments.of(family, winner, float(memory[winner]))
    selected = len(family) > 1 and moments.enough and moments.sharpe > 0
    if moments.enough and not moments.known:
        notes.append("psr, dsr: the best trial's skew or kurtosis is unknown")
    better = found.p <= 1.0 - confidence if found is not None else None
    neighbours = plateau(family.params, family.sharpe_in_periods_of(winner), winner, better)
    if neighbours is None and len(family) > 1:
        notes.append("plateau: the best trial has no neighbours in a grid of parameters")
    interval = moments.interval(confidence) if moments.enough else None
    record = moments.track_record(confidence) if moments.enough else None
    of_the_best = (
        moments.track_record(confidence, found.largest) if selected and found is not None else None
    )
    return Best(
        run_id=family.ids[winner],
        sharpe=moments.sharpe,
        sharpe_annual=moments.annual(moments.sharpe),
        interval=interval,
        interval_annual=moments.annual_interval(interval),
        periods_per_year=moments.a_year,
        n_returns=int(moments.n) if math.isfinite(moments.n) else None,
        years=family.years_of(winner),
        skew=number(moments.skew),
        kurtosis=number(moments.kurtosis),
        memory=moments.memory,
        lags=int(lags_for(moments.n)) if math.isfinite(moments.n) else 0,
        psr=moments.psr() if moments.enough else None,
        min_track_record=record,
        min_track_record_of_the_best=of_the_best,
        deflated=_deflated(family, winner, moments, notes) if len(family) > 1 else None,
        p_value=number(_p_values(family)[winner]) if selected else None,
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
    memory: float
    a_year: float | None

    @classmethod
    def of(cls, family: Family, winner: int, memory: float) -> _Moments:
        return cls(
            sharpe=float(family.sharpe_period[winner]),
            n=float(family.n_returns[winner]),
            skew=float(family.skew[winner]),
            kurtosis=float(family.kurtosis[winner]),
            memory=memory,
            a_year=number(family.periods_per_year[winner]),
        )

    @property
    def enough(self) -> bool:
        return self.n >= FEW_RETURNS

    @property
    def known(self) -> bool:
        return math.isfinite(self.skew + self.kurtosis)

    def psr(self) -> float | None:
        found = sharpe.probabilistic(
            self.sharpe, self.n, self.skew, self.kurtosis, memory=self.memory
        )
        return number(found)

    def interval(self, confidence: float) -> tuple[float, float] | None:
        error = float(sharpe.error(self.sharpe, self.n, self.skew, self.kurtosis, self.memory))
        wide = float(normal.quantile((1.0 + confidence) / 2.0)) * error
        return (self.sharpe - wide, self.sharpe + wide) if math.isfinite(wide) else None

    def track_record(self, confidence: float, largest: float | None = None) -> float | None:
        own = (self.sharpe, self.skew, self.kurtosis)
        if largest is None:
            found = sharpe.min_track_record(*own, confidence=confidence, memory=self.memory)
        else:
            found = sharpe.min_track_record_of_the_best(*own, largest, confidence, self.memory)
        return number(found)

    def annual(self, value: float | None) -> float | None:
        return value * math.sqrt(self.a_year) if value is not None and self.a_year else None

    def annual_interval(self, interval: tuple[float, float] | None) -> tuple[float, float] | None:
        if interval is None or not self.a_year:
            return None
        year = math.sqrt(self.a_year)
        return interval[0] * year, interval[1] * year


def _deflated(
    family: Family, winner: int, moments: _Moments, notes: list[str]
) -> DeflatedSharpe | None:
    deviation = _spread(family, winner, notes)
    if deviation is None or not moments.enough:
        return None
    expected = deviation * float(sharpe.expected_max(len(family)))
    own = (moments.sharpe, moments.n, moments.skew, moments.kurtosis)
    dsr = sharpe.deflated(*own, trials=len(family), deviation=deviation)
    return DeflatedSharpe(
        trials=len(family),
        deviation=deviation,
        expected_max=expected,
        expected_max_annual=moments.annual(expected),
        dsr=number(dsr),
    )


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


def t_values(family: Family, memory: Floats) -> Floats:
    """Each trial's Sharpe ratio over its own error, the z of its PSR; NaN below 12 returns."""
    n = np.where(family.n_returns >= FEW_RETURNS, family.n_returns, np.nan)
    error = sharpe.error(family.sharpe_period, n, family.skew, family.kurtosis, memory)
    plain = np.sqrt(memory / (n - 1.0))  # where skew or kurtosis is unknown
    return np.asarray(family.sharpe_period / np.where(np.isfinite(error), error, plain))


def _p_values(family: Family) -> Floats:
    return multiple.p_values(family.sharpe_period, family.n_returns, family.skew, family.kurtosis)


def _adjusted(family: Family, winner: int, moments: _Moments) -> Iterator[Adjusted]:
    p = _p_values(family)
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
