"""The trials of which none can be told to be worse than the best: the model confidence set.

Hansen, Lunde & Nason, "The Model Confidence Set" (2011), with their T_max: the worst of the trials
left is taken out as long as the bootstrap says that they are not all alike. What is compared is the
mean of returns over their deviation, so that the Sharpe ratio counts and not the size of a bet.
"""

from __future__ import annotations

import numpy as np

from bt_lake.overfit.arrays import Floats
from bt_lake.overfit.memory import default_block
from bt_lake.overfit.resampling import resamples

MOST_TRIALS = 500  # the work grows with their square
BOOTSTRAPS = 1000
_TINY = 1e-15


def confidence_set(
    returns: Floats, *, bootstraps: int = BOOTSTRAPS, block: float | None = None, seed: int = 0
) -> Floats:
    """Each trial's p-value: those above 5 % are in the set that has the best in 95 of 100 cases.

    `returns` is rows x trials, without gaps; NaN for a trial that does not move.
    """
    deviation = returns.std(axis=0, ddof=1)
    able = np.flatnonzero(deviation > _TINY)
    p = np.full(returns.shape[1], np.nan)
    if not able.size:
        return p
    score = returns[:, able] / deviation[able]
    rows = len(score)
    length = float(default_block(score) if block is None else block)
    mean = score.mean(axis=0)
    drawn = np.concatenate(
        [
            counts.astype(np.float64) @ (score - mean) / rows
            for counts in resamples(rows, bootstraps, length, seed)
        ]
    )
    p[able] = _eliminated(mean, drawn)
    return p


def _eliminated(mean: Floats, drawn: Floats) -> Floats:
    """The p-values by elimination; `drawn` are means of the resamples about their own."""
    p = np.ones(mean.size)
    left = np.arange(mean.size)
    highest = 0.0
    total = drawn.sum(axis=1)
    while left.size > 1:
        # how far each is below the mean of those left
        behind = mean[left].mean() - mean[left]
        off = total[:, None] / left.size - drawn[:, left]
        error = np.sqrt((off**2).mean(axis=0))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(error > _TINY, behind / error, 0.0)
            luck = np.where(error > _TINY, off / error, 0.0).max(axis=1)
        worst = int(np.argmax(t))
        highest = max(highest, float((luck >= t[worst]).mean()))
        p[left[worst]] = highest
        total = total - drawn[:, left[worst]]
        left = np.delete(left, worst)
    return p
