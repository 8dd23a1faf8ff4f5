"""Everything the lake can say about the best trial of a family, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bt_lake.metrics.segments import ROUNDING
from bt_lake.overfit.align import Aligned, align
from bt_lake.overfit.arrays import Floats, number
from bt_lake.overfit.cscv import MAX_BLOCKS, MIN_BLOCK_ROWS, cscv
from bt_lake.overfit.family import Family
from bt_lake.overfit.luck import judge, t_values
from bt_lake.overfit.memory import default_block
from bt_lake.overfit.more import more
from bt_lake.overfit.own import Own
from bt_lake.overfit.peeking import at_every_look
from bt_lake.overfit.ranking_noise import noise_band, standard_error
from bt_lake.overfit.ranks import logits
from bt_lake.overfit.results import (
    FEW_TRIALS,
    ROUGH_RETURNS,
    Alignment,
    Counts,
    OverfitReport,
    Overfitting,
    Search,
    Settings,
)
from bt_lake.overfit.search import Worlds, worlds
from bt_lake.overfit.verdict import verdict
from bt_lake.warehouse.errors import BadInput

CONFIDENCE = 0.95
BOOTSTRAPS = 5000
_SKEWED = 1.0


def overfit(
    family: Family,
    *,
    splits: int = 16,
    bootstraps: int = BOOTSTRAPS,
    block: float | None = None,
    seed: int = 0,
    peeking: bool = False,
    benchmark: str | None = None,
    folds: Sequence[int] | None = None,
) -> OverfitReport:
    """What the best of `family` is worth; `splits` is S, the number of blocks CSCV cuts.

    `benchmark` names what the returns are above, which the caller has subtracted. With `folds`, the
    beginnings of those that are stored (there may be none), further statistics are added.
    """
    check_settings(splits, bootstraps, block)
    notes = list(family.notes)
    aligned = align(family.curves) if family.curves is not None else None
    memory, t, found = _worlds(family, bootstraps, block, seed)
    block = found.block if found is not None else None
    overfitting = _overfitting(family, aligned, splits, block, seed, notes)
    winner = family.best()
    best = search = None
    if winner is not None:
        best = judge(family, winner, memory, found, CONFIDENCE, notes)
        if found is not None and len(family) > 1 and np.isfinite(found.p[winner]):
            looks = float(at_every_look(t)[winner]) if peeking else None
            search = _search(family, winner, found, looks, notes)
    counts = _count(family, aligned)
    compared = aligned is not None and winner in aligned.kept
    if aligned is not None and winner is not None and not compared and aligned.kept.size:
        notes.append("pbo: the best trial is not among those on common dates")
    sentence, better = verdict(counts, best, search, overfitting if compared else None, CONFIDENCE)
    return OverfitReport(
        family=family.name,
        verdict=sentence,
        better=better,
        notes=tuple(notes),
        settings=Settings(splits, bootstraps, block, seed, CONFIDENCE, peeking, benchmark),
        counts=counts,
        best=best,
        search=search,
        overfitting=overfitting,
        alignment=_alignment(aligned),
        gathered=family.gathered,
        more=None if folds is None else more(family, memory, found, folds),
    )


def stepped_down(family: Family) -> Floats:
    """Each trial's p-value in the whole search, the one that `overfit` tells; NaN where unknown."""
    found = _worlds(family, BOOTSTRAPS, None, 0)[2] if len(family) > 1 else None
    return found.p if found is not None else np.full(len(family), np.nan)


@dataclass(frozen=True, slots=True)
class Counted:
    """A trial beside what luck brings to all trials that were allowed."""

    run_id: str
    sharpe: float  # annual, or per period where a year's periods are unknown
    p: float  # its own in the step-down: share of such searches that show one as good
    luck: float  # as the Sharpe ratio: what the best of the search reaches on average


def counted(
    family: Family, chosen: str | None = None, unmade: int = 0, *, bootstraps: int = BOOTSTRAPS
) -> Counted | None:
    """The best trial, or the one chosen, in a search of which `unmade` trials are still to come.

    Each of those counts as one more unrelated try. So the p-value holds whenever it is asked for:
    the largest t of the trials made so far is never above that of all of them.
    """
    place = family.best() if chosen is None else list(family.ids).index(chosen)
    if place is None:
        return None
    found = _worlds(family, bootstraps, None, 0, unmade)[2]
    if found is None or not np.isfinite(found.p[place]):
        return None
    n, a_year = float(family.n_returns[place]), number(family.periods_per_year[place])
    year = np.sqrt(a_year) if a_year else 1.0
    return Counted(
        run_id=family.ids[place],
        sharpe=float(family.sharpe_period[place] * year),
        p=float(found.p[place]),
        luck=float(found.largest / np.sqrt(n) * year),
    )


def _worlds(
    family: Family, bootstraps: int, block: float | None, seed: int, unmade: int = 0
) -> tuple[Floats, Floats, Worlds | None]:
    """Lo's factor and the t-value of each trial by itself, and the search in worthless worlds."""
    own = Own.of(family.curves) if family.curves is not None else None
    memory = own.memory() if own is not None else np.ones(len(family))
    t = t_values(family, memory)
    found = worlds(
        own,
        t,
        bootstraps=bootstraps,
        block=block,
        seed=seed,
        memory=memory,
        unseen=_unseen(family, t) + unmade,
    )
    return memory, t, found


def _unseen(family: Family, t: Floats) -> int:
    """Trials that went well and left neither a curve nor a Sharpe ratio, such as the passes of an
    optimiser: any of them could have been the best."""
    if family.windowed:  # a trial may have nothing in the window
        return 0
    nothing = ~np.isfinite(t) & ~(family.n_returns > 0)
    return int(np.count_nonzero(nothing & ~family.failed))


def check_settings(splits: int, bootstraps: int, block: float | None) -> None:
    if splits % 2 or not 2 <= splits <= MAX_BLOCKS:
        raise BadInput(f"splits must be an even number from 2 to {MAX_BLOCKS}, not {splits}")
    if bootstraps < 1:
        raise BadInput(f"bootstraps must be at least 1, not {bootstraps}")
    if block is not None and not block >= 1:
        raise BadInput(f"block, a mean length in rows, must be at least 1, not {block}")


def _count(family: Family, aligned: Aligned | None) -> Counts:
    return Counts(
        trials=len(family),
        failed=int(np.count_nonzero(family.failed)),
        deleted=int(np.count_nonzero(family.deleted)),
        with_sharpe=int(np.count_nonzero(np.isfinite(family.sharpe_period))),
        aligned=aligned.kept.size if aligned is not None else 0,
    )


def _search(
    family: Family, winner: int, found: Worlds, looks: float | None, notes: list[str]
) -> Search:
    n, a_year = float(family.n_returns[winner]), number(family.periods_per_year[winner])
    luck, at_least = found.largest / np.sqrt(n), (found.t[winner] - found.bound) / np.sqrt(n)
    year = np.sqrt(a_year) if a_year else None
    good = np.flatnonzero(found.p <= 1.0 - CONFIDENCE)
    good = good[np.argsort(-found.t[good], kind="stable")]
    if not found.resampled and found.alone > 1 and family.curves is not None:
        notes.append("search: no curves that can be resampled, so each trial counts as unrelated")
    if found.unseen:
        notes.append(
            f"search: {found.unseen:,} trials have neither a curve nor a Sharpe ratio; each counts "
            "as one more unrelated try"
        )
    return Search(
        p=float(found.p[winner]),
        luck=float(luck),
        luck_annual=number(luck * year) if year else None,
        at_least=float(at_least),
        at_least_annual=number(at_least * year) if year else None,
        independent=found.independent,
        good=tuple((family.ids[i], float(found.p[i])) for i in good.tolist()),
        resampled=found.resampled,
        alone=found.alone,
        peeking=looks,
        reality_check=found.reality_check,
        spa=found.spa,
        spa_unreliable=_unreliable(family, winner) if found.spa is not None else None,
    )


def _unreliable(family: Family, winner: int) -> str | None:
    """Why Hansen's test, whose deviations are fixed, calls too much noise good."""
    if family.n_returns[winner] < ROUGH_RETURNS:
        return f"fewer than {ROUGH_RETURNS} returns"
    if abs(family.skew[winner]) > _SKEWED:
        return f"skew {family.skew[winner]:.1f}"
    return None


def _overfitting(
    family: Family,
    aligned: Aligned | None,
    splits: int,
    block: float | None,
    seed: int,
    notes: list[str],
) -> Overfitting | None:
    if aligned is None or aligned.kept.size < 2:
        if len(family) > 1:
            notes.append("pbo: fewer than two trials have an equity curve on common dates")
        return None
    rows, need = len(aligned.returns), splits * MIN_BLOCK_ROWS
    if rows < need:
        notes.append(f"pbo: {splits} blocks need {need} returns on common dates, not {rows}")
        return None
    found = cscv(aligned.returns, splits)
    if found is None:
        notes.append("pbo: no trial's returns ever vary")
        return None
    if (np.ptp(aligned.returns, axis=1) <= ROUNDING).all():
        notes.append("pbo: the trials' returns are all the same")
        return None
    if aligned.kept.size < FEW_TRIALS:
        notes.append(f"pbo: ranks among fewer than {FEW_TRIALS} trials are coarse")
    slope, intercept, r_squared = map(number, found.degradation())
    return Overfitting(
        splits=found.winner.size,
        rows=rows,
        rows_dropped=rows % splits,
        pbo=found.pbo,
        error=standard_error(aligned.returns),
        noise=noise_band(aligned.returns, block or _block(aligned.returns), seed),
        probability_of_loss=found.probability_of_loss,
        slope=slope,
        intercept=intercept,
        r_squared=r_squared,
        in_sample=float(found.in_sample.mean()),
        out_of_sample=float(found.out_of_sample.mean()),
        most_selected=tuple(
            (family.ids[aligned.kept[i]], share) for i, share in found.most_selected()
        ),
        logits=logits(aligned.returns, splits, found),
    )


def _block(returns: Floats) -> int:
    return default_block(np.nan_to_num(returns))


def _alignment(aligned: Aligned | None) -> Alignment | None:
    if aligned is None:
        return None
    return Alignment(
        rows=len(aligned.returns),
        dates_left_out=aligned.dates_left_out,
        trials=aligned.kept.size,
        left_out=aligned.left_out,
    )
