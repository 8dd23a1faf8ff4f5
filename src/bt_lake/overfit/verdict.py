"""One plain sentence that claims no more than the numbers do."""

from __future__ import annotations

from bt_lake.overfit.bootstrap import RealityCheck
from bt_lake.overfit.results import FEW_RETURNS, FEW_TRIALS, Best, Counts, Overfitting


def verdict(
    counts: Counts,
    best: Best | None,
    overfitting: Overfitting | None,
    check: RealityCheck | None,
    confidence: float,
) -> str:
    silence = _nothing_to_say(counts, best)
    if silence or best is None:
        return silence
    these = f"these {counts.trials:,} trials"
    strict, clustered = best.reading("all"), best.reading("clusters")
    if strict is None or strict.dsr is None:
        return (
            f"Too little is known of {these} to say how far luck alone would "
            "carry the best of them."
        )
    level = f"the {confidence:.0%} level"
    if strict.dsr >= confidence:
        doubts = _doubts(counts, overfitting, check, confidence)
        return (
            f"The best of {these} is better than the luckiest of as many coin "
            f"flips, at {level}{'; but ' if doubts else ''}{' and '.join(doubts)}."
        )
    claim = (
        f"The best of {these} is not distinguishable from the luckiest of as "
        f"many coin flips at {level}"
    )
    if clustered is not None and (clustered.dsr or 0.0) >= confidence:
        worth = f"{clustered.n:,.0f} independent trial{'' if round(clustered.n) == 1 else 's'}"
        return f"{claim}; were they worth only {worth}, it would be."
    # Among more trials than returns SPA finds skill in noise; the Reality Check does not.
    if check is not None and max(check.spa, check.reality_check) <= 1.0 - confidence:
        return (
            f"{claim}, though the Reality Check and the SPA test, which know what the trials have "
            "in common, find skill among them "
            f"(p {p_text(check.reality_check)}, {p_text(check.spa)})."
        )
    return f"{claim}."


def _nothing_to_say(counts: Counts, best: Best | None) -> str:
    if counts.trials == 0:
        return "There are no trials to judge."
    if counts.with_sharpe == 0:
        which = "the only trial" if counts.trials == 1 else f"any of the {counts.trials:,} trials"
        failed = f" ({counts.failed} failed)" if counts.failed else ""
        return f"There is no Sharpe ratio in {which}{failed}, so nothing can be said."
    if best is None:
        return (
            "Every trial with a Sharpe ratio is deleted or failed: there is no best one to judge."
        )
    if best.n_returns is None or best.n_returns < FEW_RETURNS:
        have = "an unknown number of" if best.n_returns is None else f"only {best.n_returns}"
        return (
            f"The best trial rests on {have} returns; below {FEW_RETURNS} "
            "no statistic here means anything."
        )
    if counts.trials == 1:
        return (
            "Only one trial is known, so there is no selection to correct for; "
            "tries that were never saved would have to be counted."
        )
    if best.sharpe <= 0:
        return f"Not even the best of these {counts.trials:,} trials has a positive Sharpe ratio."
    return ""


def _doubts(
    counts: Counts,
    overfitting: Overfitting | None,
    check: RealityCheck | None,
    confidence: float,
) -> list[str]:
    doubts = []
    if counts.with_sharpe < FEW_TRIALS:
        doubts.append(f"that luck is known from only {counts.with_sharpe} Sharpe ratios")
    if overfitting is not None and overfitting.pbo >= 0.5:
        doubts.append(
            "the best of one half of the data falls into the lower half on the other in "
            f"{overfitting.pbo:.0%} of the splits"
        )
    if check is not None and check.spa > 1.0 - confidence:
        doubts.append(f"the SPA test does not confirm it (p {p_text(check.spa)})")
    return doubts


def p_text(p: float) -> str:
    """Two digits that never claim certainty."""
    if p < 0.005:
        return "<0.01"
    return f"{p:.2f}" if p < 0.995 else ">0.99"
