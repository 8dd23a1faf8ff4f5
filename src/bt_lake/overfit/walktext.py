"""A walk-forward as text of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from bt_lake.overfit.walking import Pick, Walk, day
from bt_lake.warehouse.schema import RUNS

_WIDTH = 80
_LABEL = 27
_TRADED = ("sharpe_ratio", "total_return", "max_drawdown")


def render(walk: Walk) -> str:
    """The folds first, the verdict last."""
    folds = f"{len(walk.picks):,} fold{'' if len(walk.picks) == 1 else 's'}"
    head = f"{walk.name}: {folds}, {walk.configurations:,} configurations, by {walk.metric}"
    lines = [*wrap(head, _WIDTH), ""]
    lines += _table(walk)
    lines.append("")
    for label, text in _rows(walk):
        first, *rest = wrap(text, _WIDTH - _LABEL, break_on_hyphens=False)
        lines.append(f"  {label:<{_LABEL - 2}}{first}")
        lines += [" " * _LABEL + line for line in rest]
    lines.append("")
    for note in walk.notes:
        lines += wrap(f"- {note}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
    lines += [""] * bool(walk.notes)
    return "\n".join([*lines, *wrap(walk.verdict, _WIDTH)]) + "\n"


def _table(walk: Walk) -> list[str]:
    rows: list[tuple[str, ...]] = [("fold", "traded from", "to", "in sample", "out", "choice")]
    rows += [_row(walk, pick) for pick in walk.picks]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for *cells, choice in rows:
        shown = [
            cell.rjust(width) if place in (3, 4) else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=False))
        ]
        line = "  " + "  ".join([*shown, choice])
        lines.append(line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…")
    return [line.rstrip() for line in lines]


def _row(walk: Walk, pick: Pick) -> tuple[str, ...]:
    choice = " ".join(f"{name} {value}" for name, value in pick.params.items())
    return (
        pick.fold,
        day(pick.start) or "",
        day(pick.end) or "",
        _number(walk.metric, pick.in_sample),
        _number(walk.metric, pick.out_of_sample),
        choice,
    )


def _rows(walk: Walk) -> Iterator[tuple[str, str]]:
    name = walk.compared_by
    told = [
        f"{_short(each)} {_number(each, walk.traded[each])}"
        for each in dict.fromkeys((name, *_TRADED))
        if walk.traded.get(each) is not None
    ]
    if told:
        yield "traded out of sample", ", ".join(told)
    if walk.efficiency is not None:
        name_of = _short(walk.metric)
        yield "efficiency", f"{walk.efficiency:.0%}: mean {name_of} out of sample over in sample"
    if len(walk.picks) > 1:
        distinct = len({str(pick.params) for pick in walk.picks})
        yield (
            "choice",
            f"changed {walk.changes} of {len(walk.picks) - 1} times, {distinct} different",
        )
    if (best := walk.best_fixed) is not None:
        params = " ".join(f"{n} {v}" for n, v in best.params.items())
        yield "best fixed, in hindsight", f"{_short(name)} {_number(name, best.value)} ({params})"
    if walk.median_fixed is not None:
        count = len(walk.fixed)
        yield "median fixed", f"{_short(name)} {_number(name, walk.median_fixed)} of {count:,}"
    if (blind := walk.random) is not None:
        yield (
            "random choice",
            f"{_short(name)} {_number(name, blind.median)} in the median of {blind.draws:,} walks; "
            f"{blind.p:.0%} do as well (seed {blind.seed})",
        )


def _short(name: str) -> str:
    return name.removesuffix("_ratio").replace("_", " ")


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in RUNS and RUNS[name].unit == "fraction":
        return f"{value:+.1%}"
    return f"{value:.2f}"
