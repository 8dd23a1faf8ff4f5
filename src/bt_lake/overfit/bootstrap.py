"""White's Reality Check and Hansen's SPA: is the best trial better than doing nothing?

Both ask how large the best mean return would be were no trial any good, by a stationary bootstrap
(Politis & Romano 1994) of whole rows, which keeps the trials' correlation and short memory. The
Reality Check (2000) compares mean returns; SPA (2005) compares t-values, each trial's mean over
its long-run deviation, and does not let hopeless trials pull the comparison down. That deviation
is an estimate: of noise, SPA calls 5 % significant at the 5 % level for 10 to 1,000 trials of 1,000
returns, but 12 % for 100 trials of 250, 18 % for 1,000 of 250, 23 % for 100 of 60, where the
Reality Check stays at 3 to 6 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bt_lake.metrics.segments import ROUNDING
from bt_lake.overfit.arrays import Floats

_CHUNK = 1 << 20  # resampled rows at a time
_MEANS = 1 << 19  # of trials in bootstraps at a time, so that they stay in the cache
_FFT_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class RealityCheck:
    """p-values, each (1 + exceeding bootstraps) / (1 + bootstraps), so never 0."""

    reality_check: float
    spa: float  # consistent recentring
    spa_lower: float
    spa_upper: float
    statistic: float  # the largest t-value, SPA's
    bootstraps: int
    block: float
    seed: int


def reality_check(
    returns: Floats, *, bootstraps: int = 5000, block: float | None = None, seed: int = 0
) -> RealityCheck | None:
    """Test `returns` (rows x trials, no gaps) against 0; None where no trial has any variance."""
    rows, _ = returns.shape
    block = float(default_block(rows) if block is None else block)
    if rows < 2:
        return None
    deviation = long_run_deviation(returns, block)
    moving = (np.ptp(returns, axis=0) > ROUNDING) & (deviation > 0.0)
    if not moving.any():
        return None
    returns, deviation = returns[:, moving], deviation[moving]
    mean, root = returns.mean(axis=0), math.sqrt(rows)
    # Hansen's three null hypotheses: what each trial's mean is taken to be in the resampled world.
    hopeless = mean < -deviation * math.sqrt(2.0 * math.log(math.log(max(rows, 3))) / rows)
    centres = {
        "spa_lower": np.maximum(mean, 0.0),
        "spa": np.where(hopeless, 0.0, mean),
        "spa_upper": mean,
    }
    centres = {name: root * centre / deviation for name, centre in centres.items()}
    largest = max(0.0, float((root * mean / deviation).max()))
    observed = dict.fromkeys(centres, largest) | {"reality_check": max(0.0, root * mean.max())}
    exceeding = dict.fromkeys(observed, 0)
    for counts in resamples(rows, bootstraps, block, seed):
        best = _best(counts, returns / (root * deviation), deviation, centres)
        for name, least in observed.items():
            exceeding[name] += int(np.count_nonzero(np.maximum(best[name], 0.0) >= least))
    p = {name: (1 + count) / (1 + bootstraps) for name, count in exceeding.items()}
    return RealityCheck(**p, statistic=largest, bootstraps=bootstraps, block=block, seed=seed)


def _best(
    counts: Floats, shares: Floats, deviation: Floats, centres: dict[str, Floats]
) -> dict[str, Floats]:
    """The largest t-value of any trial above each centre, one a bootstrap, and the largest mean.

    `shares` is what each row adds to a trial's t-value.
    """
    best = {name: np.full(len(counts), -np.inf) for name in (*centres, "reality_check")}
    step = max(1, _MEANS // len(counts))
    for start in range(0, deviation.size, step):
        part = slice(start, start + step)
        t = counts @ shares[:, part]
        for name, centre in centres.items():
            above = t - centre[part]
            np.maximum(best[name], above.max(axis=1), out=best[name])
        above *= deviation[part]  # the last centre is the mean
        np.maximum(best["reality_check"], above.max(axis=1), out=best["reality_check"])
    return best


def default_block(rows: int) -> int:
    """Mean block length: the cube root of the number of rows, rounded up."""
    return max(1, math.ceil(round(math.cbrt(rows), 9)))


def resamples(rows: int, bootstraps: int, block: float, seed: int) -> Iterator[Floats]:
    """How often each row is drawn, one line a bootstrap, in chunks of bounded size."""
    rng = np.random.Generator(np.random.PCG64(seed))
    step = max(1, _CHUNK // rows)
    position = np.arange(rows)
    for start in range(0, bootstraps, step):
        lines = min(step, bootstraps - start)
        restarts = rng.random((lines, rows)) < 1.0 / block
        restarts[:, 0] = True
        first = np.maximum.accumulate(np.where(restarts, position, 0), axis=1)
        origin = np.take_along_axis(rng.integers(rows, size=(lines, rows)), first, axis=1)
        drawn = (origin + position - first) % rows
        drawn += np.arange(lines)[:, None] * rows
        counts = np.bincount(drawn.reshape(-1), minlength=lines * rows)
        yield counts.reshape(lines, rows).astype(np.float64)


def long_run_deviation(returns: Floats, block: float) -> Floats:
    """Each trial's deviation of sqrt(rows) times the mean under the stationary bootstrap."""
    rows, trials = returns.shape
    lag = np.arange(rows)
    keep = 1.0 - 1.0 / block
    kernel = (rows - lag) / rows * keep**lag + lag / rows * keep ** (rows - lag)
    kernel[1:] *= 2.0
    kernel[0] = 1.0
    size = 1 << (2 * rows - 1).bit_length()
    variance = np.empty(trials)
    step = max(1, _FFT_CHUNK // size)
    for start in range(0, trials, step):
        part = returns[:, start : start + step]
        spectrum = np.fft.rfft(part - part.mean(axis=0), size, axis=0)
        covariance = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=0)[:rows] / rows
        variance[start : start + step] = kernel @ covariance
    return np.sqrt(np.maximum(variance, 0.0))
