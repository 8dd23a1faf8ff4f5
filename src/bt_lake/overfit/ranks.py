"""What a rank in one half of the data says of the rank in the other: the pictures behind PBO."""

from __future__ import annotations

import numpy as np

from bt_lake.overfit.arrays import Floats
from bt_lake.overfit.cscv import BlockSums, Splits, halves, tie
from bt_lake.overfit.results import Logits, Ranked

_BARS = 40
_GROUPS = 20
_MOST_CELLS = 1 << 17  # trials x splits whose ranks are looked at; more change no picture


def logits(returns: Floats, blocks: int, found: Splits) -> Logits:
    """The logits of these splits, which `cscv` made of these returns."""
    half = max(2, min(_BARS, found.trials) // 2)
    side = np.linspace(0.0, np.log(max(2, found.trials)), half + 1)
    edges = np.concatenate([-side[:0:-1], side])
    at = np.clip(np.searchsorted(edges, found.logit, side="left") - 1, 0, 2 * half - 1)
    counts = np.bincount(at, minlength=2 * half)
    return Logits(
        tuple(edges.tolist()),
        tuple(counts.tolist()),
        by_rank(BlockSums.of(returns[len(returns) % blocks :], blocks)),
    )


def by_rank(sums: BlockSums) -> tuple[Ranked, ...]:
    """Of every n-th split and its complement, where trials of like rank in sample end."""
    blocks, trials = sums.total.shape
    chosen = halves(blocks)
    step = max(1, -(-len(chosen) * trials // _MOST_CELLS))
    chosen = chosen[::step]
    first, second = _ranks(sums.sharpe(chosen)), _ranks(sums.sharpe(1.0 - chosen))
    inside = np.concatenate([first, second]).ravel()
    outside = np.concatenate([second, first]).ravel()
    share = (inside - 0.5) / trials
    groups = min(_GROUPS, trials)
    group = np.minimum((share * groups).astype(int), groups - 1)
    members = (np.flatnonzero(group == number) for number in range(groups))
    return tuple(  # a rank that ties took away has no members
        Ranked(float(share[some].mean()), *_quartiles(outside[some], trials))
        for some in members
        if some.size
    )


def _quartiles(ranks: Floats, trials: int) -> list[float]:
    found = np.quantile(ranks, [0.25, 0.5, 0.75])
    quartiles: list[float] = np.log(found / (trials + 1 - found)).tolist()
    return quartiles


def _ranks(scores: Floats) -> Floats:
    """The rank of each score in its row, 1 the worst; ties share theirs."""
    ranks = np.empty_like(scores)
    ties = tie(scores)
    every = zip(scores - ties, scores + ties, np.sort(scores, axis=1), ranks, strict=True)
    for low, high, ordered, place in every:
        place[:] = ordered.searchsorted(low, "left") + ordered.searchsorted(high, "right") + 1
    return np.divide(ranks, 2.0, out=ranks)
