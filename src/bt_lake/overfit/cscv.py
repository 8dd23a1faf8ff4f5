"""Probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

Bailey, Borwein, Lopez de Prado & Zhu, "The Probability of Backtest Overfitting" (2017). The rows
are cut in S blocks; every choice of S/2 of them is a sample in which the best trial is picked, and
the other half says where it ranks out of sample. A half's Sharpe ratio needs only its sum and its
sum of squares, so all splits come from one product of a 0/1 matrix with the blocks' sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bt_lake.metrics.segments import ROUNDING
from bt_lake.overfit.arrays import Bools, Floats, Ints

MAX_BLOCKS = 24  # 2.7 million splits
MIN_BLOCK_ROWS = 2
_TIE = 1e-12  # Sharpe ratios this close are equal: rounding must not break ties
_FLAT = ROUNDING**2  # variance that is rounding: of a constant growth curve's returns
_FLAT_SHARE = 1e-12  # of the sum of squares: what cancellation leaves of a constant slice
_CHUNK = 131_072  # Sharpe ratios at a time, so that they stay in the cache


@dataclass(frozen=True, slots=True)
class Splits:
    """One entry a split, in lexicographic order of the blocks that are in sample."""

    winner: Ints
    rank: Floats  # out of sample, 1 = worst, ties average
    trials: int
    in_sample: Floats  # the winner's Sharpe ratio
    out_of_sample: Floats

    @property
    def logit(self) -> Floats:
        return np.log(self.rank / (self.trials + 1 - self.rank))

    @property
    def pbo(self) -> float:
        """Share of splits whose winner ends in the lower half."""
        return float(np.mean(2 * self.rank <= self.trials + 1))

    @property
    def probability_of_loss(self) -> float:
        return float(np.mean(self.out_of_sample < -_TIE))

    def degradation(self) -> tuple[float, float, float]:
        """Slope, intercept and R^2 of the winners' Sharpe out of sample on the one in sample."""
        x = self.in_sample - self.in_sample.mean()
        y = self.out_of_sample - self.out_of_sample.mean()
        xx, xy, yy = float(x @ x), float(x @ y), float(y @ y)
        if xx <= _FLAT:
            return np.nan, np.nan, np.nan
        slope = xy / xx
        intercept = float(self.out_of_sample.mean() - slope * self.in_sample.mean())
        return slope, intercept, xy * xy / (xx * yy) if yy > 0 else np.nan

    def most_selected(self, n: int = 5) -> list[tuple[int, float]]:
        """The trials most often best in sample, with their share of the splits."""
        counts = np.bincount(self.winner, minlength=self.trials)
        order = np.argsort(-counts, kind="stable")[:n]
        return [(int(i), counts[i] / self.winner.size) for i in order if counts[i]]


def cscv(returns: Floats, blocks: int = 16) -> Splits | None:
    """All C(blocks, blocks/2) splits of `returns` (rows x trials, oldest first, trials by id).

    The oldest rows go where they do not fill the blocks. A trial without variance or with a gap
    (NaN) in a half scores 0 there. None for fewer than two trials or two rows a block, or where
    no trial has any variance.
    """
    length, dropped = divmod(len(returns), blocks)
    if length < MIN_BLOCK_ROWS or returns.shape[1] < 2:
        return None
    return all_splits(BlockSums.of(returns[dropped:], blocks))


def all_splits(sums: BlockSums) -> Splits | None:
    """All ways to halve these blocks; None where no trial has any variance."""
    blocks, trials = sums.total.shape
    chosen = halves(blocks)
    pairs = len(chosen)
    winner = np.empty(2 * pairs, np.int64)
    rank, inside, outside = (np.empty(2 * pairs) for _ in range(3))
    varied = False
    step = max(1, _CHUNK // trials)
    for start in range(0, pairs, step):
        half = chosen[start : start + step]
        one, other = sums.sharpe(half), sums.sharpe(1.0 - half)
        varied = varied or bool(one.any() or other.any())
        at = np.arange(start, start + len(half))
        # The complement of a split stands as far from the end as the split from the start.
        for here, there, where in ((one, other, at), (other, one, -1 - at)):
            winner[where], rank[where], inside[where], outside[where] = _judge(here, there)
    return Splits(winner, rank, trials, inside, outside) if varied else None


def halves(blocks: int) -> Floats:
    """The choices with the first block in, half of all: 1.0 where one is in; lexicographic."""
    codes = np.arange(2 ** (blocks - 1), 2**blocks, dtype=np.uint32)[::-1]
    codes = codes[np.bitwise_count(codes) == blocks // 2]
    shifts = np.arange(blocks - 1, -1, -1, dtype=np.uint32)
    bits: Floats = ((codes[:, None] >> shifts) & 1).astype(np.float64)
    return bits


def _judge(inside: Floats, outside: Floats) -> tuple[Ints, Floats, Floats, Floats]:
    """Winner in sample, its rank out of sample, and its two Sharpe ratios, for each split."""
    best = inside.max(axis=1, keepdims=True)
    winner = np.argmax(inside >= best - tie(best), axis=1)
    row = np.arange(len(winner))
    score = outside[row, winner][:, None]
    near = tie(score)
    below = np.count_nonzero(outside < score - near, axis=1)
    not_above = np.count_nonzero(outside <= score + near, axis=1)
    return winner, (below + not_above + 1) / 2, inside[row, winner], score[:, 0]


def tie(sharpe: Floats) -> Floats:
    """How far from each of these one may be that counts as equal."""
    around: Floats = _TIE * np.maximum(1.0, np.abs(sharpe))
    return around


@dataclass(frozen=True, slots=True)
class BlockSums:
    """All that a Sharpe ratio needs to know of each block of rows."""

    total: Floats  # blocks x trials, of returns less the trial's mean: less cancellation
    square: Floats
    mean: Floats
    gap: Bools | None
    length: int

    @classmethod
    def of(cls, returns: Floats, blocks: int) -> BlockSums:
        rows, trials = returns.shape
        gaps: Bools = np.isnan(returns)
        seen = np.maximum(rows - gaps.sum(axis=0), 1)
        mean = np.where(gaps, 0.0, returns).sum(axis=0) / seen
        centred = np.where(gaps, 0.0, returns - mean).reshape(blocks, rows // blocks, trials)
        return cls(
            total=centred.sum(axis=1),
            square=np.einsum("bln,bln->bn", centred, centred),
            mean=mean,
            gap=np.any(gaps.reshape(blocks, -1, trials), axis=1) if gaps.any() else None,
            length=rows // blocks,
        )

    def without(self, *blocks: int) -> BlockSums:
        gap = None if self.gap is None else np.delete(self.gap, blocks, axis=0)
        total, square = (np.delete(sums, blocks, axis=0) for sums in (self.total, self.square))
        return BlockSums(total, square, self.mean, gap, self.length)

    def sharpe(self, half: Floats) -> Floats:
        """Sharpe ratio of every trial in every half; 0 without variance or with a gap."""
        n = half.shape[1] // 2 * self.length
        mean = half @ self.total
        mean /= n
        square = half @ self.square
        variance = mean * mean
        variance *= -n
        variance += square
        variance /= n - 1
        square *= _FLAT_SHARE / n
        flat = variance <= np.maximum(square, _FLAT, out=square)
        if self.gap is not None:
            flat |= (half @ self.gap) > 0
        variance[flat] = np.inf
        mean += self.mean
        mean /= np.sqrt(variance, out=variance)
        return mean
