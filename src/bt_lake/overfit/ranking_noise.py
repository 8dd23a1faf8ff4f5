"""How far a probability of overfitting (PBO) may be trusted: its error, and what noise makes of it.

Both cut the dates in 8 blocks only: PBO hardly depends on how many there are, its cost does.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bt_lake.overfit.arrays import Floats
from bt_lake.overfit.cscv import MIN_BLOCK_ROWS, BlockSums, all_splits
from bt_lake.overfit.resampling import resamples

_BLOCKS = 8
_LEFT_OUT = 2
_WORLDS = 100
_TAIL = 0.05


def standard_error(returns: Floats) -> float | None:
    """By the delete-d jackknife (Shao & Wu 1989) over blocks of dates, a quarter left out."""
    rows = len(returns) // _BLOCKS * _BLOCKS
    if rows < _BLOCKS * MIN_BLOCK_ROWS:
        return None
    sums = BlockSums.of(returns[len(returns) - rows :], _BLOCKS)
    left = [all_splits(sums.without(*pair)) for pair in combinations(range(_BLOCKS), _LEFT_OUT)]
    pbo = np.array([one.pbo for one in left if one is not None])
    if pbo.size < len(left):
        return None
    return float(np.sqrt((_BLOCKS - _LEFT_OUT) / _LEFT_OUT * pbo.var()))


def noise_band(returns: Floats, block: float, seed: int) -> tuple[float, float] | None:
    """Where PBO falls in nine of ten worlds of the same trials in which none is any good."""
    rows, trials = returns.shape
    length = rows // _BLOCKS
    if length < MIN_BLOCK_ROWS:
        return None
    centred = np.nan_to_num(returns)
    centred = centred - centred.mean(axis=0)
    scale = centred.std(axis=0)
    values = (centred / np.where(scale > 0, scale, 1.0)).astype(np.float32)
    lines = resamples(rows, _WORLDS * _BLOCKS, block, seed, draws=length)
    parts = [(counts @ values, counts @ (values * values)) for counts in lines]
    totals, squares = (
        np.concatenate(sums).reshape(_WORLDS, _BLOCKS, trials) for sums in zip(*parts, strict=True)
    )
    zero = np.zeros(trials)
    found = [
        all_splits(BlockSums(total.astype(float), square.astype(float), zero, None, length))
        for total, square in zip(totals, squares, strict=True)
    ]
    pbo = [one.pbo for one in found if one is not None]
    if not pbo:
        return None
    low, high = np.quantile(pbo, [_TAIL, 1.0 - _TAIL])
    return float(low), float(high)
