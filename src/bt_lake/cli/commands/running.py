"""run: the user's own function, called by bt-lake, once or over a grid."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.foreign import stdout_kept_clean
from bt_lake.cli.options import Limit, MetricOption, Spends, Which
from bt_lake.cli.output import Output
from bt_lake.cli.runoptions import LABELS, CallOptions, FoldOptions, GridOptions, LabelOptions
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput

if TYPE_CHECKING:
    from bt_lake.queries.filters import Given
    from bt_lake.running.planning import Plan

_FAILED = 2


def run(
    session: Session,
    out: Output,
    target: Annotated[
        str,
        Argument(metavar="FUNCTION", help="package.module:function, or path/to/file.py:function."),
    ],
    told: LabelOptions,
    call: CallOptions,
    tried: GridOptions,
    forward: FoldOptions,
    metric: MetricOption = "sharpe_ratio",
    limit: Limit = 5,
    study: Spends = None,
    strategy: Annotated[
        str | None,
        Option(
            rich_help_panel=LABELS,
            help="Name of the strategy.",
            show_default="as the result says, else the function's or its file's",
        ),
    ] = None,
) -> int:
    """Call a function of yours, once or over a grid, and save results.

    A sweep goes on where it was stopped: what the lake holds with the same function, code, params
    and data is skipped. What fails is saved as a failed run; what your code prints goes to stderr.

    \b
    Examples:
      bt-lake run --help-function examples/sma_cross.py:run
      bt-lake run examples/sma_cross.py:run -p fast=10 -p slow=50
      bt-lake run my.strategies:breakout --grid n=5:50:5 --grid stop=0.01:0.1:log5
      bt-lake run s.py:run -g fast=5:50:5 -g slow=20:200:20 --if "fast < slow" --symbol AAPL
      bt-lake run s.py:run -g fast=5:50:1 -g slow=20:200:1 --random 200 --seed 7
      bt-lake run s.py:run -g n=5:50:5 --on slurm --jobs 20 --on-option timeout_min=60
      bt-lake run s.py:run -g n=5:50:5 --folds 5 --train 0.7 --start 2019-01-01 --end 2024-12-31
    """
    if call.help_function:
        return _described(session, out, target)
    how = tried.how()
    given = {**call.plan(), **tried.plan(), **forward.plan(), **told.plan()}
    with stdout_kept_clean():  # it imports the user's file
        made = session.lake.plan(target, strategy=strategy, study=study, **given)
    if made.sweep is None:
        if tried.on is not None:
            raise BadInput("--on is for sweeps: give a --grid (one of one value will do)")
        return _once(session, out, made)
    return _swept(session, out, made, how, metric, limit)


def _described(session: Session, out: Output, target: str) -> int:
    with stdout_kept_clean():  # it imports the user's file
        found = session.lake.parameters(target)
    columns = ("name", "type", "takes", "default")
    rows = [(each.name, each.type, each.takes, each.default) for each in found]
    out.rows(columns, rows)
    messages.note(f"{target} takes {messages.many(len(found), 'parameter')}")
    return 0


def _once(session: Session, out: Output, plan: Plan) -> int:
    from bt_lake.cli.commands.showing import show

    with stdout_kept_clean():
        run_ids, error = session.lake.run_once(plan)
    if error is not None:
        messages.error(f"{plan.trials[0]} failed, and is saved as {run_ids[0]}\n{error}")
        return _FAILED
    for run_id in run_ids:
        show(session, run_id, out)
    return 0


def _swept(
    session: Session,
    out: Output,
    plan: Plan,
    how: Mapping[str, Any],
    metric: str,
    limit: int,
) -> int:
    from bt_lake.cli.commands.runs import best
    from bt_lake.cli.sweepbar import sweep_with_bar

    swept = sweep_with_bar(session, plan, metric=metric, **how)
    if swept.error is not None:
        messages.warn(f"the first failure was {swept.error.splitlines()[0]}")
    if swept.failed or swept.already_failed:
        # and those that ran some of its trials before
        names = sorted(name for name in {swept.sweep, *swept.sweeps} if name is not None)
        sweeps = " ".join(f"--sweep {shlex.quote(name)}" for name in names)
        messages.say(
            f"`bt-lake list {sweeps} --status failed` shows what failed; deleted, it runs again"
        )
    messages.note(str(swept), f"{swept.per_s:,.0f}/s" if swept.done else "", f"sweep {plan.sweep}")
    if swept.gave_up:
        messages.say("--keep-going tries the others as well")
    if swept.gave_up or swept.failed + swept.already_failed == swept.total:
        return _FAILED
    best(session, _Asked(run_ids=[*swept.held_ids, *swept.run_ids]), out, metric, limit)
    return 0


@dataclass(frozen=True)
class _Asked(Which):
    """The trials that a command asked for, whoever ran them."""

    run_ids: Sequence[str] = ()

    def filters(self) -> Given:
        return {"run_ids": self.run_ids}
