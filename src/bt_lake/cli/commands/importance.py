"""importance: what the parameters did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.options import MetricOption, Which
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.drawing.kinds import check_kind


def importance(
    session: Session,
    strategy: Annotated[str, Argument(help="Name of the strategy.")],
    which: Which,
    out: Output,
    metric: MetricOption = "sharpe_ratio",
    plot: Annotated[
        Path | None, Option(metavar="FILE", help="Draw the shares: .svg or .html.")
    ] = None,
    parallel: Annotated[
        Path | None,
        Option(metavar="FILE", help="Draw each run as a line over the parameters."),
    ] = None,
) -> None:
    """What share of a metric's variance each parameter brings.

    Alone and in pairs: exactly (ANOVA) of a full grid, else by functional ANOVA over a forest of
    regression trees. Labels that differ, such as symbol, count as parameters.

    \b
    Examples:
      bt-lake importance sma_cross
      bt-lake importance sma_cross -m calmar_ratio --symbol AAPL --plot shares.svg
      bt-lake importance sma_cross --parallel lines.svg
    """
    files = [path for path in (plot, parallel) if path is not None]
    for path in files:
        check_kind(path)
    made = session.lake.importance(strategy, metric, **which.filters())
    if plot is not None:
        made.plot().save(plot)
    if parallel is not None:
        made.parallel().save(parallel)
    if not files and out.is_text:
        lines = repr(made).splitlines()
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    elif not files:
        out.rows(made.frame().columns, made.frame().rows())
    messages.note(
        f"drew {' and '.join(map(str, files))}" if files else "", messages.took(session.started)
    )
