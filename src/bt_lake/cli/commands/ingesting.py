"""ingest: files of any known format into the lake."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option, Options
from bt_lake.cli.options import Spends
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.values import named
from bt_lake.wording.values import size

if TYPE_CHECKING:
    from bt_lake.ingest.report import IngestReport

_SHOWN = 20
_NAMED = 5
_FAILED = 2


class OnError(StrEnum):
    STOP = "stop"
    SKIP = "skip"


@dataclass(frozen=True)
class Reading(Options):
    """How files are read whose own words are not enough."""

    time_zone: Annotated[
        str | None,
        Option("--time-zone", metavar="ZONE", help="Zone of a platform's times."),
    ] = None
    day_first: Annotated[
        bool | None,
        Option(
            "--day-first/--month-first",
            help="How to read 04/03/2025.",
            show_default="as the file tells",
        ),
    ] = None
    decimal: Annotated[
        str | None,
        Option("--decimal", metavar="MARK", help="The mark of decimals: . or , ."),
    ] = None
    trades: Annotated[
        bool, Option("--trades", help="The files are lists of trades, one a row.")
    ] = False
    returns: Annotated[
        bool, Option("--returns", help="The files are returns: a date and a return a row.")
    ] = False
    columns: Annotated[
        str | None,
        Option(
            "--columns", metavar="OURS=THEIRS,...", help="Which column is which, with --trades."
        ),
    ] = None


def ingest(
    session: Session,
    paths: Annotated[
        list[str],
        Argument(metavar="PATH...", help="Files, folders, other lakes; - is ndjson on stdin."),
    ],
    set_: Annotated[
        list[str] | None,
        Option("--set", metavar="COLUMN=VALUE", help="Say it of all runs, whatever the files say."),
    ] = None,
    on_error: Annotated[
        OnError | None,
        Option(
            "--on-error",
            help="Stop at the first bad file, or list it and go on.",
            show_default="stop; skip with --watch",
        ),
    ] = None,
    unique: Annotated[
        bool,
        Option("--unique", help="Refuse runs of the same labels, period and params as another."),
    ] = False,
    dry_run: Annotated[bool, Option("--dry-run", help="Only say what would happen.")] = False,
    reading: Reading = Reading(),
    study: Spends = None,
    watch: Annotated[
        bool, Option("--watch", help="Go on with what appears, until Ctrl-C.")
    ] = False,
) -> int:
    """Take in results: files, folders, other lakes.

    Run documents, tables of runs, results of freqtrade and LEAN, exports of TradingView,
    MetaTrader and NinjaTrader, and lakes are told by content; folders are walked. What is in the
    lake already is skipped.

    \b
    Examples:
      bt-lake ingest results/
      bt-lake ingest backtest.json --set symbol=AAPL --set timeframe=1d
      bt-lake ingest results/ --on-error skip
      my-backtest | bt-lake ingest -
      bt-lake ingest ReportTester-1.html --time-zone Europe/Athens
      bt-lake ingest orders.csv --trades --columns entry_at=Opened,exit_at=Closed,side=Side,pnl=Net
      bt-lake ingest user_data/backtest_results --watch
    """
    options: dict[str, Any] = {
        "set_columns": named("--set", set_ or (), "COLUMN=VALUE, such as symbol=AAPL"),
        "on_error": (on_error or (OnError.SKIP if watch else OnError.STOP)).value,
        "unique": unique,
        "dry_run": dry_run,
        **vars(reading),
        "study": study,
    }
    if watch:
        return _watch(session, paths, options)
    with _progress() as progress:
        report = session.lake.ingest(*paths, progress=progress, **options)
    _say(report, messages.took(session.started), dry_run=dry_run)
    return _FAILED if report.failed and on_error is not OnError.SKIP else 0


def _watch(session: Session, paths: list[str], options: dict[str, Any]) -> int:
    if "-" in paths:
        raise BadInput("--watch looks at files and folders; - is read to its end")
    messages.say("watching; Ctrl-C ends it")
    taken = 0
    try:
        for report in session.lake.watch(*paths, **options):
            taken += len(report.added)
            _say(report, "", dry_run=options["dry_run"])
    except KeyboardInterrupt as stop:
        stop.add_note(f"{messages.many(taken, 'run')} came in meanwhile")
        raise
    return 0


@contextmanager
def _progress() -> Iterator[Any]:
    with messages.progress("runs", size) as shown:

        def tell(done: int, total: int, report: IngestReport) -> None:
            shown(done, total, len(report.added) + len(report.skipped))

        yield tell


def _say(report: IngestReport, took: str, *, dry_run: bool) -> None:
    """What failed, and the summary."""
    for bad in report.failed[:_SHOWN]:
        messages.say(str(bad))
    if len(report.failed) > _SHOWN:
        messages.say(f"... and {len(report.failed) - _SHOWN:,} more")
    for path in report.held_back[:_SHOWN]:
        messages.say(f"{path}: held back, it is still being written; the next ingest takes it")
    messages.barer(len(report.barer))
    if report.ignored:
        more = len(report.ignored) - _NAMED
        messages.say(
            f"no result that bt-lake knows: {', '.join(report.ignored[:_NAMED])}"
            + (f", ... and {more:,} more" if more > 0 else "")
        )
    would = "would be " if dry_run else ""
    messages.note(
        f"{len(report.added):,} {would}added",
        f"{len(report.skipped):,} already there",
        messages.got(report.curves, report.trades, report.events),
        f"{len(report.failed):,} failed" if report.failed else "",
        f"{messages.many(len(report.held_back), 'file')} held back" if report.held_back else "",
        f"{messages.many(len(report.ignored), 'file')} of no known format"
        if report.ignored
        else "",
        took,
    )
