"""The answer to "what is the best of these trials worth?", in plain values.

Sharpe ratios are per period of the best trial unless a name says annual; None is undefined.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from bt_lake.overfit.bootstrap import RealityCheck
from bt_lake.overfit.decay import Decay
from bt_lake.overfit.family import Gathered
from bt_lake.overfit.plateau import Plateau

FEW_RETURNS = 12  # a year of months; below it the moments mean nothing
FEW_TRIALS = 10  # Sharpe ratios; below it their spread is hardly known


@dataclass(frozen=True, slots=True)
class Settings:
    splits: int  # blocks of rows, S
    bootstraps: int
    block: float | None  # mean length in rows; None: no bootstrap was made
    seed: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Counts:
    trials: int
    failed: int
    deleted: int
    with_sharpe: int
    aligned: int
    clusters: int | None  # among the aligned trials
    silhouette: float | None
    average_correlation: float | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The deflated Sharpe ratio under one way of counting the independent trials."""

    name: str  # all, average_correlation, clusters, effective_rank
    n: float
    expected_max: float  # best Sharpe ratio to expect from luck alone
    expected_max_annual: float | None
    dsr: float | None
    min_track_record: float | None  # returns needed for the DSR to reach the confidence


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The best trial's p-value adjusted for all trials, and the Sharpe ratio it leaves."""

    method: str
    p: float
    haircut_sharpe: float | None
    haircut_sharpe_annual: float | None
    haircut: float | None  # share of the Sharpe ratio that is cut


@dataclass(frozen=True, slots=True)
class Best:
    """The best live trial, beside what luck gives to the best of so many."""

    run_id: str
    sharpe: float
    sharpe_annual: float | None
    periods_per_year: float | None
    n_returns: int | None
    years: float | None
    skew: float | None
    kurtosis: float | None
    psr: float | None  # probability that its true Sharpe ratio is above 0, selection aside
    min_track_record: float | None  # returns needed for the PSR to reach the confidence
    sharpe_deviation: float | None  # of all trials' Sharpe ratios: the root of V
    readings: tuple[Reading, ...]
    p_value: float | None  # two-sided, before any adjustment
    adjusted: tuple[Adjusted, ...]
    plateau: Plateau | None

    def reading(self, name: str) -> Reading | None:
        return next((reading for reading in self.readings if reading.name == name), None)


@dataclass(frozen=True, slots=True)
class Overfitting:
    """What CSCV says; `splits` is the number of splits, `rows` what they rest on."""

    splits: int
    rows: int
    rows_dropped: int
    pbo: float
    probability_of_loss: float
    slope: float | None
    intercept: float | None
    r_squared: float | None
    in_sample: float
    out_of_sample: float
    most_selected: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Alignment:
    rows: int  # returns on common dates
    dates_left_out: int
    trials: int
    left_out: dict[str, int]  # reason: trials


@dataclass(frozen=True, slots=True, repr=False)
class OverfitReport:
    """Shown, it is the report as text; `to_dict()` is fit for JSON."""

    family: str  # what it is about
    verdict: str
    notes: tuple[str, ...]  # why what is missing is missing
    settings: Settings
    counts: Counts
    best: Best | None
    overfitting: Overfitting | None
    reality_check: RealityCheck | None
    alignment: Alignment | None
    decay: dict[str, Decay] = field(default_factory=dict)  # of each metric, out of sample
    gathered: Gathered = field(default_factory=Gathered)

    def __repr__(self) -> str:
        from bt_lake.overfit.text import render

        return render(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
