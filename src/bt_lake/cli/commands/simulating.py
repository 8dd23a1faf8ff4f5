"""simulate: how a run might have gone."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option
from bt_lake.cli.options import Run
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session
from bt_lake.drawing.kinds import check_kind


class Of(StrEnum):
    RETURNS = "returns"
    TRADES = "trades"


class Way(StrEnum):
    BLOCKS = "blocks"
    RESAMPLE = "resample"
    SHUFFLE = "shuffle"


def simulate(
    session: Session,
    run: Run,
    out: Output,
    of: Annotated[Of, Option(help="What the paths are made of.")] = Of.RETURNS,
    how: Annotated[
        Way | None,
        Option(
            help="Drawn in blocks, one by one, or all in another order.",
            show_default="blocks; of trades shuffle",
        ),
    ] = None,
    paths: Annotated[int, Option("--paths", "-n", min=1, help="How many.")] = 1000,
    block: Annotated[
        float | None,
        Option(
            metavar="RETURNS", help="Mean length of a block.", show_default="cube root of them all"
        ),
    ] = None,
    ruin: Annotated[
        float, Option(metavar="SHARE", help="So much of the start lost is ruin.")
    ] = 0.5,
    seed: Annotated[int, Option(help="Of the drawing.")] = 0,
    plot: Annotated[
        Path | None, Option(metavar="FILE", help="Draw the bands: .svg or .html.")
    ] = None,
) -> None:
    """How a run might have gone: other orders, other draws, ruin.

    \b
    Examples:
      bt-lake simulate b7d2f19a
      bt-lake simulate b7d2f19a --of trades -n 10000 --ruin 0.3
      bt-lake simulate b7d2f19a --of trades --how resample --plot paths.svg
    """
    if plot is not None:
        check_kind(plot)
    made = session.lake.simulate(
        run,
        of=of.value,
        how=None if how is None else how.value,
        n=paths,
        seed=seed,
        block=block,
        ruin=ruin,
    )
    if plot is not None:
        made.plot().save(plot)
    elif out.is_text:
        lines = repr(made).splitlines()
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    else:
        frame = made.quantiles()
        rows = [(*row, made.ruin) for row in frame.rows()]
        out.rows([*frame.columns, "ruin"], rows)
    messages.note(f"drew {plot}" if plot else "", messages.took(session.started))
