"""The rule of decision, fixed when the study is opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bt_lake.overfit.report import Counted
from bt_lake.overfit.verdict import p_text
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.studies import Standing


def rule(study: Standing) -> str:
    """In words: what is asked, and how often it says yes where there is nothing."""
    rate = f"{study.alpha:g}"
    if study.holdout_from is None:
        return (
            f"the best by {study.metric} is better than luck if p is at most {rate} in a search of "
            f"{study.budget:,} trials, made or not"
        )
    level = f"{study.alpha / study.looks:g}"
    shared = "" if study.looks == 1 else f", which is {rate} shared by {study.looks}"
    return f"a candidate is confirmed if its p in the holdout is at most {level}{shared}"


def decided(
    study: Standing, best: Counted | None, looks: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The verdict as it is put on record: yes, no, or that none can be given."""
    if study.holdout_from is not None:
        better, run, p, sentence = _by_holdout(study, looks)
    else:
        better, run, p, sentence = _by_luck(study, best)
    return {
        "better": better,
        "run": run,
        "p": p,
        "trials": study.trials,
        "looked": len(looks),
        "rule": rule(study),
        "verdict": sentence,
    }


_Decided = tuple[bool | None, str | None, float | None, str]


def _by_luck(study: Standing, best: Counted | None) -> _Decided:
    if study.beyond:
        return (
            None,
            best.run_id if best else None,
            best.p if best else None,
            f"No verdict: there were {study.beyond:,} trials more than the {study.budget:,} that "
            "were fixed beforehand, and no rate holds for that.",
        )
    if best is None:
        return False, None, None, "No trial can be judged, so nothing was found."
    better = best.p <= study.alpha
    claim = "is better than luck" if better else "is not distinguishable from luck"
    return (
        better,
        best.run_id,
        best.p,
        f"The best of {study.budget:,} trials {claim}: p {p_text(best.p)} against {study.alpha:g}.",
    )


def _by_holdout(study: Standing, looks: Sequence[Mapping[str, Any]]) -> _Decided:
    if not looks:
        raise BadInput(
            f"nobody has looked at the holdout: bt-lake study {study.study} --look RUN, for the "
            "candidate that you choose"
        )
    known = [told for told in looks if told["p"] is not None]
    if not known:
        return False, None, None, "The holdout is too short to say anything of a candidate."
    best = min(known, key=lambda told: float(told["p"]))
    level = study.alpha / study.looks
    better = best["p"] <= level
    claim = "is confirmed" if better else "is not confirmed"
    of = f" of {len(looks)}" if len(looks) > 1 else ""
    return (
        better,
        best["run"],
        best["p"],
        f"The best candidate{of} {claim} in the holdout: p {p_text(best['p'])} against {level:g}.",
    )
