"""Returns that remember: how much less a mean of them knows, and how long the blocks must be.

Lo, "The Statistics of Sharpe Ratios" (2002); Newey & West, "Automatic Lag Selection in Covariance
Matrix Estimation" (1994) for the number of lags; Politis & White, "Automatic Block-Length Selection
for the Dependent Bootstrap" (2004), as corrected by Patton, Politis & White (2009).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics.segments import Segments
from bt_lake.overfit.arrays import Bools, Floats, Ints, Numbers

_CELLS = 1 << 20  # of returns, more of which would not change a block's length


def lo_factor(correlations: Floats) -> Floats:
    """Variance of the mean of returns over what it were without memory.

    `correlations` are those of lag 1 to q - 1, down the first axis; over q periods a Sharpe ratio
    grows by sqrt(q / factor), Lo's eta(q).
    """
    lags = len(correlations)
    weights = 1.0 - np.arange(1, lags + 1) / (lags + 1)
    return np.asarray(1.0 + 2.0 * np.tensordot(weights, correlations, 1))


def lags_for(returns: Numbers) -> Ints:
    """How many lags so many returns can tell: 4 (n / 100)^(2/9), as Newey and West propose."""
    n = np.asarray(returns, np.float64)
    lags = np.minimum(4.0 * (n / 100.0) ** (2.0 / 9.0), np.maximum(n - 1.0, 0.0))
    return np.asarray(lags, np.int64)


def inflation(points: Segments, returns: Floats) -> Floats:
    """`lo_factor` of each trial's returns, laid end to end; at least 1, which is no memory.

    Memory that would make a ratio surer is not counted: it is seldom there in real trading.
    """
    n = points.counts
    centred = returns - points.spread(points.sum(returns) / np.maximum(n, 1))
    variance = points.sum(centred * centred)
    lags = lags_for(n)
    total = np.ones(n.size)
    own = points.spread(np.arange(n.size))
    for lag in range(1, int(lags.max(initial=0)) + 1):
        product = np.zeros_like(centred)
        product[lag:] = centred[lag:] * centred[:-lag]
        product[lag:][own[lag:] != own[:-lag]] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = points.sum(product) / variance
        weight = np.maximum(1.0 - lag / (lags + 1.0), 0.0)
        total += np.where(variance > 0, 2.0 * weight * correlation, 0.0)
    return np.maximum(total, 1.0)


def politis_white(returns: Floats) -> Floats:
    """The block length that estimates each column's long-run variance best; at least 1."""
    rows = len(returns)
    reach = max(5, math.ceil(math.sqrt(math.log10(rows))))
    lags = min(math.ceil(math.sqrt(rows)) + reach, rows - 1)
    centred = returns - returns.mean(axis=0)
    covariance = np.stack(
        [np.einsum("ij,ij->j", centred[lag:], centred[: rows - lag]) for lag in range(lags + 1)]
    )
    correlation = covariance / np.where(covariance[0] > 0, covariance[0], 1.0)
    quiet: Bools = np.abs(correlation[1:]) < 2.0 * math.sqrt(math.log10(rows) / rows)
    runs = np.cumsum(np.vstack([np.zeros_like(quiet[:1]), quiet]), axis=0)
    silent: Bools = (
        runs[reach:] - runs[:-reach] == reach
    )  # the `reach` lags after this one are quiet
    first = np.where(silent.any(axis=0), np.argmax(silent, axis=0) + 1, lags)  # quiet lag
    width = np.minimum(2 * first, lags)
    lag = np.arange(1, lags + 1)[:, None]
    window = np.clip(2.0 * (1.0 - lag / width), 0.0, 1.0)  # flat, then falling to 0
    slope = 2.0 * np.sum(window * lag * correlation[1:], axis=0)
    spectrum = correlation[0] + 2.0 * np.sum(window * correlation[1:], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        block = np.cbrt((slope / spectrum) ** 2 * rows)
    longest = min(3.0 * math.sqrt(rows), rows / 3.0)
    known = np.nan_to_num(block, nan=1.0, posinf=longest)
    return np.asarray(np.clip(known, 1.0, max(longest, 1.0)))


def default_block(returns: NDArray[np.floating]) -> int:
    """Mean length of the blocks that a test should draw.

    The cube root of the rows, and no less than twice what Politis and White find for the trial in
    the middle: theirs is best for a variance, while a test that must not err on the bold side
    needs longer ones (Sun, Phillips & Jin 2008).
    """
    rows, trials = returns.shape
    step = max(1, math.ceil(rows * trials / _CELLS))
    usual = (
        float(np.median(politis_white(returns[:, ::step].astype(np.float64))))
        if rows > 5 and trials
        else 1.0
    )
    root = math.ceil(round(math.cbrt(rows), 9))
    return int(max(1, root, min(math.ceil(2.0 * usual), rows // 4)))
