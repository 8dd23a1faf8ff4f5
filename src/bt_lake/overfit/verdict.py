"""One plain sentence that claims no more than the numbers do, and says how often it is wrong."""

from __future__ import annotations

from bt_lake.overfit.results import (
    FEW_TRIALS,
    ROUGH_RETURNS,
    Best,
    Counts,
    Overfitting,
    Search,
)
from bt_lake.overfit.single import FEW_RETURNS


def verdict(
    counts: Counts,
    best: Best | None,
    search: Search | None,
    overfitting: Overfitting | None,
    confidence: float,
) -> tuple[str, bool | None]:
    """The sentence, and whether the best is better than luck; None where nothing can be said."""
    silence = _nothing_to_say(counts, best)
    if silence or best is None:
        return silence, None
    these = f"these {counts.trials:,} trials"
    if search is None:
        return f"Too little is known of {these} to say how far luck alone would carry them.", None
    p = search.p if search.peeking is None else search.peeking
    better = p <= 1.0 - confidence
    claim = "is better than luck" if better else "is not distinguishable from luck"
    if search.peeking is None:
        rate = f"such a search would show one this good in {share(p)} of cases"
    else:
        rate = f"whoever looks after every one would ever see one this good in {share(p)} of cases"
    sentences = [f"The best of {these} {claim}: were all of them worthless, {rate}."]
    others = sum(1 for run_id, _ in search.good if run_id != best.run_id)
    if others and not better:
        sentences.append(
            f"Of the others {others:,} {'is' if others == 1 else 'are'} better than luck."
        )
    pbo = overfitting.pbo if overfitting and counts.aligned >= FEW_TRIALS else 0.0
    if better and pbo >= 0.5:
        sentences.append(
            "Which of them is best the data cannot tell: what leads on one half of the dates is in "
            f"the lower half on the other in {pbo:.0%} of the splits."
        )
    if best.n_returns is not None and best.n_returns < ROUGH_RETURNS:
        sentences.append(
            f"With fewer than {ROUGH_RETURNS} returns ({best.n_returns:,}) that share is rough."
        )
    return " ".join(sentences), better


def _nothing_to_say(counts: Counts, best: Best | None) -> str:
    if counts.trials == 0:
        return "There are no trials to judge."
    if counts.with_sharpe == 0:
        which = "the only trial" if counts.trials == 1 else f"any of the {counts.trials:,} trials"
        failed = f" ({counts.failed} failed)" if counts.failed else ""
        silence = f"There is no Sharpe ratio in {which}{failed}, so nothing can be said."
        if 1 < counts.trials != counts.failed:
            silence += " With the curve of the best one it would be judged against all of them."
        return silence
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


def share(p: float) -> str:
    """Of cases, in whole percent that never claim certainty; rounded so as not to cross 5 %."""
    if p < 0.01:
        return "fewer than 1%"
    if 0.045 < p <= 0.055:
        return f"{p:.1%}" if f"{p:.1%}" != "5.0%" or p <= 0.05 else "just over 5%"
    return f"{p:.0%}" if p < 0.995 else "more than 99%"


def p_text(p: float) -> str:
    """Two digits that never claim certainty."""
    if p < 0.005:
        return "<0.01"
    return f"{p:.2f}" if p < 0.995 else ">0.99"
