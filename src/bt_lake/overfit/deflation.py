"""Runs beside the luck of their families: what the whole report says of the best, for many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bt_lake.overfit import multiple, sharpe
from bt_lake.overfit.arrays import Floats
from bt_lake.overfit.single import FEW_RETURNS, NO_SPREAD


@dataclass(frozen=True, slots=True)
class Deflated:
    """NaN where undefined; Sharpe ratios are annual."""

    dsr: Floats
    haircut_sharpe: Floats  # what Bonferroni's adjustment for all trials leaves
    expected_max_sharpe: Floats


def deflate(
    ratio: Floats,
    n: Floats,
    skew: Floats,
    kurtosis: Floats,
    *,
    periods_per_year: Floats,
    trials: Floats,
    deviation: Floats,
) -> Deflated:
    """`ratio` is per period; `trials` and `deviation`, of annual ratios, are of the family."""
    year = np.sqrt(periods_per_year)
    spread = np.where(deviation / year > NO_SPREAD, deviation / year, np.nan)
    luck = spread * sharpe.expected_max(trials)
    n = np.where(n >= FEW_RETURNS, n, np.nan)
    selected = np.where((trials > 1) & (ratio > 0), ratio, np.nan)
    p = np.minimum(multiple.p_values(selected, n, skew, kurtosis) * trials, 1.0)
    left = multiple.haircut(p, n) * year
    return Deflated(
        dsr=sharpe.deflated(ratio, n, skew, kurtosis, trials=trials, deviation=spread),
        haircut_sharpe=np.where(np.isfinite(left), left, np.nan),
        expected_max_sharpe=luck * year,
    )
