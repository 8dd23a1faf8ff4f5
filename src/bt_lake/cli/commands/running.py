"""run: the user's own function, called by bt-lake, once or over a grid."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bt_lake.cli import messages
from bt_lake.cli.binding import Options
from bt_lake.cli.foreign import stdout_kept_clean
from bt_lake.cli.options import Limit, MetricOption, Spends, Which, labels
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import TOLD

if TYPE_CHECKING:
    from bt_lake.queries.filters import Given
    from bt_lake.running.planning import Plan

_FAILED = 2
_GRID, _FOLDS, _LABELS = "Sweep", "Walk-forward", "Labels"
_ON = "NAME=VALUE, where NAME is an option of the cluster's own"
_WRITE = "NAME=VALUE, where NAME is a parameter's name"


def _told(flag: str, text: str) -> Any:
    help = f"{text} Passed on if the function takes one; may be several: A,B."
    return typer.Option(f"--{flag}", rich_help_panel=_LABELS, help=help)


if TYPE_CHECKING:
    Told = Options
else:
    Told = labels(TOLD, list[str], _told)


def run(
    session: Session,
    out: Output,
    target: Annotated[
        str,
        typer.Argument(
            metavar="FUNCTION", help="package.module:function, or path/to/file.py:function."
        ),
    ],
    told: Told,
    help_function: Annotated[
        bool, typer.Option("--help-function", help="Show what the function takes, and end.")
    ] = False,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="An argument of the function."),
    ] = None,
    start: Annotated[
        str | None, typer.Option(metavar="DATE", help="Passed on as `start`; included.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="DATE", help="Passed on as `end`; included.")
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            "-g",
            metavar="NAME=VALUES",
            rich_help_panel=_GRID,
            help="Values to try: 5:50:5, 0.001:1:log4, 50,100,200.",
        ),
    ] = None,
    if_: Annotated[
        list[str] | None,
        typer.Option(
            "--if",
            metavar="CONDITION",
            rich_help_panel=_GRID,
            help='Only combinations like this: "fast < slow".',
        ),
    ] = None,
    random: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=_GRID, help="Draw so many combinations."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            rich_help_panel=_GRID, help="Of --random, and of `random` and numpy in each call."
        ),
    ] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs", "-j", rich_help_panel=_GRID, help="Worker processes.", show_default="cores"
        ),
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", rich_help_panel=_GRID, help="Stop at a failed run.")
    ] = False,
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going", rich_help_panel=_GRID, help="Even if the first runs all fail alike."
        ),
    ] = False,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", rich_help_panel=_GRID, help="Each run in a process of its own."),
    ] = False,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="CLUSTER", rich_help_panel=_GRID, help="Call elsewhere: ray, dask or slurm."
        ),
    ] = None,
    on_option: Annotated[
        list[str] | None,
        typer.Option(
            "--on-option",
            metavar="NAME=VALUE",
            rich_help_panel=_GRID,
            help="Of ray.init, Dask's Client, or a job of submitit: slurm_partition=short.",
        ),
    ] = None,
    save_by: Annotated[
        str,
        typer.Option(
            metavar="WHO",
            rich_help_panel=_GRID,
            help="With --on: workers, or the driver where they do not see the lake.",
        ),
    ] = "workers",
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            rich_help_panel=_GRID,
            help="What to call it.",
            show_default="made from the question",
        ),
    ] = None,
    metric: MetricOption = "sharpe_ratio",
    limit: Limit = 5,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            rich_help_panel=_FOLDS,
            help="Divide start to end in so many folds, each run in and out of sample.",
        ),
    ] = None,
    train: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            rich_help_panel=_FOLDS,
            help="Part that is in sample.",
            show_default="0.7",
        ),
    ] = None,
    study: Spends = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_LABELS,
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
    if help_function:
        return _described(session, out, target)
    from bt_lake.warehouse.values import Typed, named, value

    if on is None and (on_option or save_by != "workers"):
        raise BadInput("--on-option and --save-by go with --on")
    options = {
        name: value(text) for name, text in named("--on-option", on_option or (), _ON).items()
    }
    with stdout_kept_clean():  # it imports the user's file
        made = session.lake.plan(
            target,
            named("--grid", grid or (), _WRITE),
            params={name: Typed(text) for name, text in named("-p", param or (), _WRITE).items()},
            conditions=if_ or (),
            random=random,
            seed=seed,
            folds=folds,
            train=train,
            start=start,
            end=end,
            strategy=strategy,
            sweep=sweep,
            study=study,
            **{name: _each(given) for name, given in vars(told).items()},
        )
    if made.sweep is None:
        if on is not None:
            raise BadInput("--on is for sweeps: give a --grid (one of one value will do)")
        return _once(session, out, made)
    how: dict[str, Any] = {"jobs": jobs, "fail_fast": fail_fast, "keep_going": keep_going}
    how |= {"fresh": fresh, "executor": on, "save_by": save_by, "executor_options": options or None}
    return _swept(session, out, made, how, metric, limit)


def _described(session: Session, out: Output, target: str) -> int:
    with stdout_kept_clean():  # it imports the user's file
        found = session.lake.parameters(target)
    columns = ("name", "type", "takes", "default")
    rows = [(each.name, each.type, each.takes, each.default) for each in found]
    out.rows(columns, rows)
    messages.note(f"{target} takes {messages.many(len(found), 'parameter')}")
    return 0


def _each(given: list[str] | None) -> list[str] | None:
    """Several in one option, as in `--grid`: A,B,C."""
    if given is None:
        return None
    parts = [part.strip() for text in given for part in text.split(",")]
    return [part for part in parts if part] or None


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
