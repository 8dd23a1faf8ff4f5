"""walkforward, decay: what was found in sample, seen again out of sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.fields import Field, field, figure, plain
from bt_lake.cli.options import Limit, MetricOption, Which
from bt_lake.cli.output import Format, Layout, Output, Row
from bt_lake.cli.session import Session
from bt_lake.wording.metrics import metric_name, metric_text
from bt_lake.wording.values import one_line

_VALUES = ("in_sample", "out_of_sample", "change")
_RUNS = {"in_run": 20, "out_run": 60}
_LABELS = ("strategy", "symbol", "timeframe", "exit_rule", "fold")


def walkforward(
    session: Session,
    strategy: Annotated[str, Argument(help="Name of the strategy.", show_default=False)],
    which: Which,
    out: Output,
    metric: MetricOption = "sharpe_ratio",
    seed: Annotated[int, Option(help="Of the random choices.")] = 0,
) -> None:
    """What was best in each fold, traded out of sample.

    The runs are those of a walk-forward sweep: `bt-lake run FUNCTION --folds 5 ...`.

    \b
    Examples:
      bt-lake walkforward sma_cross
      bt-lake walkforward sma_cross -m calmar_ratio --symbol AAPL
      bt-lake walkforward sma_cross --sweep nightly -o folds.csv
    """
    walk = session.lake.walkforward(strategy, metric, seed=seed, **which.filters())
    if out.format is Format.JSON:
        out.document(walk.to_dict())
    elif out.is_text:
        lines = [one_line(line) for line in str(walk).splitlines()]
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    else:
        rows = walk.to_dict()["folds"]
        out.rows(list(rows[0]) if rows else [], [tuple(row.values()) for row in rows])
    messages.note(messages.many(len(walk.picks), "fold"), messages.took(session.started))


def decay(
    session: Session,
    which: Which,
    out: Output,
    metric: MetricOption = "sharpe_ratio",
    limit: Limit = 20,
) -> None:
    """Which runs decay out of sample, the worst first.

    \b
    Examples:
      bt-lake decay --strategy sma_cross
      bt-lake decay -m total_return --sweep nightly -n 50
    """
    answer = session.lake.ask.decay(metric, limit, **which.filters())
    shown = out.answer(answer, _layout(metric, out))
    messages.note(
        f"{metric_name(metric)} of {messages.many(shown.rows, 'pair')}",
        messages.hidden(shown.dropped),
        answer.note(),
        messages.took(session.started),
    )


def _layout(metric: str, out: Output) -> Layout:
    show = metric_text(metric)

    def layout(columns: Sequence[str], rows: Sequence[Row]) -> tuple[list[Field], list[Row]]:
        places = [
            place
            for place, name in enumerate(columns)
            if name not in _LABELS or len({row[place] for row in rows}) > 1
        ]
        made = [_column(columns[place], show, out) for place in places]
        return made, [[row[place] for place in places] for row in rows]

    return layout


def _column(name: str, show: Callable[[Any], str], out: Output) -> Field:
    if name in _VALUES:
        return figure(name, show, telling=90)
    if name in _RUNS:
        made = field("run_id", full_ids=not out.on_terminal).at(_RUNS[name])
        return made.titled(name.replace("_", " "))
    return plain(name)
