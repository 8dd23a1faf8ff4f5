"""certify: vouch for a run beside all that was tried, and check it later."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput
from bt_lake.wording.values import one_line

_DIFFERS = 4


class Kin(StrEnum):
    STUDY = "study"
    STRATEGY = "strategy"
    SWEEP = "sweep"
    SYMBOL = "symbol"


def certify(
    session: Session,
    run: Annotated[
        str | None,
        Argument(metavar="[RUN]", help="Any unique beginning or end of a run's id."),
    ] = None,
    output: Annotated[
        Path | None,
        Option("--output", "-o", metavar="FILE.json", help="Write it there, and a .md beside it."),
    ] = None,
    family: Annotated[
        Kin | None,
        Option(help="Among which trials.", show_default="its study, else its strategy"),
    ] = None,
    verify: Annotated[
        Path | None, Option(metavar="FILE.json", help="Say whether the lake still agrees.")
    ] = None,
) -> int:
    """Vouch for a run and all trials of its family, as one small file.

    The file has the run's metrics, code and data, one digest over every trial, and the report on
    luck. --verify recomputes it: a trial that was removed, changed or added since shows. Keep the
    digest where nobody can change it.

    \b
    Examples:
      bt-lake certify b7d2f19a -o winner.json
      bt-lake certify b7d2f19a --family sweep
      bt-lake certify --verify winner.json
    """
    if (run is None) == (verify is None):
        raise BadInput("give a run, or --verify FILE.json")
    if verify is not None:
        found = session.lake.verify(verify)
        Output(Format.TABLE, output).lines([one_line(line) for line in str(found).splitlines()])
        messages.note(messages.took(session.started))
        return 0 if found.holds else _DIFFERS
    assert run is not None
    made = session.lake.certify(run, family.value if family else None)
    if output is None:
        Output(Format.TABLE).lines(made.json().splitlines())
    else:
        made.save(output)
        messages.say(f"wrote {output} and {output.with_suffix('.md')}")
    messages.note(f"digest {made.to_dict()['digest']}", messages.took(session.started))
    return 0
