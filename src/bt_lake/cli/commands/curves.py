"""equity, trades: what lies behind the summary of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument
from bt_lake.cli.fields import Field, field
from bt_lake.cli.output import Layout, Output, Row
from bt_lake.cli.session import Session

if TYPE_CHECKING:
    from bt_lake.queries.answer import Answer

Runs = Annotated[
    list[str], Argument(metavar="RUN...", help="Beginnings or ends of the ids of runs.")
]


def equity(session: Session, runs: Runs, out: Output) -> None:
    """The equity curve of runs, with its drawdown.

    \b
    Examples:
      bt-lake equity b7d2f19a
      bt-lake equity b7d2f19a 03c8aa41 -o curves.parquet
      bt-lake equity b7d2f19a --format csv | head
    """
    _write(session, out, session.lake.ask.equity(runs), "equity", "point", runs)


def trades(session: Session, runs: Runs, out: Output) -> None:
    """The trades of runs.

    \b
    Examples:
      bt-lake trades b7d2f19a
      bt-lake trades b7d2f19a -o trades.csv
    """
    _write(session, out, session.lake.ask.trades(runs), "trades", "trade", runs)


def _write(
    session: Session, out: Output, answer: Answer, table: str, thing: str, runs: list[str]
) -> None:
    shown = out.answer(answer, _layout(out, table, several=len(runs) > 1), huge=True)
    messages.told(session, shown, answer, thing)


def _layout(out: Output, table: str, *, several: bool) -> Layout:
    """What every row lacks is left out, and the run where there is only one."""
    kept: list[int] = []

    def layout(columns: Sequence[str], rows: Sequence[Row]) -> tuple[list[Field], list[Row]]:
        if not kept:  # the first rows decide for all
            kept[:] = [
                place
                for place, name in enumerate(columns)
                if (several or name != "run_id") and any(row[place] is not None for row in rows)
            ]
        made = [field(columns[p], table=table, full_ids=not out.on_terminal) for p in kept]
        return made, [[row[place] for place in kept] for row in rows]

    return layout
