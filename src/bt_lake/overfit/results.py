"""The answer to "what is the best of these trials worth?", in plain values.

Sharpe ratios are per period of the best trial unless a name says annual; None is undefined.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from bt_lake.drawing.picture import Shown
from bt_lake.overfit.decay import Decay
from bt_lake.overfit.family import Gathered
from bt_lake.overfit.plateau import Plateau
from bt_lake.warehouse.errors import NotFound
from bt_lake.wording.plain import plain

if TYPE_CHECKING:
    from bt_lake.drawing.picture import Picture
    from bt_lake.overfit.more import More

FEW_TRIALS = 10  # below it their spread is hardly known, and ranks are too coarse for PBO
ROUGH_RETURNS = 250  # below it the error rate of the verdict is not assured


@dataclass(frozen=True, slots=True)
class Settings:
    splits: int  # blocks of rows, S
    bootstraps: int
    block: float | None  # mean length in rows; None: no bootstrap was made
    seed: int
    confidence: float
    peeking: bool
    benchmark: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    trials: int
    failed: int
    deleted: int
    with_sharpe: int
    aligned: int


@dataclass(frozen=True, slots=True)
class DeflatedSharpe:
    """Bailey and Lopez de Prado's: against the best to expect of independent trials of this spread.

    Not a test at any level: related trials, real differences in skill and copies all move it.
    """

    trials: int
    deviation: float  # of the trials' Sharpe ratios: the root of V
    expected_max: float
    expected_max_annual: float | None
    dsr: float | None


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
    """The best live trial; what is said of it alone leaves the search aside."""

    run_id: str
    sharpe: float
    sharpe_annual: float | None
    interval: tuple[float, float] | None  # of the true Sharpe ratio, at the confidence
    interval_annual: tuple[float, float] | None
    periods_per_year: float | None
    n_returns: int | None
    years: float | None
    skew: float | None
    kurtosis: float | None
    memory: float  # Lo's factor on the variance of its mean; 1 is none
    lags: int  # that it rests on
    psr: float | None  # probability that its true Sharpe ratio is above 0
    min_track_record: float | None  # returns needed for the PSR to reach the confidence
    min_track_record_of_the_best: float | None  # ... for the best of all these trials
    deflated: DeflatedSharpe | None
    p_value: float | None  # two-sided, before any adjustment
    adjusted: tuple[Adjusted, ...]
    plateau: Plateau | None


@dataclass(frozen=True, slots=True)
class Search:
    """The best trial beside what luck brings to the best of exactly these trials."""

    p: float  # share of worthless searches that show one as good
    luck: float  # Sharpe ratio that the best reaches on average, were none any good
    luck_annual: float | None
    at_least: float  # what the best's true Sharpe ratio exceeds, the search counted, at 95 %
    at_least_annual: float | None
    independent: float | None  # as many unrelated trials would bring as much luck
    good: tuple[tuple[str, float], ...]  # trials that are better than luck, and their p-values
    resampled: int  # trials compared by the bootstrap
    alone: int  # without a curve: each counts as unrelated to the others
    peeking: float | None  # p for who looks after every trial
    reality_check: float | None  # White's
    spa: float | None  # Hansen's, consistent
    spa_unreliable: str | None  # why


@dataclass(frozen=True, slots=True)
class Ranked:
    """Trials of about one rank in sample, and the quartiles of their logits out of sample."""

    rank: float  # in sample, as a share: near 0 the worst, near 1 the best
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Logits:
    """How the best in sample rank out of sample: log(rank / (trials + 1 - rank)), 0 is the middle.

    Bar i counts the splits whose logit is above edge i and at most edge i + 1, so that those up to
    0 are the PBO. `by_rank` looks at all trials, not at the best alone.
    """

    edges: tuple[float, ...]
    splits: tuple[int, ...]
    by_rank: tuple[Ranked, ...]


@dataclass(frozen=True, slots=True)
class Overfitting:
    """What CSCV says; `splits` is the number of splits, `rows` what they rest on."""

    splits: int
    rows: int
    rows_dropped: int
    pbo: float
    error: float | None  # standard error, by leaving out a quarter of the dates
    noise: tuple[float, float] | None  # where nine of ten worthless searches like this one fall
    probability_of_loss: float
    slope: float | None
    intercept: float | None
    r_squared: float | None
    in_sample: float
    out_of_sample: float
    most_selected: tuple[tuple[str, float], ...]
    logits: Logits


@dataclass(frozen=True, slots=True)
class Alignment:
    rows: int  # returns on common dates
    dates_left_out: int
    trials: int
    left_out: dict[str, int]  # reason: trials


@dataclass(frozen=True, slots=True, repr=False)
class OverfitReport(Shown):
    """Shown, it is the report as text, in a notebook with `plot()`; `to_dict()` is fit for JSON."""

    family: str  # what it is about
    verdict: str
    better: bool | None  # than luck, at the confidence; None: nothing can be said
    notes: tuple[str, ...]  # why what is missing is missing
    settings: Settings
    counts: Counts
    best: Best | None
    search: Search | None
    overfitting: Overfitting | None
    alignment: Alignment | None
    decay: dict[str, Decay] = field(default_factory=dict)  # of each metric, out of sample
    gathered: Gathered = field(default_factory=Gathered)
    more: More | None = None  # where it was asked for

    def __repr__(self) -> str:
        from bt_lake.overfit.text import render

        return render(self)

    def plot(self) -> Picture:
        """How the best in sample ranks out of sample: `.save("pbo.svg")`; notebooks show it."""
        from bt_lake.overfit.picture import logits_picture

        if self.overfitting is None:
            why = next((note for note in self.notes if note.startswith("pbo")), "pbo: not known")
            raise NotFound(f"nothing to draw: {why}")
        return logits_picture(self.overfitting, self.family)

    def _repr_html_(self) -> str:
        text = f"<pre>{escape(repr(self))}</pre>"
        return text if self.overfitting is None else text + self.plot()._repr_html_()

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists and numbers."""
        told: dict[str, Any] = plain(asdict(self))
        return told
