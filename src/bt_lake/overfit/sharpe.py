"""How sure a Sharpe ratio is: its own error (PSR, MinTRL) and that of being the best of N (DSR).

Every Sharpe ratio here is per period, not annualised, and kurtosis is not excess. All functions
take arrays and give NaN where a value is undefined.
Bailey & Lopez de Prado, "The Sharpe Ratio Efficient Frontier" (2012) and "The Deflated Sharpe
Ratio" (2014); the variance is taken at the observed Sharpe ratio and divided by n - 1, as there.
"""

from __future__ import annotations

import math

import numpy as np

from bt_lake.overfit import normal
from bt_lake.overfit.arrays import Floats, Numbers
from bt_lake.overfit.single import EULER_GAMMA


def variance_factor(sharpe: Numbers, skew: Numbers, kurtosis: Numbers) -> Floats:
    """Variance of an estimated Sharpe ratio times n - 1; NaN for moments that cannot be."""
    factor = np.asarray(1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2)
    return np.where(factor > 0.0, factor, np.nan)


def error(
    sharpe: Numbers, n: Numbers, skew: Numbers, kurtosis: Numbers, memory: Numbers = 1.0
) -> Floats:
    """Standard error of a Sharpe ratio of `n` returns; `memory` is Lo's factor on its square."""
    periods = np.asarray(n, np.float64) - 1.0
    with np.errstate(invalid="ignore"):
        variance = variance_factor(sharpe, skew, kurtosis) * memory
        return np.asarray(np.sqrt(variance / np.where(periods > 0, periods, np.nan)))


def probabilistic(
    sharpe: Numbers,
    n: Numbers,
    skew: Numbers,
    kurtosis: Numbers,
    above: Numbers = 0.0,
    memory: Numbers = 1.0,
) -> Floats:
    """PSR: the probability that the true Sharpe ratio exceeds `above`, given `n` returns."""
    with np.errstate(invalid="ignore"):
        lead = np.asarray(sharpe, np.float64) - above
        return normal.cdf(lead / error(sharpe, n, skew, kurtosis, memory))


def min_track_record(
    sharpe: Numbers,
    skew: Numbers,
    kurtosis: Numbers,
    above: Numbers = 0.0,
    confidence: float = 0.95,
    memory: Numbers = 1.0,
) -> Floats:
    """MinTRL: returns needed for PSR(above) to reach `confidence`; NaN where sharpe <= above."""
    lead = np.asarray(sharpe, np.float64) - above
    lead = np.where(lead > 0.0, lead, np.nan)
    z = normal.quantile(confidence)
    return 1.0 + variance_factor(sharpe, skew, kurtosis) * memory * (z / lead) ** 2


def min_track_record_of_the_best(
    sharpe: float, skew: float, kurtosis: float, largest: float, confidence: float, memory: float
) -> Floats:
    """Returns needed to beat luck, which brings `largest` standard errors, at `confidence`.

    Luck falls as the record grows, as 1 / sqrt(n), so that any skill shows in the end.
    """
    needed = normal.quantile(confidence) * np.sqrt(variance_factor(sharpe, skew, kurtosis) * memory)
    return ((needed + largest) / (sharpe if sharpe > 0.0 else np.nan)) ** 2


def expected_max(n: Numbers) -> Floats:
    """Expected maximum of `n` independent standard normals; 0 for one, NaN below one.

    `n` need not be whole. The formula falls below 0 on the way from 2 to 1; a maximum does not.
    """
    trials = np.asarray(n, np.float64)
    trials = np.where(trials >= 1.0, trials, np.nan)
    # Upper quantiles as mirrored lower ones: 1 - 1/n would lose the digits of a large n.
    first, second = normal.quantile(1.0 / trials), normal.quantile(1.0 / (trials * math.e))
    with np.errstate(invalid="ignore"):
        formula = -(1.0 - EULER_GAMMA) * first - EULER_GAMMA * second
        return np.where(trials == 1.0, 0.0, np.maximum(formula, 0.0))


def deflated(
    sharpe: Numbers,
    n: Numbers,
    skew: Numbers,
    kurtosis: Numbers,
    *,
    trials: Numbers,
    deviation: Numbers,
) -> Floats:
    """DSR: PSR above what the best of `trials` reaches by luck, their Sharpe ratios so spread."""
    luck = np.asarray(deviation, np.float64) * expected_max(trials)
    return probabilistic(sharpe, n, skew, kurtosis, above=luck)
