"""What picking the best earns out of sample, on many paths.

Combinatorially purged cross-validation (Lopez de Prado, "Advances in Financial Machine Learning",
2018, chapter 12): the dates are cut into groups, each choice of some of them is tested by the trial
that was best on the others, and the tested groups are laid together to paths that cover all dates.
Returns next to a tested group are purged from the sample, as positions reach across its edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from bt_lake.overfit.arrays import Floats, Ints

GROUPS = 6
TESTED = 2
_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class Paths:
    """Sharpe ratios per period of the paths, each of trials that were picked without seeing it."""

    sharpe: tuple[float, ...]
    groups: int
    tested: int
    splits: int
    purged: int  # returns on each side of a tested group

    @property
    def losing(self) -> float:
        return float(np.mean(np.asarray(self.sharpe) <= 0.0))


def paths(
    returns: Floats,
    *,
    edges: Sequence[int] | Ints | None = None,
    tested: int = TESTED,
    purged: int = 0,
) -> Paths | None:
    """`returns` is rows x trials; `edges` are the first rows of the groups, by default six alike.

    None where there are too few groups, or where in a split nothing is left to pick by.
    """
    rows = len(returns)
    starts = np.linspace(0, rows, GROUPS + 1)[:-1].astype(int) if edges is None else np.array(edges)
    groups = len(starts)
    if groups <= tested:
        return None
    group = np.searchsorted(starts, np.arange(rows), side="right") - 1
    told = [np.full(rows, np.nan) for _ in range(comb(groups - 1, tested - 1))]
    used = [0] * groups
    for chosen in combinations(range(groups), tested):
        outside = np.isin(group, chosen)
        picked = _best(returns[~_widened(outside, purged)])
        if picked is None:
            return None
        for each in chosen:  # the next path that has no returns of this group yet
            here = group == each
            told[used[each]][here] = returns[here, picked]
            used[each] += 1
    return Paths(
        sharpe=tuple(_sharpe(path) for path in told),
        groups=groups,
        tested=tested,
        splits=comb(groups, tested),
        purged=purged,
    )


def _widened(outside: np.ndarray, purged: int) -> np.ndarray:
    wide = outside.copy()
    for step in range(1, purged + 1):
        wide[step:] |= outside[:-step]
        wide[:-step] |= outside[step:]
    return wide


def _best(sample: Floats) -> int | None:
    if len(sample) < 2:
        return None
    deviation = sample.std(axis=0, ddof=1)
    able = deviation > _TINY
    if not able.any():
        return None
    score = np.where(able, sample.mean(axis=0) / np.where(able, deviation, 1.0), -np.inf)
    return int(np.argmax(score))


def _sharpe(path: Floats) -> float:
    deviation = float(path.std(ddof=1))
    return float(path.mean()) / deviation if deviation > _TINY else 0.0
