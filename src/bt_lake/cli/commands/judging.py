"""regimes, live: when a run was good, and whether it still is."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.fields import Field, field, figure, plain, run_field
from bt_lake.cli.options import Run
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import NotFound
from bt_lake.wording.values import share_of_few

Runs = Annotated[
    list[str], Argument(metavar="RUN...", help="Beginnings or ends of the ids of runs.")
]


class Way(StrEnum):
    YEAR = "year"
    VOLATILITY = "volatility"


def regimes(
    session: Session,
    runs: Runs,
    out: Output,
    by: Annotated[
        Way, Option(help="Calendar years, or thirds of how wild the benchmark was.")
    ] = Way.YEAR,
    by_regime: Annotated[
        Path | None,
        Option("--by-regime", metavar="FILE.csv", help="Spans of your own: from, to, name."),
    ] = None,
    benchmark: Annotated[
        str | None,
        Option(
            "--benchmark", metavar="RUN|FILE.csv", help="Whose volatility; else the curve's own."
        ),
    ] = None,
) -> None:
    """Runs by regime: years, calm and wild markets.

    The returns of a regime count one after the other, as if nothing lay between.

    \b
    Examples:
      bt-lake regimes b7d2f19a
      bt-lake regimes b7d2f19a 03c8aa41 --by volatility --benchmark spy.csv
      bt-lake regimes b7d2f19a --by-regime regimes.csv
    """
    frame = session.lake.regimes(runs, by=by.value, spans=by_regime, benchmark=benchmark)
    if frame.is_empty():
        raise NotFound("no regimes: a run without returns, as it has no equity curve, is in none")
    if frame["run_id"].n_unique() < 2 and out.is_text:
        frame = frame.drop("run_id")
    if out.is_text:
        out.table([_shown(name, out) for name in frame.columns], frame.rows())
    else:
        out.rows(frame.columns, frame.rows())
    messages.note(messages.many(frame.height, "regime"), messages.took(session.started))


def live(
    session: Session,
    run: Run,
    out: Output,
    against: Annotated[str, Option(metavar="RUN", help="Its backtest.", show_default=False)],
    draws: Annotated[int, Option("--draws", "-n", min=100, help="How many.")] = 2000,
    seed: Annotated[int, Option(help="Of the drawing.")] = 0,
) -> None:
    """A live run against its backtest: is it still the same?

    What to expect of so short a time is drawn from the returns of the backtest, in blocks.

    \b
    Examples:
      bt-lake live b7d2f19a --against 03c8aa41
      bt-lake live b7d2f19a --against 03c8aa41 --format json
    """
    found = session.lake.live(run, against=against, n=draws, seed=seed)
    if out.is_text:
        lines = repr(found).splitlines()
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    else:
        frame = found.frame()
        out.rows(frame.columns, frame.rows())
    messages.note(messages.took(session.started))


def _shown(name: str, out: Output) -> Field:
    if name == "run_id":
        return run_field(not out.on_terminal)
    if name == "regime":
        return plain(name).at(98)
    if name == "returns":
        return plain(name).at(60)
    if name == "share":
        return figure(name, share_of_few, telling=50)
    return field(name)
