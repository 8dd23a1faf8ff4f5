"""compare: runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.output import Format, Output
from bt_lake.cli.session import Session

if TYPE_CHECKING:
    from bt_lake.queries.comparing import Comparison


def compare(
    session: Session,
    runs: Annotated[
        list[str], Argument(metavar="RUN...", help="Beginnings or ends of two ids or more.")
    ],
    out: Output,
    everything: Annotated[
        bool, Option("--all", help="Show every metric; files hold them all anyway.")
    ] = False,
) -> None:
    """Runs side by side: what differs, and who is better in what.

    \b
    Examples:
      bt-lake compare b7d2f19a 03c8aa41
      bt-lake compare b7d2f19a 03c8aa41 e51f7c02 -o compared.md
    """
    from bt_lake.cli.beside import beside

    comparison = session.lake.compare(runs)
    if out.is_text:
        lines = beside(
            comparison,
            width=out.width,
            style=out.style,
            full_ids=not out.on_terminal,
            everything=everything,
        )
        out.lines(["```", *lines, "```"] if out.format is Format.MD else lines)
    else:
        out.rows(["section", "name", *comparison.ids], _long(comparison))
    messages.note(f"{len(comparison.ids)} runs", messages.took(session.started))


def _long(comparison: Comparison) -> list[tuple[object, ...]]:
    """A row for each difference and each metric."""
    rows = [(line.section, line.name, *line.values) for line in comparison.differences]
    rows += [("metric", line.name, *line.values) for line in comparison.metrics]
    rows += [
        ("correlation", run_id, *values)
        for run_id, values in zip(comparison.ids, comparison.correlation, strict=True)
    ]
    return rows
