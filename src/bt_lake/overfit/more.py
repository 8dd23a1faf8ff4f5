"""Further statistics of a family, beside the verdict: none of them is a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bt_lake.overfit import false_strategy, normal
from bt_lake.overfit.align import align
from bt_lake.overfit.arrays import Floats, number
from bt_lake.overfit.confidence_set import MOST_TRIALS, confidence_set
from bt_lake.overfit.discovery import storey, worthless
from bt_lake.overfit.family import Family
from bt_lake.overfit.multiple import benjamini_yekutieli
from bt_lake.overfit.purged import paths
from bt_lake.overfit.search import Worlds
from bt_lake.overfit.verdict import p_text

_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Each:
    """A trial among the others; p-values are one-sided, None is undefined."""

    run_id: str
    sharpe: float | None  # annual
    p: float | None  # by itself
    romano_wolf: float | None  # stepped down through the whole search
    storey: float | None  # q-value
    benjamini_yekutieli: float | None  # q-value
    confidence_set: float | None  # above 5 %: none is shown to be better


@dataclass(frozen=True, slots=True)
class More:
    trials: tuple[Each, ...]
    worthless: float | None  # estimated share of the trials
    min_backtest_years: float | None
    false_strategy: float | None  # all trials taken as unrelated
    false_strategy_as_related: float | None  # as many as are as lucky
    paths: tuple[float, ...]  # annual Sharpe ratios out of sample
    paths_losing: float | None
    path_groups: int
    by_folds: bool  # the groups are the stored folds

    def count(self, name: str) -> int:
        """How many trials are found at 5 % by one of the methods."""
        values = (getattr(each, name) for each in self.trials)
        return sum(value is not None and value <= _LEVEL for value in values)


def more(family: Family, memory: Floats, found: Worlds | None, folds: Sequence[int]) -> More:
    """`folds` are the times, in microseconds, at which the stored folds begin."""
    t = found.t if found is not None else np.full(len(family), np.nan)
    single = normal.cdf(-t)
    aligned = align(family.curves) if family.curves is not None else None
    confident = np.full(len(family), np.nan)
    walked = None
    by_folds = False
    if aligned is not None and aligned.kept.size > 1 and not np.isnan(aligned.returns).any():
        if aligned.kept.size <= MOST_TRIALS:
            confident[aligned.kept] = confidence_set(aligned.returns)
        edges = np.unique(np.searchsorted(aligned.ts[-len(aligned.returns) :], sorted(folds)))
        edges = edges[edges < len(aligned.returns)]
        by_folds = edges.size > 2
        if by_folds:
            edges[0] = 0
        walked = paths(aligned.returns, edges=edges if by_folds else None, purged=1)
    year = np.sqrt(np.where(family.periods_per_year > 0, family.periods_per_year, np.nan))
    columns = (
        family.sharpe_period * year,
        single,
        found.p if found is not None else np.full(len(family), np.nan),
        storey(single),
        benjamini_yekutieli(single),
        confident,
    )
    order = np.argsort(-np.where(np.isfinite(t), t, -np.inf), kind="stable").tolist()
    winner = family.best()
    annual = None if walked is None or winner is None else float(year[winner])
    return More(
        trials=tuple(
            Each(family.ids[i], *(number(float(column[i])) for column in columns)) for i in order
        ),
        worthless=worthless(single) if np.isfinite(single).any() else None,
        **_of_the_best(family, winner, memory, found),
        paths=()
        if walked is None or annual is None
        else tuple(ratio * annual for ratio in walked.sharpe if np.isfinite(annual)),
        paths_losing=None if walked is None else walked.losing,
        path_groups=0 if walked is None else walked.groups,
        by_folds=by_folds,
    )


def _of_the_best(
    family: Family, winner: int | None, memory: Floats, found: Worlds | None
) -> dict[str, float | None]:
    names = ("min_backtest_years", "false_strategy", "false_strategy_as_related")
    if winner is None or len(family) < 2:
        return dict.fromkeys(names)
    own = [
        float(column[winner])
        for column in (family.sharpe_period, family.n_returns, family.skew, family.kurtosis)
    ]
    periods = float(family.periods_per_year[winner])
    annual = own[0] * np.sqrt(periods) if periods > 0 else np.nan
    chances = [
        None
        if trials is None
        else number(
            float(false_strategy.false_strategy(*own, trials=trials, memory=float(memory[winner])))
        )
        for trials in (len(family), found.independent if found is not None else None)
    ]
    years = number(float(false_strategy.min_backtest_years(len(family), annual)))
    return dict(zip(names, (years, *chances), strict=True))


def rows(told: More) -> Iterator[tuple[str, str]]:
    """As lines of the report."""
    if any(each.romano_wolf is not None for each in told.trials):
        yield "stepped down", f"{told.count('romano_wolf'):,} trials at 5% (Romano-Wolf)"
    if told.worthless is not None:
        yield (
            "false discoveries",
            f"{told.count('storey'):,} trials at a false share of 5% (Storey; "
            f"{told.worthless:.0%} of all worthless), {told.count('benjamini_yekutieli'):,} "
            "(Benjamini-Yekutieli)",
        )
    inside = sum((each.confidence_set or 0.0) > _LEVEL for each in told.trials)
    if inside:
        yield "model confidence set", f"{inside:,} trials, none of them shown to be the worse"
    if told.min_backtest_years is not None:
        yield (
            "minimum backtest length",
            f"{told.min_backtest_years:.1f} years, were the trials unrelated",
        )
    if told.false_strategy is not None:
        related = told.false_strategy_as_related
        yield (
            "as good if worthless",
            f"p {p_text(told.false_strategy)} of unrelated trials"
            + ("" if related is None else f", {p_text(related)} of as many as are as lucky"),
        )
    if told.paths:
        what = "stored folds" if told.by_folds else "groups of dates"
        low, high = min(told.paths), max(told.paths)
        yield (
            "purged paths",
            f"sharpe {low:.2f} to {high:.2f} out of sample on {len(told.paths)} paths "
            f"of {told.path_groups} {what}",
        )
