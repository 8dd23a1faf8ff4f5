"""What the best of a search would reach were none of its trials any good, and which ones are.

The statistic of a trial is t, its mean return over its standard deviation times sqrt(n). Resamples
of the same dates for all trials, each less the trial's own mean, are worlds in which nothing is any
good: the largest t of each such world is what luck brings to the best of just these trials, with
all they have in common (White 2000). The standard deviation is taken anew in every world, so that
the skew of returns counts (Hall 1988; a fixed one calls 25 % of noise of skew -2 good). Stepping
down (Romano & Wolf 2005) compares the best with all, the next with all but the best, and so on:
each p-value holds for the whole search, the share of worthless searches that show one as good.

A trial without a curve is one more draw of a normal, independent of the others (Sidak 1967): that
is right for unrelated trials and strict for related ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bt_lake.overfit import normal, sharpe, student
from bt_lake.overfit.arrays import Bools, Floats, Ints
from bt_lake.overfit.memory import default_block
from bt_lake.overfit.own import Own, Standardised, table
from bt_lake.overfit.resampling import resamples
from bt_lake.overfit.single import FEW_RETURNS

MOST_CELLS = 1 << 26  # of a table of returns: 256 MiB, and as much for their squares
_LEAST_VARIANCE = (
    0.25  # of a resample, as a share of the trial's own: rare trades may all be missed
)
_AT_ONCE = 1 << 19  # t-values, so that they stay in the cache
_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Worlds:
    """The search in worlds where nothing is any good; one entry of `p` and `t` a trial."""

    p: Floats  # NaN for a trial that could not have been the best
    t: Floats
    resampled: int  # trials by the bootstrap; the others stand alone
    alone: int
    unseen: int  # tries of which nothing is known that could be compared
    largest: float  # mean of the largest t: what luck brings
    bound: float  # what the largest t exceeds in 5 % of the worlds
    independent: float  # as many unrelated trials would bring as much
    reality_check: float | None
    spa: float | None
    block: float | None


def worlds(
    own: Own | None,
    alone: Floats,
    *,
    bootstraps: int = 5000,
    block: float | None = None,
    seed: int = 0,
    memory: Floats | None = None,
    unseen: int = 0,
) -> Worlds | None:
    """Judge all trials that have returns of their own, and those that only have a t-value.

    `alone` has that value for each trial, NaN where there is none; it counts where there are no
    returns. `unseen` trials have neither, and could have been the best: each is a draw beside the
    others. None where no trial can be judged.
    """
    t = alone.astype(np.float64)
    trials = np.zeros(0, np.int64)
    mean = deviation = np.zeros(0)
    found: Standardised | None = None
    if own is not None:
        trials = np.flatnonzero(own.able())
        mean, deviation = (value[trials] for value in own.mean_and_deviation())
        t[trials] = mean / deviation * np.sqrt(own.points.counts[trials])
        order = np.argsort(t[trials], kind="stable")
        trials, mean, deviation = trials[order], mean[order], deviation[order]
        if trials.size:
            found = table(own, trials, mean, deviation, MOST_CELLS)
        if found is None:  # too much for memory: each stands alone
            t[trials] /= np.sqrt(memory[trials]) if memory is not None else 1.0
            trials = trials[:0]
    able = np.isfinite(t)
    if not able.any():
        return None
    single = able.copy()
    single[trials] = False
    if found is None:
        return _alone(t, single, unseen)
    rows, n = len(found.values), own.points.counts[trials] if own is not None else trials
    block = float(default_block(found.values) if block is None else block)
    drawn = _Drawn.of(t[trials], n, mean, deviation, found)
    wider = _widening(n, block)
    step = max(1, _AT_ONCE // trials.size)
    for counts in resamples(rows, bootstraps, block, seed):
        for start in range(0, len(counts), step):
            drawn.add(counts[start : start + step], wider)
    return drawn.judged(t, trials, single, block, unseen)


def _widening(n: Ints, block: float) -> Floats:
    """How much a resampled t is too narrow, for each trial.

    Blocks share what their mean took from the variance, 2 block - 1 rows of n; and n / block of
    them estimate it no better than as many degrees of freedom (Kiefer & Vogelsang 2005).
    """
    seen = np.maximum(1.0 - (2.0 * block - 1.0) / n, 0.25)
    df, place = np.unique(np.maximum(n / block, 3.0), return_inverse=True)
    heavier = student.quantile(2.0 * _LEVEL, df) / -normal.quantile(_LEVEL)
    return np.asarray(heavier[place] / np.sqrt(seen))


@dataclass(slots=True)
class _Drawn:
    """What the resamples said so far; trials in the order of t, the best last."""

    t: Floats
    n: Ints
    deviation: Floats
    table: Standardised
    squares: NDArray[np.float32]
    hopeless: Bools
    largest: list[Floats]
    exceeding: Ints
    observed: tuple[float, float]
    reality_check: int = 0
    spa: int = 0
    bootstraps: int = 0
    wider: float = 1.0

    @classmethod
    def of(cls, t: Floats, n: Ints, mean: Floats, deviation: Floats, found: Standardised) -> _Drawn:
        return cls(
            t=t,
            n=n,
            deviation=deviation,
            table=found,
            squares=found.values * found.values,
            hopeless=t < -np.sqrt(2.0 * np.log(np.log(n))),
            largest=[],
            exceeding=np.zeros(t.size, np.int64),
            observed=(max(0.0, float((mean * np.sqrt(n)).max())), max(0.0, float(t[-1]))),
        )

    def add(self, counts: NDArray[np.float32], widening: Floats) -> None:
        total = counts @ self.table.values
        square = counts @ self.squares
        rows = self.n.astype(np.float32) if self.table.here is None else counts @ self.table.here
        self._published(total, rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = widening.astype(np.float32) * np.sqrt(np.maximum(rows - 1.0, 0.0) / rows)
            np.subtract(square, total * total / rows, out=square)
            np.maximum(square, np.float32(_LEAST_VARIANCE) * rows, out=square)
            total /= np.sqrt(square, out=square)
            total *= scale
        if self.table.here is not None:
            total[rows < FEW_RETURNS] = 0.0  # hardly there in this world
        best = np.maximum.accumulate(total, axis=1)
        self.exceeding += np.count_nonzero(best >= self.t.astype(np.float32), axis=0)
        self.largest.append(best[:, -1].astype(np.float64))
        self.bootstraps += len(best)
        self.wider = float(np.median(widening))

    def _published(self, total: NDArray[np.float32], rows: NDArray[np.float32]) -> None:
        """White's Reality Check, of means, and Hansen's SPA, of t-values without the hopeless."""
        with np.errstate(divide="ignore", invalid="ignore"):
            fixed = total / np.sqrt(rows)
        fixed[~np.isfinite(fixed)] = 0.0
        if not self.hopeless.all():
            spa = fixed[:, ~self.hopeless] if self.hopeless.any() else fixed
            most = np.maximum(spa.max(axis=1), 0.0)
            self.spa += int(np.count_nonzero(most >= self.observed[1]))
        else:
            self.spa += len(fixed)
        fixed *= self.deviation.astype(np.float32)
        most = np.maximum(fixed.max(axis=1), 0.0)
        self.reality_check += int(np.count_nonzero(most >= self.observed[0]))

    def judged(self, t: Floats, trials: Ints, single: Bools, block: float, unseen: int) -> Worlds:
        of = 1.0 + self.bootstraps
        lone = int(single.sum()) + unseen
        largest = np.concatenate(self.largest)
        p = np.full(t.size, np.nan)
        p[trials] = (1.0 + self.exceeding) / of
        mean, bound = float(largest.mean()), float(np.quantile(largest, 1.0 - _LEVEL))
        if lone:
            p = _with_those_alone(p, t, trials, single, largest, unseen)
            mean, bound = _larger(largest, lone)
        return Worlds(
            p=_stepped_down(p, t),
            t=t,
            resampled=trials.size,
            alone=int(single.sum()),
            unseen=unseen,
            largest=mean,
            bound=bound,
            independent=_as_many(mean / self.wider, trials.size + lone),
            reality_check=(1 + self.reality_check) / of,
            spa=(1 + self.spa) / of,
            block=block,
        )


def _alone(t: Floats, single: Bools, unseen: int = 0) -> Worlds:
    """No two trials can be laid beside each other: Sidak's adjustment, stepped down (Holm)."""
    count = int(single.sum())
    tries = count + unseen
    p = np.full(t.size, np.nan)
    rank = np.empty(count, np.int64)
    rank[np.argsort(t[single], kind="stable")] = np.arange(1, count + 1) + unseen
    p[single] = -np.expm1(rank * np.log1p(-normal.cdf(-t[single])))
    return Worlds(
        p=_stepped_down(p, t),
        t=t,
        resampled=0,
        alone=count,
        unseen=unseen,
        largest=float(sharpe.expected_max(tries)),
        bound=float(normal.quantile((1.0 - _LEVEL) ** (1.0 / tries))),
        independent=float(tries),
        reality_check=None,
        spa=None,
        block=None,
    )


def _with_those_alone(
    p: Floats, t: Floats, trials: Ints, single: Bools, largest: Floats, unseen: int
) -> Floats:
    """One as good as this is shown by the resampled ones of no higher t, or by those alone."""
    together = p.copy()
    able = np.flatnonzero(np.isfinite(t))
    lone = np.sort(t[single])
    chance = np.zeros(able.size)  # that a resampled trial of no higher t does as well
    if trials.size:
        place = np.searchsorted(t[trials], t[able], side="right")
        own = np.isin(able, trials)
        chance[own] = p[able[own]]
        others = ~own & (place > 0)
        ordered = np.sort(largest)
        beyond = ordered.size - np.searchsorted(ordered, t[able[others]], side="left")
        chance[others] = (1.0 + beyond) / (1.0 + ordered.size)
    alone = np.searchsorted(lone, t[able], side="right") + unseen
    none = np.log1p(-np.minimum(chance, 1.0 - 1e-12))
    none += alone * np.log1p(-np.minimum(normal.cdf(-t[able]), 1.0 - 1e-12))
    together[able] = -np.expm1(none)
    return together


def _larger(largest: Floats, count: int) -> tuple[float, float]:
    """Mean and 95 % bound of the largest of the resampled and of `count` normals beside them."""
    levels = (np.arange(largest.size) + 0.5) / largest.size
    lone = normal.quantile(levels ** (1.0 / count))
    # Both are quantiles of independent maxima: the product of their distributions, on one grid.
    grid = np.sort(np.concatenate([largest, lone]))
    ordered = np.sort(largest)
    below = np.searchsorted(ordered, grid, side="right") / ordered.size
    together = below * normal.cdf(grid) ** count
    steps = np.diff(together, prepend=0.0)
    mean = float(steps @ grid / together[-1])
    place = int(np.searchsorted(together, 1.0 - _LEVEL))
    return mean, float(grid[min(place, grid.size - 1)])


def _stepped_down(p: Floats, t: Floats) -> Floats:
    """No p-value is smaller than that of a better trial."""
    able = np.flatnonzero(np.isfinite(p))
    order = able[np.argsort(-t[able], kind="stable")]
    stepped = p.copy()
    stepped[order] = np.maximum.accumulate(p[order])
    return stepped


def _as_many(largest: float, trials: int) -> float:
    """The number of unrelated trials whose best luck brings as far, by bisection."""
    two = float(sharpe.expected_max(2))
    if trials < 2 or largest <= two:  # between one trial and two in proportion
        return min(float(trials), 1.0 + max(largest, 0.0) / two)
    low, high = math.log(2.0), math.log(trials)
    for _ in range(60):
        middle = (low + high) / 2.0
        below = float(sharpe.expected_max(math.exp(middle))) < largest
        low, high = (middle, high) if below else (low, middle)
    return math.exp(high)
