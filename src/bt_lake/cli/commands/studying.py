"""study: a hypothesis, a budget of trials and a rule, fixed beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option, Options
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput
from bt_lake.wording.values import one_line

_OPEN, _CLOSE = "Open a study", "Look and decide"


class Overrun(StrEnum):
    REFUSE = "refuse"
    RECORD = "record"


@dataclass(frozen=True)
class Opening(Options):
    """What is fixed when a study is opened."""

    hypothesis: Annotated[
        str | None, Option(rich_help_panel=_OPEN, help="What you expect, in a sentence.")
    ] = None
    budget: Annotated[
        int | None,
        Option(metavar="N", rich_help_panel=_OPEN, help="How many trials it may have."),
    ] = None
    holdout: Annotated[
        str | None,
        Option(metavar="FROM:[TO]", rich_help_panel=_OPEN, help="Days that no trial may see."),
    ] = None
    metric: Annotated[
        str | None,
        Option(
            "--metric",
            "-m",
            rich_help_panel=_OPEN,
            help="What the best goes by.",
            show_default="sharpe_ratio",
        ),
    ] = None
    alpha: Annotated[
        float | None,
        Option(
            rich_help_panel=_OPEN, help="Rate of false alarms that you accept.", show_default="0.05"
        ),
    ] = None
    looks: Annotated[
        int | None,
        Option(
            metavar="N",
            rich_help_panel=_OPEN,
            help="How many candidates may see the holdout.",
            show_default="1",
        ),
    ] = None
    overrun: Annotated[
        Overrun | None,
        Option(
            rich_help_panel=_OPEN, help="What becomes of trials too many.", show_default="refuse"
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        return {
            name: getattr(value, "value", value)
            for name, value in vars(self).items()
            if value is not None
        }


def study(
    session: Session,
    out: Output,
    opening: Opening,
    name: Annotated[
        str | None, Argument(metavar="[NAME]", help="The study; without one, all of them.")
    ] = None,
    look: Annotated[
        str | None,
        Option(
            metavar="RUN",
            rich_help_panel=_CLOSE,
            help="Show what this candidate did in the holdout, on record.",
        ),
    ] = None,
    decide: Annotated[
        bool, Option("--decide", rich_help_panel=_CLOSE, help="Close it by its rule.")
    ] = False,
) -> None:
    """Open a study, or see how far it is.

    Runs are saved to it with `run --study NAME`, `ingest --study NAME` or `study=` in Python. Past
    its budget they are refused, or recorded as too many.

    \b
    Examples:
      bt-lake study momentum --hypothesis "what rose goes on rising" --budget 200
      bt-lake study momentum --hypothesis "..." --budget 200 --holdout 2024-01-01: --looks 2
      bt-lake study momentum
      bt-lake study momentum --look b7d2f19a
      bt-lake study momentum --decide
    """
    given = opening.given()
    if name is None:
        if given or look is not None or decide:
            raise BadInput("which study? Give its name first: bt-lake study NAME ...")
        _all(session, out)
        return
    found = session.lake.study(name, **given)
    if look is not None:
        found.look(look)
    if decide:
        found.decide()
    if out.format is Format.JSON:
        out.document(found.to_dict())
    elif out.is_text:
        lines = [one_line(line) for line in str(found).splitlines()]
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    else:
        frame = session.lake.studies()
        at = frame["study"].to_list().index(name)
        out.rows(frame.columns, [frame.row(at)])
    messages.note(messages.took(session.started))


def _all(session: Session, out: Output) -> None:
    shown = ("study", "trials", "budget", "left", "looked", "better", "verdict", "hypothesis")
    frame = session.lake.studies()
    told = frame.select(shown) if out.is_text else frame
    out.rows(told.columns, told.rows())
    messages.note(f"{len(frame):,} stud{'y' if len(frame) == 1 else 'ies'}")
