"""stability, pick: which of the good runs to trust, and which to hold together."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.fields import Field, field, figure, plain, run_field
from bt_lake.cli.options import Limit, MetricOption, Which
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.wording.metrics import metric_text
from bt_lake.wording.values import ratio, share_of_few

_SUMMARY = {"above_0": 95, "ahead": 94, "worst": 93, "trend": 92}


class By(StrEnum):
    YEAR = "year"
    QUARTER = "quarter"
    MONTH = "month"
    FOLD = "fold"


def stability(
    session: Session,
    which: Which,
    out: Output,
    runs: Annotated[
        list[str] | None,
        Argument(metavar="RUN...", help="Or filters, for the best.", show_default=False),
    ] = None,
    metric: MetricOption = "sharpe_ratio",
    by: Annotated[By, Option(help="The periods.")] = By.YEAR,
    limit: Limit = 10,
) -> None:
    """A metric of runs year by year, how often good, and its trend.

    Above 0 and ahead are shares of the periods; ahead is better than the median of these runs.
    By fold a row is a configuration, with what its runs out of sample have stored.

    \b
    Examples:
      bt-lake stability b7d2f19a 03c8aa41
      bt-lake stability --strategy sma_cross -m total_return --by quarter
      bt-lake stability --strategy sma_cross --by fold
    """
    frame = session.lake.stability(runs or None, metric, by=by.value, n=limit, **which.filters())
    if out.is_text:
        show = metric_text(metric)
        fields = [_shown(name, show, out) for name in frame.columns]
        shown = out.table(fields, frame.rows())
    else:
        shown = out.rows(frame.columns, frame.rows())
    messages.note(
        messages.many(frame.height, "run"),
        messages.hidden(shown.dropped),
        messages.took(session.started),
    )


def _shown(name: str, show: Callable[[Any], str], out: Output) -> Field:
    if name == "run_id":
        return run_field(not out.on_terminal)
    if name == "periods":
        return plain(name).at(40)
    if name in ("above_0", "ahead"):
        show = share_of_few
    elif name == "trend":
        show = ratio
    return figure(name, show, telling=_SUMMARY.get(name, 50))


def pick(
    session: Session,
    which: Which,
    out: Output,
    metric: MetricOption = "sharpe_ratio",
    limit: Limit = 10,
    max_correlation: Annotated[
        float, Option(metavar="R", help="Of daily returns with any run before it.")
    ] = 0.5,
) -> None:
    """The best runs that are not the same bet.

    The best comes first; each next one is the best that moves unlike all before it.

    \b
    Examples:
      bt-lake pick -n 10 --max-correlation 0.5
      bt-lake pick --strategy sma_cross -m calmar_ratio
    """
    frame = session.lake.pick(metric, limit, max_correlation=max_correlation, **which.filters())
    if out.is_text:
        fields = [_picked(name, out) for name in frame.columns]
        out.table(fields, frame.rows())
    else:
        out.rows(frame.columns, frame.rows())
    messages.note(messages.many(frame.height, "run"), messages.took(session.started))


def _picked(name: str, out: Output) -> Field:
    if name == "rank":
        return plain(name).titled("#").at(99)
    if name in ("run_id", "alike"):
        made = run_field(not out.on_terminal)
        return made if name == "run_id" else made.titled("most alike")
    if name == "correlation":
        return figure(name, ratio, telling=90)
    return field(name).at(95)
