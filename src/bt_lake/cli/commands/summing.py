"""aggregate: groups of runs in figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.commands.runs import names
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.fields import JUDGED, Field, figure, judged, plain
from bt_lake.cli.options import MetricOption, Which
from bt_lake.cli.output import Layout, Output, Row
from bt_lake.cli.session import Session
from bt_lake.queries.names import meant
from bt_lake.warehouse.errors import BadInput
from bt_lake.wording.metrics import metric_name, metric_text
from bt_lake.wording.values import count, share

_COUNTS = {"runs": 90, "trials": 89, "failed": 35, "n": 20}
_TELLING = {"median": 70, "mean": 65, "max": 60, "share_above": 58, "min": 50, "std": 45}


def aggregate(
    session: Session,
    which: Which,
    out: Output,
    of: Annotated[
        str | None, Argument(metavar="[METRIC]", help="As --metric.", show_default=False)
    ] = None,
    by: Annotated[
        str,
        Option(
            metavar="LABEL,...",
            help="Labels, param.NAME, or day, week, month, year the run was made.",
        ),
    ] = "strategy",
    metric: MetricOption = "sharpe_ratio",
    quantiles: Annotated[
        str, Option(metavar="Q,...", help="Quantiles to show beside mean and median.")
    ] = "0.25,0.75",
    above: Annotated[
        float | None,
        Option(metavar="X", help="Share of those with the metric that are above this."),
    ] = None,
    deflate: Annotated[
        bool, Option("--deflate", help="Count trials; what the best Sharpe ratio is worth.")
    ] = False,
) -> None:
    """A metric over groups of runs: mean, median, quantiles.

    \b
    Examples:
      bt-lake aggregate
      bt-lake aggregate cagr --by symbol
      bt-lake aggregate --by exit_rule -m total_return --strategy sma_cross
      bt-lake aggregate --by symbol,timeframe --above 1 --since 30d
      bt-lake aggregate --by param.fast -m sharpe_ratio --quantiles 0.05,0.95
      bt-lake aggregate --by strategy,symbol --deflate
    """
    dimensions = names(by)
    metric = meant(session.reader, of or metric)
    answer = session.lake.ask.aggregate(
        dimensions,
        metric,
        quantiles=tuple(map(_quantile, names(quantiles))),
        above=above,
        deflate=deflate,
        **which.filters(),
    )
    shown = out.answer(answer, _layout(dimensions, metric, above))
    messages.note(
        f"{metric_name(metric)} of {messages.many(shown.rows, 'group')}",
        messages.hidden(shown.dropped),
        answer.note(),
        messages.took(session.started),
    )


def _quantile(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadInput(f"--quantiles: '{text}' is not a number between 0 and 1")
    return value


def _layout(dimensions: Sequence[str], metric: str, above: float | None) -> Layout:
    show = metric_text(metric)

    def layout(columns: Sequence[str], rows: Sequence[Row]) -> tuple[list[Field], list[Row]]:
        runs = columns.index("runs")
        kept = [
            place
            for place, name in enumerate(columns)
            if (name != "failed" or any(row[place] for row in rows))
            and (name != "n" or any(row[place] != row[runs] for row in rows))
        ]
        made = [plain(name.removeprefix("param.")).at(99) for name in columns[: len(dimensions)]]
        made += [_figure(name, show, above) for name in columns[len(dimensions) :]]
        return [made[n] for n in kept], [[row[n] for n in kept] for row in rows]

    return layout


def _figure(name: str, show: Callable[[Any], str], above: float | None) -> Field:
    if name in _COUNTS:
        return figure(name, count, telling=_COUNTS[name])
    if name in JUDGED:
        return judged(name)
    if name == "share_above":
        return figure(name, share, title=f"above {above:g}", telling=_TELLING[name])
    return figure(name, show, title=name, telling=_TELLING.get(name, 40))
