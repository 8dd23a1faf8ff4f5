"""overfit: what the best of many trials is worth."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bt_lake.cli import messages
from bt_lake.cli.options import From, To, Which
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.cli.values import one_line

if TYPE_CHECKING:
    from bt_lake.overfit.results import OverfitReport


def overfit(
    session: Session,
    which: Which,
    out: Output,
    start: From = None,
    end: To = None,
    splits: Annotated[
        int, typer.Option(metavar="S", help="Blocks that CSCV cuts the dates into; even.")
    ] = 16,
    bootstraps: Annotated[
        int, typer.Option(metavar="N", help="Resamples that show what luck brings.")
    ] = 5000,
    block: Annotated[
        float | None,
        typer.Option(
            metavar="ROWS",
            help="Mean length of a resampled block.",
            show_default="cube root of the dates, more with memory",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the resampling.")] = 0,
    benchmark: Annotated[
        str | None,
        typer.Option(
            metavar="RUN|FILE.csv|RATE",
            help="Judge what is gained above a run, a file of prices, or a rate a year.",
            show_default="0",
        ),
    ] = None,
    peeking: Annotated[
        bool,
        typer.Option("--peeking", help="A bound for who looks after every trial, at every look."),
    ] = False,
) -> None:
    """What the best of many trials is worth, beside plain luck.

    All trials that the filters match are counted, deleted and failed ones too.

    \b
    Examples:
      bt-lake overfit --strategy sma_cross
      bt-lake overfit --sweep nightly --symbol AAPL --from 2024-01-01
      bt-lake overfit --symbol SPY --benchmark spy.csv
      bt-lake overfit --strategy sma_cross --where "sample = 'in'" --format json
    """
    report = session.lake.overfit(
        splits=splits,
        bootstraps=bootstraps,
        block=block,
        seed=seed,
        start=start,
        end=end,
        benchmark=benchmark,
        peeking=peeking,
        **which.filters(),
    )
    _write(report, out)
    messages.note(messages.many(report.counts.trials, "trial"), messages.took(session.started))


def _write(report: OverfitReport, out: Output) -> None:
    if out.format is Format.JSON:
        out.document(report.to_dict())
    elif out.is_text:
        lines = [one_line(line) for line in str(report).splitlines()]
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    else:
        flat = dict(_flat(report.to_dict()))
        out.rows(list(flat), [tuple(flat.values())])


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each number under its path; what has a name is found by it, what has none by its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            name = item.get("name") or item.get("method") if isinstance(item, dict) else None
            yield from _flat(item, f"{path}.{name or place}")
    else:
        yield path, value
