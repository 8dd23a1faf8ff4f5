"""How long a record must be, and how likely a strategy is false, when it is the best of many.

Bailey, Borwein, Lopez de Prado & Zhu, "Pseudo-Mathematics and Financial Charlatanism" (2014), for
the minimum backtest length; Lopez de Prado & Lewis, "Detection of False Investment Strategies Using
Unsupervised Learning Methods" (2019), for the probability that the best of K unrelated trials shows
such a Sharpe ratio though none is any good.
"""

from __future__ import annotations

import numpy as np

from bt_lake.overfit import normal, sharpe
from bt_lake.overfit.arrays import Floats, Numbers


def min_backtest_years(trials: Numbers, annual: Numbers) -> Floats:
    """Years below which the best of so many worthless trials is expected to reach `annual`."""
    ratio = np.asarray(annual, np.float64)
    ratio = np.where(ratio > 0.0, ratio, np.nan)
    return np.asarray((sharpe.expected_max(trials) / ratio) ** 2)


def false_strategy(
    ratio: Numbers,
    n: Numbers,
    skew: Numbers,
    kurtosis: Numbers,
    *,
    trials: Numbers,
    memory: Numbers = 1.0,
) -> Floats:
    """1 - (1 - a)^K, with a the chance that one worthless trial shows as much."""
    error = sharpe.error(ratio, n, skew, kurtosis, memory)
    single = normal.cdf(-np.asarray(ratio, np.float64) / error)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(np.asarray(trials, np.float64) * np.log1p(-single)))
