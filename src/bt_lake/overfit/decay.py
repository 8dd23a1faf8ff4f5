"""What was found in sample, seen again out of sample."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from bt_lake.overfit.arrays import Floats, Ints, number


@dataclass(frozen=True, slots=True)
class Decay:
    pairs: int
    in_sample: float  # medians over the pairs
    out_of_sample: float
    change: float  # median of out minus in
    share_worse: float
    rank_correlation: float | None  # Spearman's, folds pooled; None where either side is constant
    folds: int  # with two pairs or more
    winners_above_median: float | None  # share of folds whose best in sample stays above the median


def pair(keys: Sequence[Hashable], samples: Sequence[str | None]) -> tuple[Ints, Ints]:
    """Positions of the in-sample and the out-of-sample run of each key that has one of each.

    A key names one configuration in one fold. Of several runs with one key and sample the last
    counts.
    """
    seen: dict[str, dict[Hashable, int]] = {"in": {}, "out": {}}
    for position, (key, sample) in enumerate(zip(keys, samples, strict=True)):
        if sample in seen:
            seen[sample][key] = position
    both = [(at, seen["out"][key]) for key, at in seen["in"].items() if key in seen["out"]]
    inside, outside = zip(*both, strict=True) if both else ((), ())
    return np.array(inside, np.int64), np.array(outside, np.int64)


def decay(
    inside: Floats, outside: Floats, folds: Sequence[Hashable], *, higher_is_better: bool = True
) -> Decay | None:
    """How one metric held up over pairs; pairs with a missing value are left out."""
    known = np.isfinite(inside) & np.isfinite(outside)
    if not known.any():
        return None
    inside, outside = inside[known], outside[known]
    sign = 1.0 if higher_is_better else -1.0
    names = {fold: i for i, fold in enumerate(dict.fromkeys(folds))}
    fold = np.array([names[name] for name in folds])[known]
    stayed = _winners_above_median(sign * inside, sign * outside, fold)
    return Decay(
        pairs=inside.size,
        in_sample=float(np.median(inside)),
        out_of_sample=float(np.median(outside)),
        change=float(np.median(outside - inside)),
        share_worse=float(np.mean(sign * outside < sign * inside)),
        rank_correlation=rank_correlation(inside, outside),
        folds=len(stayed),
        winners_above_median=float(np.mean(stayed)) if stayed else None,
    )


def rank_correlation(x: Floats, y: Floats) -> float | None:
    """Spearman's, ties at their average rank; None where either side is constant."""
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return number((a @ b) / scale) if scale > 0 else None


def _ranks(x: Floats) -> Floats:
    _, name, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[name]


def _winners_above_median(inside: Floats, outside: Floats, fold: Ints) -> list[bool]:
    stayed = []
    for which in np.unique(fold):
        here = fold == which
        if np.count_nonzero(here) > 1:
            winner = outside[here][np.argmax(inside[here])]
            stayed.append(bool(winner > np.median(outside[here])))
    return stayed
