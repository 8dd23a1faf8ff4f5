"""export and delta: runs for other programs, or for another lake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.options import Which
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session

if TYPE_CHECKING:
    from bt_lake.queries.exporting import Exported


def export(
    session: Session,
    target: Annotated[
        Path,
        Argument(help="A .csv, .parquet or .sqlite file; any other name is a new lake."),
    ],
    which: Which,
    limit: Annotated[
        int | None, Option("--limit", "-n", min=1, help="Only so many, the newest.")
    ] = None,
    curves: Annotated[bool, Option("--curves", help="With equity curves.")] = False,
    trades: Annotated[bool, Option("--trades", help="With trades.")] = False,
    spread_params: Annotated[
        bool,
        Option("--spread-params", help="A column for each parameter: param.fast, ..."),
    ] = False,
    raw: Annotated[
        bool, Option("--raw", help="CSV for programs: texts like =1+1 as they are.")
    ] = False,
) -> None:
    """Runs as CSV, Parquet, SQLite or another lake.

    Another lake can be added to, and `ingest` reads it back. The runs that it has stay as they are.

    \b
    Examples:
      bt-lake export runs.csv --strategy sma_cross
      bt-lake export runs.csv -n 500 --spread-params
      bt-lake export runs.sqlite --curves --trades
      bt-lake export ~/lakes/for-anna --tag q4 --curves --trades
    """
    done = session.lake.export(
        target,
        n=limit,
        curves=curves,
        trades=trades,
        spread_params=spread_params,
        raw=raw,
        **which.filters(),
    )
    messages.barer(done.barer)
    messages.note(
        messages.many(done.runs, "run"),
        _of_deleted(done, whole=limit is None),
        messages.many(done.points, "point") if curves else "",
        messages.many(done.trades, "trade") if trades else "",
        "" if curves or trades or not done.runs else "no curves (--curves) or trades (--trades)",
        f"{done.already:,} already there" if done.already else "",
        done.note,
        f"in {', '.join(map(str, done.files)) if len(done.files) <= 3 else target}",
        messages.took(session.started),
    )


def _of_deleted(done: Exported, *, whole: bool) -> str:
    """Nobody shall be surprised by another number of tries in the copy."""
    if not done.deleted:
        return ""
    if whole and any(file.is_dir() for file in done.files):
        return f"{done.deleted:,} of them deleted, and tries there, too"
    return f"{done.deleted:,} deleted, tries here, stay behind"


def delta(session: Session, out: Output) -> None:
    """A Delta log beside the files, so that other engines read them.

    Each of runs, equity, trades and events is then a Delta table where it lies; nothing is copied.
    Maintenance keeps it up to date from then on. Run this again to show what was saved since.

    \b
    Examples:
      bt-lake delta
      bt-lake delta --format json
    """
    shown = session.lake.delta()
    columns = ("table", "version", "files", "added", "removed", "path")
    rows = [
        (each.table, each.version, each.files, each.added, each.removed, str(each.path))
        for each in shown
    ]
    out.rows(columns, rows)
    new = sum(each.added for each in shown)
    messages.note(
        f"{messages.many(new, 'file')} more" if new else "it was up to date",
        messages.took(session.started),
    )
