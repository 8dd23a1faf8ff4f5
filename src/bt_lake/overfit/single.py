"""PSR and DSR of one run in plain floats: numpy takes longer to load than a command to answer."""

from __future__ import annotations

import math
from typing import NamedTuple

try:  # the compiled function alone: its module loads fractions and decimals
    from _statistics import _normal_dist_inv_cdf  # type: ignore[import-not-found]
except ImportError:  # another Python than CPython
    from statistics import NormalDist

    def _normal_dist_inv_cdf(p: float, mu: float, sigma: float) -> float:
        return NormalDist(mu, sigma).inv_cdf(p)


FEW_RETURNS = 12  # a year of months; below it the moments mean nothing
NO_SPREAD = 1e-12  # standard deviation of Sharpe ratios that differ by rounding only
EULER_GAMMA = 0.5772156649015329


class Worth(NamedTuple):
    """None where undefined."""

    expected_max_sharpe: float | None  # annual
    psr: float | None
    dsr: float | None


def worth(
    sharpe: float | None,
    n_returns: float | None,
    skew: float | None,
    kurtosis: float | None,
    *,
    year: float | None,
    trials: int,
    deviation: float | None,
) -> Worth:
    """`sharpe` is per period, `year` the root of their number a year, `deviation` of annual."""
    above = None
    if deviation is not None and year is not None and deviation / year > NO_SPREAD:
        above = deviation * expected_max(trials) / year
    expected = None if above is None or year is None else above * year
    precision = _precision(sharpe, n_returns, skew, kurtosis)
    if precision is None or sharpe is None:
        return Worth(expected, None, None)
    dsr = None if above is None else _cdf((sharpe - above) * precision)
    return Worth(expected, _cdf(sharpe * precision), dsr)


def expected_max(trials: int) -> float:
    """Of so many independent standard normals; 0 of one."""
    if trials <= 1:
        return 0.0
    first, second = (_normal_dist_inv_cdf(1 / n, 0.0, 1.0) for n in (trials, trials * math.e))
    return float((EULER_GAMMA - 1) * first - EULER_GAMMA * second)


def _precision(
    sharpe: float | None, n_returns: float | None, skew: float | None, kurtosis: float | None
) -> float | None:
    """One over the standard error of the Sharpe ratio."""
    if sharpe is None or n_returns is None or skew is None or kurtosis is None:
        return None
    factor = 1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe
    return math.sqrt((n_returns - 1) / factor) if n_returns >= FEW_RETURNS and factor > 0 else None


def _cdf(z: float) -> float:
    return 0.5 * math.erfc(-z * math.sqrt(0.5))
