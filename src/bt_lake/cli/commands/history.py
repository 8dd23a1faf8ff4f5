"""history: what was done in the lake."""

from __future__ import annotations

from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Option
from bt_lake.cli.output import Output
from bt_lake.cli.session import Session


def history(
    session: Session,
    out: Output,
    limit: Annotated[int, Option("--limit", "-n", min=1, help="How many to show.")] = 20,
) -> None:
    """What was done in the lake, the newest first.

    Tags, notes, deletions; studies opened, looked at and decided; what programs asked by `bt-lake
    mcp`, and who they were.

    \b
    Examples:
      bt-lake history
      bt-lake history -n 1000 --format csv
    """
    frame = session.lake.history(limit)
    out.rows(frame.columns, frame.rows())
    messages.note(messages.many(len(frame), "act"), messages.took(session.started))
