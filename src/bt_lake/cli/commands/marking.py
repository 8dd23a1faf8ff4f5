"""tag, note, delete, restore: marks on runs, each an event that stays on record."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from bt_lake.cli import messages
from bt_lake.cli.options import Which, Yes
from bt_lake.cli.session import Session
from bt_lake.warehouse.errors import BadInput, NotFound

Runs = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN...]", help="Beginnings or ends of ids; or use filters."),
]


def tag(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="TAG", help="A word of your own.")],
    which: Which,
    runs: Runs = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag off.")] = False,
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
        ids = _chosen(session, runs, which)
    except NotFound as error:
        raise _turned_round(session, name, runs) or error from None
    doing, done = ("Untag", "untagged") if remove else ("Tag", "tagged")
    if which.given:
        messages.confirm(f"{doing} {_count(ids)} as '{name}'?", yes=yes)
    session.store.append_events("untag" if remove else "tag", ids, name)
    _said(session, f"{done} {_count(ids)}")


def note(
    session: Session,
    text: Annotated[str, typer.Argument(help="What to remember.")],
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
    ids = _chosen(session, runs, which)
    if which.given:
        messages.confirm(f"Add this note to {_count(ids)}?", yes=yes)
    session.store.append_events("note", ids, text)
    _said(session, f"noted on {_count(ids)}")


def delete(
    session: Session,
    which: Which,
    runs: Runs = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove them altogether; this cannot be undone.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Hide runs. They still count as trials, and `restore` brings them back.

    Compaction drops the curves and trades of deleted runs; their summaries stay. With --forget
    nothing of them is left, and every statistic on the trials that remain is off by as many.

    \b
    Examples:
      bt-lake delete b7d2f19a
      bt-lake delete --strategy sma_cross --where "total_trades < 5"
      bt-lake delete b7d2f19a --forget --yes
    """
    ids = _chosen(session, runs, which, deleted=forget)
    if forget:
        messages.confirm(
            f"Remove {_count(ids)} for good? They will no longer count as trials.", yes=yes
        )
        session.store.forget(ids)
        _said(session, f"forgot {_count(ids)}")
        return
    messages.confirm(f"Delete {_count(ids)}?", yes=yes)
    session.store.append_events("delete", ids)
    _said(session, f"deleted {_count(ids)}", "`bt-lake restore` brings them back")


def restore(session: Session, which: Which, runs: Runs = None, yes: Yes = False) -> None:
    """Bring deleted runs back.

    \b
    Examples:
      bt-lake restore b7d2f19a
      bt-lake restore --strategy sma_cross --yes
    """
    ids = _deleted(session, _chosen(session, runs, which, deleted=True))
    if which.given:
        messages.confirm(f"Restore {_count(ids)}?", yes=yes)
    session.store.append_events("restore", ids)
    _said(session, f"restored {_count(ids)}")


def _chosen(
    session: Session, runs: list[str] | None, which: Which, *, deleted: bool = False
) -> list[str]:
    """The runs named, or those the filters fit; never all for want of both."""
    from bt_lake.queries import resolving

    if runs and which.given:
        raise BadInput("give ids or filters, not both")
    if runs:
        return list(dict.fromkeys(resolving.resolve_all(session.reader, runs, deleted=deleted)))
    if not which.given:
        raise BadInput("which runs? Give ids, or filters such as --strategy sma_cross")
    filters = which.filters()
    ids = resolving.matching(session.reader, filters, deleted=deleted)
    if not ids:
        why = session.reader.ask(filters.hint)
        raise NotFound(f"no run fits these filters{': ' * bool(why)}{why}")
    return ids


def _turned_round(session: Session, name: str, runs: list[str] | None) -> BadInput | None:
    """What to say where a run stands in the place of the tag."""
    from bt_lake.queries.resolving import resolve

    if runs is None or len(runs) != 1:
        return None
    try:
        resolve(session.reader, name)
    except (BadInput, NotFound):
        return None
    return BadInput(f"the tag comes before the run: bt-lake tag {shlex.quote(runs[0])} {name}")


def _deleted(session: Session, ids: list[str]) -> list[str]:
    """The runs, if they are deleted: a run by name may be any."""
    from bt_lake.queries.resolving import matching

    hidden = set(matching(session.reader, deleted=True))
    for run_id in ids:
        if run_id not in hidden:
            raise NotFound(f"run {run_id} is not deleted")
    return ids


def _count(ids: list[str]) -> str:
    return messages.many(len(ids), "run")


def _said(session: Session, *parts: str) -> None:
    messages.note(*parts, messages.took(session.started))
