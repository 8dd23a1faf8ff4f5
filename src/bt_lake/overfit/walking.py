"""The answer to "what would I have traded, and what came of it?", in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.overfit.arrays import number

if TYPE_CHECKING:
    import polars as pl

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pick:
    """What was best in sample in one fold, and what came of it."""

    fold: str
    params: Mapping[str, Any]
    in_run: str
    out_run: str | None
    in_sample: float
    out_of_sample: float | None
    start: int | None  # of what was traded, microseconds
    end: int | None


@dataclass(frozen=True, slots=True)
class Fixed:
    """One configuration held over all folds, out of sample."""

    params: Mapping[str, Any]
    value: float | None
    total_return: float | None


@dataclass(frozen=True, slots=True)
class RandomChoice:
    """Walks that choose blindly in each fold."""

    draws: int
    seed: int
    median: float
    p: float  # share that is as good as the walk, itself counted


@dataclass(frozen=True, slots=True, repr=False)
class Walk:
    """In each fold the best in sample by `metric`, traded out of sample.

    `traded` are the metrics of the stitched curve. What it is compared with is measured by
    `compared_by`: the metric, or the Sharpe ratio where curves do not tell it.
    """

    name: str
    metric: str
    compared_by: str
    lower_is_better: bool
    picks: tuple[Pick, ...]
    configurations: int  # that could have been chosen
    traded: dict[str, float | None]
    curve: Any = field(repr=False)  # Points, or None
    fixed: tuple[Fixed, ...]  # the best first
    random: RandomChoice | None
    psr: float | None  # probability that what was traded has a Sharpe ratio above 0
    notes: tuple[str, ...]

    @property
    def efficiency(self) -> float | None:
        """Mean out of sample of what was picked over that in sample; None unless above 0."""
        pairs = [(p.in_sample, p.out_of_sample) for p in self.picks if p.out_of_sample is not None]
        inside = float(np.mean([one for one, _ in pairs])) if pairs else 0.0
        if not inside > 0:
            return None
        return number(float(np.mean([other for _, other in pairs])) / inside)

    @property
    def changes(self) -> int:
        """How often the choice was another than in the fold before."""
        return sum(one.params != other.params for one, other in pairwise(self.picks))

    @property
    def best_fixed(self) -> Fixed | None:
        return self.fixed[0] if self.fixed else None

    @property
    def median_fixed(self) -> float | None:
        known = [one.value for one in self.fixed if one.value is not None]
        return float(np.median(known)) if known else None

    @property
    def verdict(self) -> str:
        if self.psr is None:
            return "Too little was traded out of sample to judge it."
        p = 1.0 - self.psr
        if p <= 0.05:
            said = (
                "What was chosen in sample is better than no skill out of sample: were it "
                f"worthless, a walk this good would be seen in {_share(p)} of cases"
            )
        else:
            said = (
                "What was chosen in sample is not distinguishable from no skill out of sample: "
                f"were it worthless, a walk this good would be seen in {_share(p)} of cases"
            )
        if self.random is not None and self.random.p > 0.05:
            said += f"; and {_share(self.random.p)} of random choices do as well"
        return f"{said}."

    def frame(self) -> pl.DataFrame:
        """A row for each fold."""
        import polars as pl

        time = pl.Datetime("us", "UTC")
        return pl.DataFrame(
            {
                "fold": [p.fold for p in self.picks],
                "start": pl.Series([p.start for p in self.picks], dtype=pl.Int64).cast(time),
                "end": pl.Series([p.end for p in self.picks], dtype=pl.Int64).cast(time),
                "params": [str(dict(p.params)) for p in self.picks],
                "in_sample": pl.Series([p.in_sample for p in self.picks], dtype=pl.Float64),
                "out_of_sample": pl.Series([p.out_of_sample for p in self.picks], dtype=pl.Float64),
                "in_run": [p.in_run for p in self.picks],
                "out_run": pl.Series([p.out_run for p in self.picks], dtype=pl.String),
            }
        )

    def equity(self) -> pl.DataFrame:
        """The stitched curve of what was traded."""
        import polars as pl

        ts, equity = ([], []) if self.curve is None else (self.curve.ts, self.curve.equity)
        return pl.DataFrame(
            {
                "ts": pl.Series(ts, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
                "equity": pl.Series(equity, dtype=pl.Float64),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        return {
            "name": self.name,
            "metric": self.metric,
            "compared_by": self.compared_by,
            "configurations": self.configurations,
            "folds": [
                {
                    "fold": p.fold,
                    "params": dict(p.params),
                    "in_sample": p.in_sample,
                    "out_of_sample": p.out_of_sample,
                    "in_run": p.in_run,
                    "out_run": p.out_run,
                    "start": day(p.start),
                    "end": day(p.end),
                }
                for p in self.picks
            ],
            "traded": self.traded,
            "efficiency": self.efficiency,
            "changes": self.changes,
            "best_fixed": self.best_fixed
            and {
                "params": dict(self.best_fixed.params),
                self.compared_by: self.best_fixed.value,
                "total_return": self.best_fixed.total_return,
            },
            "median_fixed": self.median_fixed,
            "random_median": self.random and self.random.median,
            "random_p": self.random and self.random.p,
            "random_draws": self.random and self.random.draws,
            "seed": self.random and self.random.seed,
            "psr": self.psr,
            "verdict": self.verdict,
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        from bt_lake.overfit.walktext import render

        return render(self)


def day(micros: int | None) -> str | None:
    if micros is None:
        return None
    return f"{_EPOCH + timedelta(microseconds=micros):%Y-%m-%d}"


def _share(p: float) -> str:
    return "under 1%" if p < 0.01 else f"{p:.0%}"
