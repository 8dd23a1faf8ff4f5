"""A study as a person reads it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bt_lake.overfit.verdict import p_text
from bt_lake.study.deciding import rule
from bt_lake.warehouse.studies import Act, Standing
from bt_lake.wording.metrics import metric_text
from bt_lake.wording.values import short_id

if TYPE_CHECKING:
    from bt_lake.study.studying import Study

_WIDTH = 80
_LEFT = 16


def render(study: Study) -> str:
    now = study.standing
    lines = [f"{now.study}: {now.hypothesis}", ""]
    for name, text in _facts(study, now):
        room = _WIDTH - _LEFT - 2
        first, *rest = textwrap.wrap(text, room) or [""]
        lines.append(f"  {name:<{_LEFT - 2}}  {first}"[:_WIDTH])
        lines += [" " * (_LEFT + 2) + part for part in rest]
    sentence = now.verdict or _open(now)
    return "\n".join([*lines, "", *textwrap.wrap(sentence, _WIDTH)])


def _facts(study: Study, now: Standing) -> Iterator[tuple[str, str]]:
    yield "opened", f"{now.opened_at:%Y-%m-%d %H:%M} UTC"
    yield "rule", rule(now)
    yield "trials", _trials(now)
    if now.holdout_from is not None:
        until = "" if now.holdout_to is None else f" to {now.holdout_to:%Y-%m-%d}"
        yield (
            "holdout",
            f"from {now.holdout_from:%Y-%m-%d}{until}, seen by {now.looked:,} of {now.looks:,} "
            f"candidate{'s' * (now.looks != 1)}",
        )
    best = study.best
    if best is not None:
        yield (
            "best so far",
            f"{short_id(best.run_id)}  sharpe {best.sharpe:.2f}, p {p_text(best.p)}",
        )
        of = f"{max(now.budget, now.trials):,} trials" + (", made or not" if now.left else "")
        yield "by luck alone", f"sharpe {best.luck:.2f} is the best of {of}"
    for act in study.acts:
        if act.act != "open":
            yield f"{act.at:%Y-%m-%d}", _told(act)


def _trials(now: Standing) -> str:
    text = f"{now.trials:,} of {now.budget:,} used"
    if now.beyond:
        return f"{text}: {now.beyond:,} too many"
    return f"{text}, {now.left:,} left"


def _open(now: Standing) -> str:
    if now.beyond:
        return "The budget is overrun: whatever is found now, no rate holds for it."
    if not now.left and now.holdout_from is not None and not now.looked:
        return (
            f"The budget is spent. `bt-lake study {now.study} --look RUN` shows what the candidate "
            "of your choice did in the holdout; then --decide gives the verdict."
        )
    if not now.left:
        return f"The budget is spent. `bt-lake study {now.study} --decide` gives the verdict."
    return "Not decided."


def _told(act: Act) -> str:
    told = act.told
    if act.act == "look":
        names = ("sharpe_ratio", "total_return", "max_drawdown")
        seen = [
            f"{name.removesuffix('_ratio').replace('_', ' ')} {metric_text(name)(told[name])}"
            for name in names
            if told.get(name) is not None
        ]
        p = "too few returns for a p" if told["p"] is None else f"p {p_text(told['p'])}"
        return f"{short_id(told['run'])} in the holdout: {', '.join([*seen, p])}"
    if act.act == "forget":
        return f"runs forgotten that had cost {told['trials']:,} trials"
    if act.act == "decide":
        return f"decided after {told['trials']:,} trials"
    return act.act
