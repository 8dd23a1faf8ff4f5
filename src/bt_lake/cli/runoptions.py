"""The options of `run`, by what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from bt_lake.cli.declaring import Option, Options
from bt_lake.cli.options import labels
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import TOLD
from bt_lake.warehouse.values import Typed, named, value

_GRID, _FOLDS, LABELS = "Sweep", "Walk-forward", "Labels"
_ON = "NAME=VALUE, where NAME is an option of the cluster's own"
_WRITE = "NAME=VALUE, where NAME is a parameter's name"


def _passed_on(flag: str, text: str) -> Any:
    help = f"{text} Passed on if the function takes one; may be several: A,B."
    return Option(f"--{flag}", rich_help_panel=LABELS, help=help)


if TYPE_CHECKING:
    _Labels = Options
else:
    _Labels = labels(TOLD, list[str], _passed_on)


@dataclass(frozen=True)
class LabelOptions(_Labels):
    """Labels of the run."""

    def plan(self) -> dict[str, Any]:
        return {name: _each(given) for name, given in vars(self).items()}


@dataclass(frozen=True)
class CallOptions(Options):
    """With what the function is called."""

    help_function: Annotated[
        bool, Option("--help-function", help="Show what the function takes, and end.")
    ] = False
    param: Annotated[
        list[str] | None,
        Option("--param", "-p", metavar="NAME=VALUE", help="An argument of the function."),
    ] = None
    start: Annotated[str | None, Option(metavar="DATE", help="Passed on as `start`; included.")] = (
        None
    )
    end: Annotated[str | None, Option(metavar="DATE", help="Passed on as `end`; included.")] = None

    def plan(self) -> dict[str, Any]:
        params = {n: Typed(text) for n, text in named("-p", self.param or (), _WRITE).items()}
        return {"params": params, "start": self.start, "end": self.end}


@dataclass(frozen=True)
class GridOptions(Options):
    """What is tried, and by how many at once and where."""

    grid: Annotated[
        list[str] | None,
        Option(
            "--grid",
            "-g",
            metavar="NAME=VALUES",
            rich_help_panel=_GRID,
            help="Values to try: 5:50:5, 0.001:1:log4, 50,100,200.",
        ),
    ] = None
    if_: Annotated[
        list[str] | None,
        Option(
            "--if",
            metavar="CONDITION",
            rich_help_panel=_GRID,
            help='Only combinations like this: "fast < slow".',
        ),
    ] = None
    random: Annotated[
        int | None,
        Option(metavar="N", rich_help_panel=_GRID, help="Draw so many combinations."),
    ] = None
    seed: Annotated[
        int,
        Option(rich_help_panel=_GRID, help="Of --random, and of `random` and numpy in each call."),
    ] = 0
    jobs: Annotated[
        int | None,
        Option(
            "--jobs", "-j", rich_help_panel=_GRID, help="Worker processes.", show_default="cores"
        ),
    ] = None
    fail_fast: Annotated[
        bool, Option("--fail-fast", rich_help_panel=_GRID, help="Stop at a failed run.")
    ] = False
    keep_going: Annotated[
        bool,
        Option(
            "--keep-going", rich_help_panel=_GRID, help="Even if the first runs all fail alike."
        ),
    ] = False
    fresh: Annotated[
        bool,
        Option("--fresh", rich_help_panel=_GRID, help="Each run in a process of its own."),
    ] = False
    on: Annotated[
        str | None,
        Option(
            metavar="CLUSTER",
            rich_help_panel=_GRID,
            help="Call elsewhere: ray, dask or slurm.",
        ),
    ] = None
    on_option: Annotated[
        list[str] | None,
        Option(
            "--on-option",
            metavar="NAME=VALUE",
            rich_help_panel=_GRID,
            help="Of ray.init, Dask's Client, or a job of submitit: slurm_partition=short.",
        ),
    ] = None
    save_by: Annotated[
        str,
        Option(
            metavar="WHO",
            rich_help_panel=_GRID,
            help="With --on: workers, or the driver where they do not see the lake.",
        ),
    ] = "workers"
    sweep: Annotated[
        str | None,
        Option(
            metavar="LABEL",
            rich_help_panel=_GRID,
            help="What to call it.",
            show_default="made from the question",
        ),
    ] = None

    def plan(self) -> dict[str, Any]:
        return {
            "grid": named("--grid", self.grid or (), _WRITE),
            "conditions": self.if_ or (),
            "random": self.random,
            "seed": self.seed,
            "sweep": self.sweep,
        }

    def how(self) -> dict[str, Any]:
        if self.on is None and (self.on_option or self.save_by != "workers"):
            raise BadInput("--on-option and --save-by go with --on")
        given = named("--on-option", self.on_option or (), _ON)
        return {
            "jobs": self.jobs,
            "fail_fast": self.fail_fast,
            "keep_going": self.keep_going,
            "fresh": self.fresh,
            "executor": self.on,
            "save_by": self.save_by,
            "executor_options": {name: value(text) for name, text in given.items()} or None,
        }


@dataclass(frozen=True)
class FoldOptions(Options):
    """Walking forward."""

    folds: Annotated[
        int | None,
        Option(
            metavar="N",
            rich_help_panel=_FOLDS,
            help="Divide start to end in so many folds, each run in and out of sample.",
        ),
    ] = None
    train: Annotated[
        float | None,
        Option(
            metavar="SHARE",
            rich_help_panel=_FOLDS,
            help="Part that is in sample.",
            show_default="0.7",
        ),
    ] = None

    def plan(self) -> dict[str, Any]:
        return {"folds": self.folds, "train": self.train}


def _each(given: list[str] | None) -> list[str] | None:
    """Several in one option, as in `--grid`: A,B,C."""
    if given is None:
        return None
    parts = [part.strip() for text in given for part in text.split(",")]
    return [part for part in parts if part] or None
