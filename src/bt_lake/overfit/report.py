"""Everything the lake can say about the best trial of a family, put together."""

from __future__ import annotations

import numpy as np

from bt_lake.metrics.segments import ROUNDING
from bt_lake.overfit import correlation
from bt_lake.overfit.align import Aligned, align
from bt_lake.overfit.arrays import Floats, number
from bt_lake.overfit.bootstrap import RealityCheck, reality_check
from bt_lake.overfit.clusters import MAX_TRIALS, Clusters, clusters
from bt_lake.overfit.cscv import MAX_BLOCKS, MIN_BLOCK_ROWS, cscv
from bt_lake.overfit.family import Family
from bt_lake.overfit.luck import judge
from bt_lake.overfit.results import (
    FEW_RETURNS,
    Alignment,
    Counts,
    OverfitReport,
    Overfitting,
    Settings,
)
from bt_lake.overfit.verdict import verdict
from bt_lake.warehouse.errors import BadInput

CONFIDENCE = 0.95


def overfit(
    family: Family,
    *,
    splits: int = 16,
    bootstraps: int = 5000,
    block: float | None = None,
    seed: int = 0,
) -> OverfitReport:
    """What the best of `family` is worth; `splits` is S, the number of blocks CSCV cuts."""
    check_settings(splits, bootstraps, block)
    notes = list(family.notes)
    aligned = align(family.curves) if family.curves is not None else None
    # After ruin nothing is gained or lost; only CSCV treats that as the gap it is.
    returns = np.nan_to_num(aligned.returns) if aligned is not None else np.zeros((0, 0))
    counts, independent = _count(family, returns, notes)
    overfitting = _overfitting(family, aligned, splits, notes)
    check = _reality_check(returns, bootstraps, block, seed, notes)

    winner = family.best()
    best = judge(family, winner, independent, CONFIDENCE, notes) if winner is not None else None
    compared = aligned is not None and winner in aligned.kept
    if aligned is not None and winner is not None and not compared and aligned.kept.size:
        notes.append("pbo, reality check: the best trial is not among those compared")
    tests = (overfitting, check) if compared else (None, None)
    return OverfitReport(
        family=family.name,
        verdict=verdict(counts, best, *tests, CONFIDENCE),
        notes=tuple(notes),
        settings=Settings(splits, bootstraps, check.block if check else block, seed, CONFIDENCE),
        counts=counts,
        best=best,
        overfitting=overfitting,
        reality_check=check,
        alignment=_alignment(aligned),
        gathered=family.gathered,
    )


def check_settings(splits: int, bootstraps: int, block: float | None) -> None:
    if splits % 2 or not 2 <= splits <= MAX_BLOCKS:
        raise BadInput(f"splits must be an even number from 2 to {MAX_BLOCKS}, not {splits}")
    if bootstraps < 1:
        raise BadInput(f"bootstraps must be at least 1, not {bootstraps}")
    if block is not None and not block >= 1:
        raise BadInput(f"block, a mean length in rows, must be at least 1, not {block}")


def _count(family: Family, returns: Floats, notes: list[str]) -> tuple[Counts, dict[str, float]]:
    """The trials as they are, and how many independent ones they amount to in each reading."""
    trials, aligned = len(family), returns.shape[1]
    groups: Clusters | None = None
    rho = rank = np.nan
    if aligned >= 2 and len(returns) >= FEW_RETURNS:
        z = correlation.standardise(returns)
        rho, rank = correlation.average_correlation(z), correlation.effective_rank(z)
        groups = clusters(z)
        if groups is None:
            notes.append(f"clusters: more than {MAX_TRIALS:,} aligned trials are not clustered")
    alone = trials - aligned  # cannot be compared with the others, so each counts
    independent = {
        "all": float(trials),
        "average_correlation": correlation.independent_by_average(rho, trials),
        "clusters": float(groups.count + alone) if groups else np.nan,
        "effective_rank": rank + alone,
    }
    counts = Counts(
        trials=trials,
        failed=int(np.count_nonzero(family.failed)),
        deleted=int(np.count_nonzero(family.deleted)),
        with_sharpe=int(np.count_nonzero(np.isfinite(family.sharpe_period))),
        aligned=aligned,
        clusters=groups.count if groups else None,
        silhouette=groups.silhouette if groups else None,
        average_correlation=number(rho),
    )
    return counts, {name: n for name, n in independent.items() if np.isfinite(n)}


def _overfitting(
    family: Family, aligned: Aligned | None, splits: int, notes: list[str]
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
    slope, intercept, r_squared = map(number, found.degradation())
    return Overfitting(
        splits=found.winner.size,
        rows=rows,
        rows_dropped=rows % splits,
        pbo=found.pbo,
        probability_of_loss=found.probability_of_loss,
        slope=slope,
        intercept=intercept,
        r_squared=r_squared,
        in_sample=float(found.in_sample.mean()),
        out_of_sample=float(found.out_of_sample.mean()),
        most_selected=tuple(
            (family.ids[aligned.kept[i]], share) for i, share in found.most_selected()
        ),
    )


def _reality_check(
    returns: Floats, bootstraps: int, block: float | None, seed: int, notes: list[str]
) -> RealityCheck | None:
    rows, trials = returns.shape
    if trials < 2:
        return None  # said under pbo already
    if rows < FEW_RETURNS:
        notes.append(f"reality check: needs {FEW_RETURNS} returns on common dates, not {rows}")
        return None
    return reality_check(returns, bootstraps=bootstraps, block=block, seed=seed)


def _alignment(aligned: Aligned | None) -> Alignment | None:
    if aligned is None:
        return None
    return Alignment(
        rows=len(aligned.returns),
        dates_left_out=aligned.dates_left_out,
        trials=aligned.kept.size,
        left_out=aligned.left_out,
    )
