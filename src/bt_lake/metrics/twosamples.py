"""Whether two samples may be of one distribution."""

from __future__ import annotations

import numpy as np

from bt_lake.metrics.segments import Floats


def kolmogorov_smirnov(a: Floats, b: Floats) -> tuple[float, float]:
    """The largest distance of the two distribution functions, and how often chance makes it so
    large (Kolmogorov's limit with Stephens' correction, for values that stand alone)."""
    a, b = np.sort(a), np.sort(b)
    at = np.concatenate([a, b])
    below = [np.searchsorted(each, at, side="right") / each.size for each in (a, b)]
    distance = float(np.abs(below[0] - below[1]).max())
    size = np.sqrt(a.size * b.size / (a.size + b.size))
    x = (size + 0.12 + 0.11 / size) * distance
    if x < 0.2:  # the series needs ever more terms, and chance always does as much
        return distance, 1.0
    k = np.arange(1, 101)
    p = 2.0 * float(((-1.0) ** (k - 1) * np.exp(-2.0 * k**2 * x**2)).sum())
    return distance, min(max(p, 0.0), 1.0)
