"""report: one page on a run, on several, or on a family."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.options import Which
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput


class Written(StrEnum):
    HTML = "html"
    MD = "md"


def report(
    session: Session,
    which: Which,
    runs: Annotated[
        list[str] | None,
        Argument(metavar="RUN...", help="Beginnings or ends of ids.", show_default=False),
    ] = None,
    benchmark: Annotated[
        str | None,
        Option(
            metavar="RUN|FILE.csv|RATE",
            help="What one run is set beside: a run, a file of prices, or a rate a year.",
            show_default="that of the curve",
        ),
    ] = None,
    rf: Annotated[
        float, Option(metavar="RATE", help="Risk-free rate a year, as 0.03 for 3%.")
    ] = 0.0,
    output: Annotated[
        Path | None,
        Option("--output", "-o", metavar="FILE", help="Write to a file: .html or .md."),
    ] = None,
    format: Annotated[
        Written | None,
        Option("--format", "-f", help="A page with pictures, or tables for a pull request."),
    ] = None,
) -> None:
    """One page on a run, on several, or on a family of trials.

    The page is one file without scripts or anything from elsewhere; a browser prints it as PDF.

    \b
    Examples:
      bt-lake report b7d2f19a -o report.html
      bt-lake report b7d2f19a --benchmark spy.csv --rf 0.03 -o report.html
      bt-lake report b7d2f19a 03c8aa41 e51f7c02 -o compared.html
      bt-lake report --strategy sma_cross --symbol AAPL -o family.html
      bt-lake report b7d2f19a --format md
    """
    written = format or _by_name(output)
    out = Output(Format.TABLE, output)
    if written is Written.HTML and out.on_terminal:
        raise BadInput("a page is not for reading on a terminal: add -o report.html, or -f md")
    found = session.lake.report(runs or (), benchmark=benchmark, rf=rf, **which.filters())
    out.text([found.html() if written is Written.HTML else found.markdown()])
    messages.note(f"wrote {output}" if output else "", messages.took(session.started))


def _by_name(output: Path | None) -> Written:
    if output is None:
        return Written.HTML
    try:
        return Written(output.suffix.lower().removeprefix("."))
    except ValueError:
        said = f"cannot write a report to {output.name}: end it with .html or .md, or add --format"
        raise BadInput(said) from None
