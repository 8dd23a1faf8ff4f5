"""False discoveries among many trials: how many of those called good are not.

Storey, "A Direct Approach to False Discovery Rates" (2002), estimates how many trials are worthless
from those whose p-values are large. It takes trials as weakly related; Benjamini and Yekutieli's
(`multiple.benjamini_yekutieli`) holds whatever they have in common, and is stricter.
"""

from __future__ import annotations

import numpy as np

from bt_lake.overfit.arrays import Floats, Numbers

_LARGE = 0.5  # lambda: above it p-values are mostly those of worthless trials


def worthless(p: Numbers, large: float = _LARGE) -> float:
    """Storey's pi0, the share of trials that are worthless; p-values above `large` are theirs."""
    given = np.asarray(p, np.float64)
    given = given[np.isfinite(given)]
    if not given.size:
        return 1.0
    return float(min(1.0, (np.count_nonzero(given > large) + 1) / (given.size * (1.0 - large))))


def storey(p: Numbers, large: float = _LARGE) -> Floats:
    """The q-value of each trial: of all that are called good at it or below, the false share."""
    given = np.asarray(p, np.float64)
    able = np.flatnonzero(np.isfinite(given))
    q = np.full(given.shape, np.nan)
    if able.size:
        order = able[np.argsort(given[able], kind="stable")]
        rank = np.arange(1, able.size + 1)
        stepped = worthless(given, large) * able.size * given[order] / rank
        q[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return q
