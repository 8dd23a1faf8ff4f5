"""Multiple testing: p-values adjusted for all trials, and the Sharpe ratio that is left.

Adjustments take the p-values of all `m` trials in any order; a trial without one (NaN) counts as
a test that found nothing: it takes its place among the largest and stays NaN.
Harvey & Liu, "Backtesting" (2015) is the source of the haircut.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bt_lake.overfit import student
from bt_lake.overfit.arrays import Floats, Numbers
from bt_lake.overfit.sharpe import variance_factor


def p_values(
    sharpe: Numbers, n: Numbers, skew: Numbers = math.nan, kurtosis: Numbers = math.nan
) -> Floats:
    """Two-sided p-value of t = sharpe sqrt(n), Student's t with n - 1 degrees of freedom.

    Where skew and kurtosis are known t is divided by what they do to the error of the ratio.
    """
    count = np.asarray(n, np.float64)
    count = np.where(count >= 2.0, count, np.nan)
    with np.errstate(invalid="ignore"):
        factor = variance_factor(sharpe, skew, kurtosis)
    factor = np.where(np.isfinite(factor), factor, 1.0)
    return student.two_sided(np.asarray(sharpe, np.float64) * np.sqrt(count / factor), count - 1.0)


def haircut(p: Numbers, n: Numbers, df: Numbers | None = None) -> Floats:
    """The Sharpe ratio whose single test over `n` returns gives the adjusted p-value `p`."""
    count = np.asarray(n, np.float64)
    t = student.quantile(p, count - 1.0 if df is None else df)
    left: Floats = t / np.sqrt(count)
    return left


def sidak(p: Numbers) -> Floats:
    """1 - (1 - p)^m: exact for independent trials."""
    single = np.asarray(p, np.float64)
    with np.errstate(divide="ignore"):
        none_found: Floats = single.size * np.log1p(-single)
    return -np.expm1(none_found)


def bonferroni(p: Numbers) -> Floats:
    single = np.asarray(p, np.float64)
    return np.minimum(single * single.size, 1.0)


def holm(p: Numbers) -> Floats:
    """Bonferroni, stepped down: controls the same error and rejects at least as much."""

    def step_down(ordered: Floats) -> Floats:
        m = ordered.size
        return np.maximum.accumulate(ordered * np.arange(m, 0, -1))

    return _in_order(p, step_down)


def benjamini_yekutieli(p: Numbers) -> Floats:
    """False discovery rate under any dependence: the textbook's step-up."""

    def step_up(ordered: Floats) -> Floats:
        return _from_the_top(ordered * _yekutieli(ordered.size))

    return _in_order(p, step_up)


def harvey_liu(p: Numbers) -> Floats:
    """Harvey and Liu's BHY, which leaves the largest p-value as it is; not the textbook's."""

    def step_up(ordered: Floats) -> Floats:
        adjusted = ordered * _yekutieli(ordered.size)
        adjusted[-1:] = ordered[-1:]
        return _from_the_top(adjusted)

    return _in_order(p, step_up)


ADJUSTMENTS: dict[str, Callable[[Numbers], Floats]] = {
    "bonferroni": bonferroni,
    "holm": holm,
    "sidak": sidak,
    "benjamini_yekutieli": benjamini_yekutieli,
    "harvey_liu": harvey_liu,
}


def _yekutieli(m: int) -> Floats:
    rank = np.arange(1, m + 1)
    return np.sum(1.0 / rank) * m / rank


def _from_the_top(adjusted: Floats) -> Floats:
    return np.minimum.accumulate(adjusted[::-1])[::-1]


def _in_order(p: Numbers, adjust: Callable[[Floats], Floats]) -> Floats:
    given = np.asarray(p, np.float64)
    unknown = np.isnan(given)
    tested = np.where(unknown, 1.0, given)
    order = np.argsort(tested, kind="stable")
    adjusted = np.empty(given.shape)
    adjusted[order] = np.minimum(adjust(tested[order]), 1.0)
    adjusted[unknown] = np.nan
    return adjusted
