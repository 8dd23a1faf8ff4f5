"""show: one run in full."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option
from bt_lake.cli.options import FamilyOf, Run
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.drawing.kinds import check_kind
from bt_lake.errors import BadInput
from bt_lake.wording.values import harmless

if TYPE_CHECKING:
    from bt_lake import Detail

_PIPED_WIDTH = 80


def show(
    session: Session,
    run: Run,
    out: Output,
    family: Annotated[
        FamilyOf, Option(help="The trials that luck is counted over.")
    ] = FamilyOf.STRATEGY,
    log: Annotated[
        bool, Option("--log", help="What the run printed (its last 64 KB), and nothing else.")
    ] = False,
    more: Annotated[
        bool,
        Option("--more", help="Numbers that are stored nowhere: intervals, Omega, Kelly, seasons."),
    ] = False,
    rf: Annotated[
        float, Option("--rf", metavar="RATE", help="Risk-free rate a year, with --more.")
    ] = 0.0,
    plot: Annotated[
        Path | None,
        Option(metavar="FILE", help="Draw equity and drawdown: .svg or .html."),
    ] = None,
) -> None:
    """One run in full: origin, metrics, curve and months.

    \b
    Examples:
      bt-lake show b7d2f19a
      bt-lake show b7d2f19a --format json
      bt-lake show b7d2f19a --log
      bt-lake show b7d2f19a --more --rf 0.03
      bt-lake show b7d2f19a --plot equity.svg
    """
    if plot is not None:
        check_kind(plot)
    if rf and not more:
        raise BadInput("--rf is for the numbers of --more")
    if more:
        from bt_lake.cli.extras import write_more

        write_more(session, run, rf, out)
        messages.note(messages.took(session.started))
        return
    detail = session.lake.run(run)
    if log:
        said = detail.row["log"] or ""
        out.lines(map(harmless, said.splitlines()) if out.on_terminal else said.splitlines())
        messages.note("" if said else "nothing that it printed was kept")
        return
    if plot is not None:
        detail.plot().save(plot)
        messages.note(f"drew {plot}", messages.took(session.started))
        return
    _write(detail, out, family.value)
    messages.note(messages.took(session.started))


def _write(detail: Detail, out: Output, family: str) -> None:
    if out.format is Format.TABLE:
        from bt_lake.cli.portrait import portrait

        out.lines(portrait(detail, width=out.width or _PIPED_WIDTH, style=out.style, family=family))
    elif out.format is Format.JSON:
        months = () if detail.row["deleted_at"] else detail.monthly
        monthly = [{"month": month, "return": value} for month, value in months]
        standing = detail.standing(family)
        beside = None if standing is None else asdict(standing)
        out.document({**detail.row, "monthly_returns": monthly, "beside_luck": beside})
    elif out.format is Format.MD:
        out.rows(["field", "value"], [(k, v) for k, v in detail.row.items() if v is not None])
    else:
        out.rows(list(detail.row), [tuple(detail.row.values())])
