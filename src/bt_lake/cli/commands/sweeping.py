"""sweep: a metric over one or two parameters."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.fields import field, plain
from bt_lake.cli.heatmap import heatmap_of
from bt_lake.cli.options import MetricOption, Which
from bt_lake.cli.output import Format, Output, Written
from bt_lake.cli.session import Session
from bt_lake.drawing.kinds import check_kind
from bt_lake.wording.metrics import metric_text, short
from bt_lake.wording.values import text

if TYPE_CHECKING:
    from bt_lake.queries.sweeping import Grid


_BAR = 30


class How(StrEnum):
    MEAN = "mean"
    MEDIAN = "median"
    MIN = "min"
    MAX = "max"
    STD = "std"
    COUNT = "count"


class Form(StrEnum):
    LONG = "long"
    PIVOT = "pivot"
    HEATMAP = "heatmap"


def sweep(
    session: Session,
    strategy: Annotated[str, Argument(help="Name of the strategy.")],
    which: Which,
    out: Output,
    x: Annotated[str, Option("-x", metavar="NAME", help="A parameter, or a label.")],
    y: Annotated[str | None, Option("-y", metavar="NAME", help="A second one, for a grid.")] = None,
    metric: MetricOption = "sharpe_ratio",
    how: Annotated[How, Option(help="How runs that share a cell become one number.")] = How.MEAN,
    form: Annotated[
        Form | None,
        Option("--as", help="Heatmap is for the terminal, long for everything else."),
    ] = None,
    plot: Annotated[Path | None, Option(metavar="FILE", help="Draw it: .svg or .html.")] = None,
) -> None:
    """A metric over one or two parameters: a heatmap, or the numbers.

    Other parameters are averaged over, or fixed by -p.

    \b
    Examples:
      bt-lake sweep sma_cross -x fast -y slow
      bt-lake sweep sma_cross -x fast -m calmar_ratio --how median
      bt-lake sweep sma_cross -x fast -y slow -p risk=2 --symbol AAPL --plot sweep.html
      bt-lake sweep sma_cross -x fast -y slow --as pivot -o grid.csv
    """
    if plot is not None:
        check_kind(plot)
    grid = session.lake.sweep(strategy, x, y, metric, how=how.value, **which.filters())
    form = form or (Form.HEATMAP if out.is_text else Form.LONG)
    shown = Written(0)
    if plot is not None:
        grid.plot().save(plot)
    elif form is Form.HEATMAP:
        shown = _draw(grid, out)
    elif form is Form.PIVOT:
        shown = _pivot(grid, out)
    else:
        shown = out.rows(grid.columns, grid.rows)
    messages.note(
        f"drew {plot}" if plot else "",
        f"{how.value} over {', '.join(map(short, grid.mixed))}" if grid.mixed else "",
        _plateau(grid) if form is Form.HEATMAP else "",
        messages.many(grid.runs, "trial"),
        grid.note,
        messages.hidden(shown.dropped),
        messages.took(session.started),
    )


def _plateau(grid: Grid) -> str:
    best = grid.plateau()
    if best is None or grid.y is None:
        return ""
    x, y = (f"{text(first)}-{text(last)}" for first, last in (best.x, best.y))
    value = metric_text(grid.metric)(best.median)
    return f"best plateau: {short(grid.x)} {x}, {short(grid.y)} {y} (median {value})"


def _draw(grid: Grid, out: Output) -> Written:
    if grid.y is None:
        return _draw_bars(grid, out)
    if grid.rows:
        lines = heatmap_of(grid, out.style).lines(out.width)
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    return Written(len(grid.rows))


def _draw_bars(grid: Grid, out: Output) -> Written:
    """One parameter: a bar for each value, from the worst to the best."""
    heatmap = heatmap_of(grid)
    bars = ["█" * max(1, round((row[0] or 0) * _BAR)) for row in heatmap.shares]
    metric = field(grid.metric) if grid.how != "count" else plain(grid.metric)
    fields = [
        plain(short(grid.x)).at(99),
        metric.at(98),
        plain("runs"),
        replace(plain(""), look=_cyan),
    ]
    return out.table(fields, [(*row, bar) for row, bar in zip(grid.rows, bars, strict=True)])


def _cyan(_: str) -> str:
    return "cyan"


def _pivot(grid: Grid, out: Output) -> Written:
    names = [grid.x, *([text(y) for y in grid.ys] if grid.y else grid.columns[1:2])]
    return out.rows(names, [(x, *cells) for x, cells in zip(grid.xs, grid.pivot(), strict=True)])
