"""Runs side by side, a column each; what differs and what is best stand out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bt_lake.cli.fields import judged
from bt_lake.cli.style import Style
from bt_lake.warehouse.schema import LABELS, RUNS
from bt_lake.wording.metrics import full_name, metric_text
from bt_lake.wording.values import MISSING, one_line, short_id, text, times
from bt_lake.wording.widths import columns_of, folded, padded, shortened

if TYPE_CHECKING:
    from bt_lake.queries.comparing import Comparison

# On a terminal, columns a value takes before it is cut: less, where three would not fit abreast.
_MOST, _LEAST, _ABREAST = 24, 16, 3
_SECTIONS = {"label": "Differs in", "param": "Parameters", "config": "Config"}
_SAME_BET = 0.95
_SIDE = 11  # columns a short id takes
# A dozen of the metrics say most; the rest is for those who ask.
_HEADLINES = {
    "total_return", "cagr", "volatility", "sharpe_ratio", "sortino_ratio", "calmar_ratio",
    "max_drawdown", "max_underwater_days", "total_trades", "win_rate", "profit_factor",
    "expectancy", "exposure",
}  # fmt: skip

Cells = list[tuple[str, str]]  # text and look


def beside(
    comparison: Comparison, *, width: int | None, style: Style, full_ids: bool, everything: bool
) -> list[str]:
    """As many runs abreast as the width holds; the others follow below."""
    lines = list(_lines(comparison, everything))
    heads = [one_line(run_id) if full_ids else short_id(run_id) for run_id in comparison.ids]
    left = 2 + max(columns_of(name) for name, cells in lines if cells)
    cell = 2 + max(columns_of(t) for t in [*heads, *(t for _, cells in lines for t, _ in cells)])
    if width is not None:
        left = min(left, width // 2)
        share = (width - left) // min(len(heads), _ABREAST)
        cell = min(cell, max(_LEAST, min(share, _MOST)))
    abreast = max(1, (width - left) // cell) if width else len(heads)
    shared = _shared(comparison)
    head = f"{shared}, and:" if shared else "nothing in common:"
    out = folded(head, width) if width else [head]
    for start in range(0, len(heads), abreast):
        part = slice(start, start + abreast)
        out += [
            "",
            " " * left + style("".join(padded(h, cell, right=True) for h in heads[part]), "cyan"),
        ]
        for name, cells in lines:
            out.append(_drawn(name, cells[part], left, cell, style))
    return [*out, *_correlations(comparison, width, style)]


def _drawn(name: str, cells: Cells, left: int, cell: int, style: Style) -> str:
    if not cells:
        return style(name, "bold")
    lead = padded(shortened(name, left - 2), left - 2)
    # The last two columns are for the mark of the best, and stay when a text is cut.
    shown = (padded(shortened(t[:-2], cell - 4) + t[-2:], cell, right=True) for t, _ in cells)
    painted = (style(t, look) for t, (_, look) in zip(shown, cells, strict=True))
    return ("  " + lead + "".join(painted)).rstrip()


def _shared(comparison: Comparison) -> str:
    """What all runs have in common, in a line."""
    first, *others = comparison.runs

    def same(name: str) -> bool:
        return first[name] is not None and all(run[name] == first[name] for run in others)

    words = [text(first[name]) for name in LABELS if same(name)]
    if same("start_at") and same("end_at"):
        words.append(" to ".join(times([first["start_at"], first["end_at"]])))
    words += [f"{one_line(name)} {text(value)}" for name, value in comparison.shared_params.items()]
    return ", ".join(words)


def _lines(comparison: Comparison, everything: bool) -> Iterator[tuple[str, Cells]]:
    section = ""
    for line in comparison.differences:
        if line.section != section:
            section = line.section
            yield _SECTIONS.get(section, section), []
        yield one_line(line.name).replace("_", " "), _plain(line.values)
    yield "Metrics", []
    for metric in comparison.metrics:
        if not (everything or metric.name in _HEADLINES or metric.name not in RUNS):
            continue
        show = metric_text(metric.name)
        marks = [" *" if n in metric.best else "  " for n in range(len(metric.values))]
        looks = ["bold" if n in metric.best else "" for n in range(len(metric.values))]
        texts = [show(value) + mark for value, mark in zip(metric.values, marks, strict=True)]
        yield full_name(metric.name), list(zip(texts, looks, strict=True))
    if any(one is not None and one.dsr is not None for one in comparison.standings):
        yield "Beside luck", []
        dsr = judged("dsr")
        yield "dsr", _plain([one and dsr.text(one.dsr) for one in comparison.standings])
        yield "trials", _plain([one and one.trials for one in comparison.standings])


def _plain(values: Iterable[Any]) -> Cells:
    return [(text(value) + "  ", "") for value in values]


def _correlations(comparison: Comparison, width: int | None, style: Style) -> list[str]:
    """Two runs in one line, more as a triangle."""
    found = comparison.correlation
    if len(found) == 2:
        value = found[0][1]
        if value is None:
            return ["", "no correlation: too few days in common"]
        bet = ": nearly the same bet" if value >= _SAME_BET else ""
        days = comparison.overlap[0][1]
        return ["", f"correlation of daily returns {value:.2f} over {days:,} days{bet}"]
    heads = [short_id(run_id) for run_id in comparison.ids]
    lines = ["", style("Correlation of daily returns", "bold")]
    abreast = max(1, (width - _SIDE) // _SIDE) if width else len(heads)
    for start in range(0, len(heads) - 1, abreast):
        stop = min(start + abreast, len(heads) - 1)
        lines.append(" " * _SIDE + "".join(head.rjust(_SIDE) for head in heads[start:stop]))
        for place in range(start + 1, len(heads)):
            values = found[place][start : min(stop, place)]
            lines.append(("  " + heads[place]).ljust(_SIDE) + _cells(values))
    return lines


def _cells(values: Sequence[float | None]) -> str:
    return "".join((MISSING if v is None else f"{v:.2f}").rjust(_SIDE) for v in values)
