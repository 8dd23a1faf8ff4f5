"""Returns of searches whose truth is known: noise of many kinds, and noise with an edge in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bt_lake.metrics.segments import Segments
from bt_lake.overfit.own import Own

DAYS = 252
Rng = np.random.Generator
Returns = np.ndarray


def together(rng: Rng, rows: int, trials: int, rho: float) -> Returns:
    """Normal returns, each pair with the same correlation."""
    common = rng.normal(size=(rows, 1))
    own = rng.normal(size=(rows, trials))
    return math.sqrt(rho) * common + math.sqrt(1.0 - rho) * own


def beside(rng: Rng, rows: int, copies: int, single: int) -> Returns:
    """One group of near copies beside a few other ideas."""
    return np.hstack([together(rng, rows, copies, 0.99), rng.normal(size=(rows, single))])


def remembering(shocks: Returns, phi: float) -> Returns:
    """AR(1) returns of variance 1."""
    values = shocks.copy()
    for row in range(1, len(values)):
        values[row] = phi * values[row - 1] + math.sqrt(1.0 - phi * phi) * shocks[row]
    return values


def garch(rng: Rng, rows: int, trials: int, arch: float = 0.08, decay: float = 0.91) -> Returns:
    """Calm and wild times that all trials share."""
    values, variance = np.empty((rows + 200, trials)), 1.0
    for row in range(rows + 200):
        values[row] = math.sqrt(variance) * rng.normal(size=trials)
        variance = 1.0 - arch - decay + (arch * rng.normal() ** 2 + decay) * variance
    return values[200:]


def heavy(rng: Rng, rows: int, trials: int, rho: float = 0.0) -> Returns:
    """Student's t with 3 degrees of freedom; where trials are related they share the shocks."""
    if rho == 0.0:
        return rng.standard_t(3, size=(rows, trials))
    return together(rng, rows, trials, rho) * np.sqrt(3.0 / rng.chisquare(3, size=(rows, 1)))


def costs(rng: Rng, rows: int, trials: int) -> Returns:
    """Losers: annual Sharpe ratios of 0 at most."""
    lost = np.minimum(rng.normal(-0.5, 0.5, size=trials), 0.0)
    return rng.normal(size=(rows, trials)) + lost / math.sqrt(DAYS)


def repeated(rng: Rng, rows: int, trials: int, times: int) -> Returns:
    """The first one saved again and again."""
    values = rng.normal(size=(rows, trials))
    return np.hstack([values, np.repeat(values[:, :1], times, axis=1)])


@dataclass(frozen=True)
class Cell:
    """A kind of search in which nothing is any good; columns may be of different lengths."""

    name: str
    make: Callable[[Rng], Returns | list[np.ndarray]]
    returns: int  # of the shortest trial
    curves: bool = True


def _independent() -> list[Cell]:
    def cell(rows: int, trials: int) -> Cell:
        name = f"independent, {rows:,} x {trials}"
        return Cell(name, lambda rng: rng.normal(size=(rows, trials)), rows)

    sizes = [(rows, trials) for rows in (100, 250, 500) for trials in (5, 20, 100, 500)]
    return [cell(*size) for size in [*sizes, (2500, 20), (2500, 100)]]


def _lengths(*groups: tuple[int, int]) -> Callable[[Rng], list[np.ndarray]]:
    return lambda rng: [rng.normal(size=rows) for trials, rows in groups for _ in range(trials)]


CELLS = [
    *_independent(),
    Cell("correlation .3, 500 x 100", lambda rng: together(rng, 500, 100, 0.3), 500),
    Cell("correlation .9, 500 x 20", lambda rng: together(rng, 500, 20, 0.9), 500),
    Cell("correlation .9, 500 x 100", lambda rng: together(rng, 500, 100, 0.9), 500),
    Cell(
        "5 clusters of 20, .9, 500",
        lambda rng: np.hstack([together(rng, 500, 20, 0.9) for _ in range(5)]),
        500,
    ),
    Cell("190 near copies + 10, 500", lambda rng: beside(rng, 500, 190, 10), 500),
    Cell("480 near copies + 20, 500", lambda rng: beside(rng, 500, 480, 20), 500),
    Cell("30 + 470 repeats of one, 500", lambda rng: repeated(rng, 500, 30, 470), 500),
    Cell(
        "AR .1, correlation .9, 250 x 100",
        lambda rng: remembering(together(rng, 250, 100, 0.9), 0.1),
        250,
    ),
    Cell("AR .1, 500 x 100", lambda rng: remembering(rng.normal(size=(500, 100)), 0.1), 500),
    Cell("AR .3, 250 x 100", lambda rng: remembering(rng.normal(size=(250, 100)), 0.3), 250),
    Cell(
        "AR .3, correlation .9, 250 x 100",
        lambda rng: remembering(together(rng, 250, 100, 0.9), 0.3),
        250,
    ),
    Cell("AR -.1, 250 x 100", lambda rng: remembering(rng.normal(size=(250, 100)), -0.1), 250),
    Cell("t(3), 250 x 100", lambda rng: heavy(rng, 250, 100), 250),
    Cell("t(3), correlation .9, 250 x 100", lambda rng: heavy(rng, 250, 100, 0.9), 250),
    Cell("skew -2, 250 x 100", lambda rng: 1.0 - rng.exponential(size=(250, 100)), 250),
    Cell("skew +2, 250 x 100", lambda rng: rng.exponential(size=(250, 100)) - 1.0, 250),
    Cell("GARCH, 250 x 100", lambda rng: garch(rng, 250, 100), 250),
    Cell("costs, 250 x 100", lambda rng: costs(rng, 250, 100), 250),
    Cell(
        "volatilities from 1 to 20, 250 x 100",
        lambda rng: rng.normal(size=(250, 100)) * np.geomspace(1, 20, 100),
        250,
    ),
    Cell("monthly, 60 x 20", lambda rng: rng.normal(size=(60, 20)), 60),
    Cell("monthly, 60 x 100", lambda rng: rng.normal(size=(60, 100)), 60),
    Cell("monthly, correlation .9, 60 x 100", lambda rng: together(rng, 60, 100, 0.9), 60),
    Cell("monthly, skew -2, 60 x 100", lambda rng: 1.0 - rng.exponential(size=(60, 100)), 60),
    Cell("90 of 10 years + 10 of half", _lengths((90, 2520), (10, 126)), 126),
    Cell("50 of 5 years + 50 of 1", _lengths((50, 1260), (50, 252)), 252),
    Cell("no curves, 250 x 100", lambda rng: rng.normal(size=(250, 100)), 250, curves=False),
    Cell(
        "no curves, skew -2, 250 x 100",
        lambda rng: 1.0 - rng.exponential(size=(250, 100)),
        250,
        curves=False,
    ),
]


@dataclass(frozen=True)
class Edge:
    """A search in which some trials have an edge; `correlation` is that of their t-values."""

    name: str
    trials: int
    good: int
    rho: float  # among the good ones
    rest: float = 0.0  # among the others, and with the good ones where they are one group

    def make(self, rng: Rng, rows: int) -> Returns:
        """Returns without the edge; the good ones come first."""
        if self.good in (1, self.trials) and self.rest:
            return together(rng, rows, self.trials, self.rest)
        if self.good == self.trials:
            return together(rng, rows, self.trials, self.rho)
        good = together(rng, rows, self.good, self.rho)
        return np.hstack([good, rng.normal(size=(rows, self.trials - self.good))])


EDGES = [
    *(Edge(f"one of {n}", n, 1, 0.0) for n in (20, 200)),
    *(Edge(f"one of {n}, correlation .5", n, 1, 0.5, 0.5) for n in (20, 200)),
    *(Edge(f"{n // 10} of {n} (.9)", n, n // 10, 0.9) for n in (20, 200)),
    *(Edge(f"all {n} (.9), a plateau", n, n, 0.9) for n in (20, 200)),
]


def own(returns: Returns | Sequence[np.ndarray]) -> Own:
    """Trials with these returns, which end on the same last day."""
    columns = list(returns.T) if isinstance(returns, np.ndarray) else list(returns)
    lengths = np.array([len(column) for column in columns])
    longest = int(lengths.max())
    days = [np.arange(longest - length, longest) for length in lengths]
    return Own(
        Segments(np.concatenate([[0], lengths.cumsum()])),
        np.concatenate(days),
        np.concatenate(columns).astype(np.float64),
    )
