"""tag, note, delete, restore: marks on runs, each an event that stays on record."""

from __future__ import annotations

import shlex
from typing import Annotated

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.options import Which, Yes
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput, NotFound

Runs = Annotated[
    list[str] | None,
    Argument(metavar="[RUN...]", help="Beginnings or ends of ids; or use filters."),
]


def tag(
    session: Session,
    name: Annotated[str, Argument(metavar="TAG", help="A word of your own.")],
    which: Which,
    runs: Runs = None,
    remove: Annotated[bool, Option("--remove", help="Take the tag off.")] = False,
    yes: Yes = False,
) -> None:
    """Tag runs, such as those that are paper traded.

    \b
    Examples:
      bt-lake tag paper b7d2f19a
      bt-lake tag q4 --strategy sma_cross --since 2026-10-01 --yes
      bt-lake tag paper b7d2f19a --remove
    """
    try:
        ids = session.lake.ids(runs, **which.filters())
    except NotFound as error:
        raise _turned_round(session, name, runs) or error from None
    doing, done = ("Untag", "untagged") if remove else ("Tag", "tagged")
    if which.given:
        messages.confirm(f"{doing} {_count(ids)} as '{name}'?", yes=yes)
    (session.lake.untag if remove else session.lake.tag)(name, ids)
    _said(session, f"{done} {_count(ids)}")


def note(
    session: Session,
    text: Annotated[str, Argument(help="What to remember.")],
    which: Which,
    runs: Runs = None,
    yes: Yes = False,
) -> None:
    """Add a note to runs; earlier notes stay.

    \b
    Examples:
      bt-lake note "slippage was off" b7d2f19a
      bt-lake note "old data vendor" --until 2026-06-30 --yes
    """
    ids = session.lake.ids(runs, **which.filters())
    if which.given:
        messages.confirm(f"Add this note to {_count(ids)}?", yes=yes)
    session.lake.note(text, ids)
    _said(session, f"noted on {_count(ids)}")


def delete(
    session: Session,
    which: Which,
    runs: Runs = None,
    forget: Annotated[
        bool, Option("--forget", help="Remove them altogether; this cannot be undone.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Hide runs. They still count as trials, and `restore` brings them back.

    Compaction drops the curves and trades of deleted runs; their summaries stay. With --forget
    nothing of them is left, and every statistic on the trials that remain is off by as many. Nobody
    sees a forgotten run any more; its bytes leave the disk with the first `compact` a minute later.

    \b
    Examples:
      bt-lake delete b7d2f19a
      bt-lake delete --strategy sma_cross --where "total_trades < 5"
      bt-lake delete b7d2f19a --forget --yes
    """
    ids = session.lake.ids(runs, deleted=forget, **which.filters())
    if forget:
        messages.confirm(
            f"Remove {_count(ids)} for good? They will no longer count as trials.", yes=yes
        )
        session.lake.delete(ids, forget=True)
        bytes_go = f"`bt-lake compact` from {_grace_ends()} on takes the bytes off the disk"
        _said(session, f"forgot {_count(ids)}", bytes_go)
        return
    messages.confirm(f"Delete {_count(ids)}?", yes=yes)
    session.lake.delete(ids)
    _said(session, f"deleted {_count(ids)}", "`bt-lake restore` brings them back")


def _grace_ends() -> str:
    """When nobody reads the old files any more, as a clock on the wall says it."""
    from datetime import datetime, timedelta

    from bt_lake.warehouse.log import GRACE_S

    return f"{datetime.now().astimezone() + timedelta(seconds=GRACE_S + 1):%H:%M:%S}"


def restore(session: Session, which: Which, runs: Runs = None, yes: Yes = False) -> None:
    """Bring deleted runs back.

    \b
    Examples:
      bt-lake restore b7d2f19a
      bt-lake restore --strategy sma_cross --yes
    """
    ids = session.lake.ids(runs, deleted=True, **which.filters())
    if which.given:
        messages.confirm(f"Restore {_count(ids)}?", yes=yes)
    session.lake.restore(ids)
    _said(session, f"restored {_count(ids)}")


def _turned_round(session: Session, name: str, runs: list[str] | None) -> BadInput | None:
    """What to say where a run stands in the place of the tag."""
    if runs is None or len(runs) != 1:
        return None
    try:
        session.lake.ids(name)
    except (BadInput, NotFound):
        return None
    return BadInput(f"the tag comes before the run: bt-lake tag {shlex.quote(runs[0])} {name}")


def _count(ids: list[str]) -> str:
    return messages.many(len(ids), "run")


def _said(session: Session, *parts: str) -> None:
    messages.note(*parts, messages.took(session.started))
