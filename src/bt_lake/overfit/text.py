"""The report as text of 80 columns; Sharpe ratios annual where the periods of a year are known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from textwrap import wrap

from bt_lake.overfit.decay import Decay
from bt_lake.overfit.more import rows as more_rows
from bt_lake.overfit.results import (
    FEW_TRIALS,
    Alignment,
    Best,
    OverfitReport,
    Overfitting,
    Search,
    Settings,
)
from bt_lake.overfit.verdict import p_text
from bt_lake.warehouse.schema import RUNS

_WIDTH = 80
_LABEL = 27
_GOOD = 5  # runs named
_METHODS = {"bonferroni": "Bonferroni", "holm": "Holm", "harvey_liu": "Harvey-Liu BHY"}


def render(report: OverfitReport) -> str:
    """The verdict comes last."""
    lines = [*wrap(f"{report.family}: {_trials(report)}", _WIDTH), ""]
    told = list(rows(report))
    for label, text in told:
        first, *rest = wrap(text, _WIDTH - _LABEL, break_on_hyphens=False)
        lines.append(f"  {label:<{_LABEL - 2}}{first}")
        lines += [" " * _LABEL + line for line in rest]
    lines += [""] * bool(told)
    notes = [
        line
        for note in report.notes
        for line in wrap(f"- {note}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
    ]
    blocks = [lines, *([notes, [""]] if notes else []), wrap(report.verdict, _WIDTH)]
    return "\n".join(line for block in blocks for line in block) + "\n"


def _trials(report: OverfitReport) -> str:
    counts = report.counts
    others = ((counts.failed, "failed"), (counts.deleted, "deleted"))
    parts = [_plural(counts.trials, "trial"), *report.gathered.words(counts.trials)]
    parts += [f"{n:,} {what}" for n, what in others if n]
    if report.settings.benchmark is not None:
        parts.append(f"above {report.settings.benchmark}")
    return ", ".join(parts)


def rows(report: OverfitReport) -> Iterator[tuple[str, str]]:
    best, search = report.best, report.search
    if best is not None:
        yield from _best(best)
        if search is not None:
            yield from _search(best, search, report.settings)
        yield from _textbooks(best)
        if best.years and best.n_returns:
            yield from _track_record(best, best.n_returns / best.years, best.years)
        if (near := best.plateau) is not None:
            beside = _plural(near.neighbours, "neighbour")
            text = f"sharpe {near.median * _scale(best):.2f} in the median of {beside}"
            if near.share_near is not None:
                text += f", {near.share_near:.0%} of them within 20% of the best"
            if near.good:
                text += f"; {near.good:,} of {near.neighbours:,} better than luck"
            yield "plateau", text
    if (found := report.overfitting) is not None and report.counts.aligned >= FEW_TRIALS:
        yield from _overfitting(found, report.settings)
    if search is not None and search.reality_check is not None:
        yield "reality check, SPA", _published(search)
    if report.alignment is not None and report.counts.trials > 1:
        yield "on common dates", _alignment(report.alignment)
    if report.decay:
        yield from _decay(report.decay)
    if report.more is not None:
        yield from more_rows(report.more)


def _scale(best: Best) -> float:
    return math.sqrt(best.periods_per_year or 1.0)


def _best(best: Best) -> Iterator[tuple[str, str]]:
    unit = "" if best.periods_per_year else " a period"
    record = "" if best.years is None else f", {best.years:.1f} years"
    record += "" if best.n_returns is None else f", {best.n_returns:,} returns"
    yield "best run", f"…{best.run_id[-8:]}   sharpe {best.sharpe * _scale(best):.2f}{unit}{record}"
    if best.interval is not None:
        low, high = (value * _scale(best) for value in best.interval)
        text = f"{low:.2f} to {high:.2f} in 95 of 100, the search aside"
        if best.memory > 1.0:
            text += f"; memory of {best.lags} lags widens it {math.sqrt(best.memory):.2f}x"
        yield "its true sharpe", text


def _search(best: Best, search: Search, settings: Settings) -> Iterator[tuple[str, str]]:
    luck = f"sharpe {search.luck * _scale(best):.2f}, were none of them any good"
    if search.independent is not None:
        many = f"{search.independent:,.0f}" if search.independent < 9.5 else _round(search)
        luck += f"; as {many} unrelated trials would"
    yield "best by luck alone", luck
    if search.resampled:
        how = f"{settings.bootstraps:,} bootstraps, block {settings.block:g}, seed {settings.seed}"
        alone = f"; {search.alone:,} without a curve" if search.alone else ""
        text = f"p {p_text(search.p)} ({how}{alone})"
    else:
        text = f"p {p_text(search.p)} (Sidak: no curves to resample, each trial as if unrelated)"
    yield "a search as lucky", text
    if search.peeking is not None:
        yield "at any look", f"p {p_text(search.peeking)}, for who looks after every trial"
    left = search.at_least * _scale(best)
    yield "the search counted", f"sharpe at least {left:.2f}, in 95 of 100"
    if search.good:
        named = [f"…{run_id[-8:]} p {p_text(p)}" for run_id, p in search.good[:_GOOD]]
        more = len(search.good) - len(named)
        text = ", ".join(named) + (f" and {more:,} more" if more else "")
        yield "better than luck", f"{len(search.good):,}: {text}"


def _round(search: Search) -> str:
    digits = 1 - math.floor(math.log10(search.independent or 1.0))
    return f"{round(search.independent or 1.0, digits):,.0f}"


def _textbooks(best: Best) -> Iterator[tuple[str, str]]:
    if (one := best.deflated) is not None and one.dsr is not None:
        against = f"{one.expected_max * _scale(best):.2f}"
        yield "deflated sharpe", f"dsr {p_text(one.dsr)}, against {against} by the trials' spread"
    left = [
        f"{one.haircut_sharpe * _scale(best):.2f} ({_METHODS[one.method]})"
        for one in best.adjusted
        if one.method in _METHODS and one.haircut_sharpe is not None
    ]
    if left:
        yield "haircut sharpe", ", ".join(left)


def _overfitting(found: Overfitting, settings: Settings) -> Iterator[tuple[str, str]]:
    used = found.rows - found.rows_dropped
    error = "" if found.error is None else f" ± {found.error:.2f}"
    text = (
        f"pbo {found.pbo:.2f}{error} (S = {settings.splits}, {found.splits:,} splits of "
        f"{used:,} returns)"
    )
    if found.noise is not None:
        text += f"; of noise {found.noise[0]:.2f} to {found.noise[1]:.2f}"
    yield "can the best be told", text
    slope = "" if found.slope is None else f", degradation slope {found.slope:.2f}"
    yield "winners out of sample", f"{found.probability_of_loss:.0%} lose{slope}"


def _published(search: Search) -> str:
    spa = "" if search.spa is None else f", {p_text(search.spa)}"
    doubt = f" (SPA unreliable: {search.spa_unreliable})" if search.spa_unreliable else ""
    return f"p {p_text(search.reality_check or 0.0)}{spa}{doubt}"


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
    needs = (
        (best.min_track_record, "against no skill"),
        (best.min_track_record_of_the_best, "against luck"),
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
    return text
