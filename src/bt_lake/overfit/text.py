"""The report as text of 80 columns; Sharpe ratios annual where the periods of a year are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from textwrap import wrap

from bt_lake.overfit.decay import Decay
from bt_lake.overfit.results import Alignment, Best, OverfitReport
from bt_lake.overfit.verdict import p_text
from bt_lake.warehouse.schema import RUNS

_WIDTH = 80
_LABEL = 27
_READINGS = {
    "all": "all {:,.0f} trials",
    "average_correlation": "{:,.0f} by correlation",
    "clusters": "{:,.0f} by clusters",
    "effective_rank": "{:,.0f} by effective rank",
}
_METHODS = {"bonferroni": "Bonferroni", "holm": "Holm", "harvey_liu": "Harvey-Liu BHY"}


def render(report: OverfitReport) -> str:
    """The verdict comes last."""
    lines = [*wrap(f"{report.family}: {_trials(report)}", _WIDTH), ""]
    rows = list(_rows(report))
    for label, text in rows:
        first, *rest = wrap(text, _WIDTH - _LABEL, break_on_hyphens=False)
        lines.append(f"  {label:<{_LABEL - 2}}{first}")
        lines += [" " * _LABEL + line for line in rest]
    lines += [""] * bool(rows)
    notes = [
        line
        for note in report.notes
        for line in wrap(f"- {note}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
    ]
    blocks = [lines, *([notes, [""]] if notes else []), wrap(report.verdict, _WIDTH)]
    return "\n".join(line for block in blocks for line in block) + "\n"


def _trials(report: OverfitReport) -> str:
    counts = report.counts
    parts = [_plural(counts.trials, "trial")]
    if counts.clusters is not None:
        alone = counts.trials - counts.aligned
        parts.append(f"{counts.clusters + alone:,} independent by clustering")
    parts += report.gathered.words(counts.trials)
    others = ((counts.failed, "failed"), (counts.deleted, "deleted"))
    return ", ".join(parts + [f"{n:,} {what}" for n, what in others if n])


def _rows(report: OverfitReport) -> Iterator[tuple[str, str]]:
    if report.best is not None:
        yield from _best(report.best)
    if (found := report.overfitting) is not None:
        used = found.rows - found.rows_dropped
        yield (
            "overfitting probability",
            f"pbo {found.pbo:.2f} (S = {report.settings.splits}, {found.splits:,} splits of "
            f"{used:,} returns)",
        )
        slope = "" if found.slope is None else f", degradation slope {found.slope:.2f}"
        yield "winners out of sample", f"{found.probability_of_loss:.0%} lose{slope}"
    if (check := report.reality_check) is not None:
        yield (
            "reality check, SPA",
            f"p {p_text(check.reality_check)}, {p_text(check.spa)} ({check.bootstraps:,} "
            f"bootstraps, block {check.block:g}, seed {check.seed})",
        )
    if report.alignment is not None and report.counts.trials > 1:
        yield "compared", _alignment(report.alignment)
    if report.decay:
        yield from _decay(report.decay)


def _best(best: Best) -> Iterator[tuple[str, str]]:
    scale = math.sqrt(best.periods_per_year or 1.0)
    unit = "" if best.periods_per_year else " a period"
    record = "" if best.years is None else f", {best.years:.1f} years"
    record += "" if best.n_returns is None else f", {best.n_returns:,} returns"
    yield "best run", f"…{best.run_id[-8:]}   sharpe {best.sharpe * scale:.2f}{unit}{record}"
    strict = best.reading("all")
    if strict is not None:
        yield "expected best by luck", f"{strict.expected_max * scale:.2f}"
    chances = [
        f"{p_text(one.dsr)} ({_READINGS[one.name].format(one.n)})"
        for one in best.readings
        if one.dsr is not None
    ]
    if chances:
        yield "chance it beats luck", f"dsr {', '.join(chances)}"
    left = [
        f"{one.haircut_sharpe * scale:.2f} ({_METHODS[one.method]})"
        for one in best.adjusted
        if one.method in _METHODS and one.haircut_sharpe is not None
    ]
    if left:
        yield "haircut sharpe", ", ".join(left)
    if best.years and best.n_returns:
        yield from _track_record(best, best.n_returns / best.years, best.years)
    if (near := best.plateau) is not None:
        beside = _plural(near.neighbours, "neighbour")
        text = f"sharpe {near.median * scale:.2f} in the median of {beside}"
        if near.share_near is not None:
            text += f", {near.share_near:.0%} of them within 20% of the best"
        yield "plateau", text


def _decay(decay: Mapping[str, Decay]) -> Iterator[tuple[str, str]]:
    """The first metric in full, of the others how they changed."""
    (name, first), *others = decay.items()
    text = f"{_change(name, first)} (medians of {first.pairs:,} pairs)"
    if first.rank_correlation is not None:
        text += f", rank correlation {first.rank_correlation:.2f}"
    if first.winners_above_median is not None:
        text += (
            f"; {first.winners_above_median:.0%} of {first.folds:,} winners stay above the median"
        )
    yield "in, then out of sample", text
    if others:
        yield "", ", ".join(_change(*other) for other in others)


def _change(name: str, decay: Decay) -> str:
    pattern = "{:+.1%}" if RUNS[name].unit == "fraction" else "{:.2f}"
    values = map(pattern.format, (decay.in_sample, decay.out_of_sample))
    return f"{name.removesuffix('_ratio').replace('_', ' ')} {', then '.join(values)}"


def _track_record(best: Best, a_year: float, years: float) -> Iterator[tuple[str, str]]:
    strict = best.reading("all")
    needs = (
        (best.min_track_record, "against no skill"),
        (strict and strict.min_track_record, "against luck"),
    )
    told = [f"{_years(need / a_year)} {against}" for need, against in needs if need]
    if told:
        yield "track record needed", f"{', '.join(told)}; you have {years:.1f}"


def _years(years: float) -> str:
    return f"{years:.1f} years" if years < 100 else "over 100 years"


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _alignment(alignment: Alignment) -> str:
    text = f"{_plural(alignment.trials, 'trial')} on {_plural(alignment.rows, 'common return')}"
    if alignment.dates_left_out:
        text += f", {_plural(alignment.dates_left_out, 'date')} left out"
    for why, trials in alignment.left_out.items():
        text += f"; {trials:,} out: {why}"
    return text + "; each that is out counts as independent" * bool(alignment.left_out)
