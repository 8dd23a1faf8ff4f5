"""backup, recover, copy, merge: copies of a lake, and lakes that went apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from bt_lake.cli import messages
from bt_lake.cli.declaring import Argument, Option
from bt_lake.cli.session import Session
from bt_lake.wording.values import size

if TYPE_CHECKING:
    pass


def backup(
    session: Session,
    target: Annotated[str, Argument(metavar="FOLDER", help="Where the backups are.")],
    keep: Annotated[
        int | None,
        Option(metavar="N", min=1, help="Keep the newest N backups.", show_default="all"),
    ] = None,
    verify: Annotated[
        bool, Option("--verify", help="Read the copies of earlier backups again, too.")
    ] = False,
) -> None:
    """Copy the lake while others write to it.

    Each backup is a whole lake to ask; files that did not change are shared with the one before.
    What was copied is read again and compared; a backup that was stopped goes on where it was.

    \b
    Examples:
      bt-lake backup /mnt/backups/lake
      bt-lake backup /mnt/backups/lake --keep 30
    """
    with _progress() as progress:
        done = session.lake.backup(target, keep=keep, verify=verify, progress=progress)
    for path in done.mended:
        messages.warn(f"{path} had rotted in the earlier backup; it was copied again")
    messages.say(f"backed up to {done.path}")
    messages.note(
        f"{messages.many(done.files, 'file')}, {size(done.bytes)} copied",
        f"{done.reused:,} from before" if done.reused else "",
        f"{messages.many(len(done.pruned), 'old backup')} removed" if done.pruned else "",
        messages.took(session.started),
    )


def copy(
    session: Session,
    source: Annotated[str, Argument(metavar="FROM", help="A lake: a folder, or s3://...")],
    target: Annotated[str, Argument(metavar="TO", help="s3://..., or an empty folder.")],
) -> None:
    """Copy a lake to an object store, or from there to a folder.

    Others may write to it meanwhile. Started again it goes on where it was, and takes up what has
    changed. Each object is read again and compared. Needs bt-lake[cloud]; s3, gs or az, with
    credentials from the environment ($AWS_ACCESS_KEY_ID, ..., $AWS_ENDPOINT_URL).

    \b
    Examples:
      bt-lake copy lake s3://my-bucket/lake
      bt-lake copy s3://my-bucket/lake ~/lakes/mine
    """
    with _progress() as progress:
        done = session.lake.copy(source, target, progress=progress)
    messages.say(f"copied to {target}")
    messages.note(
        f"{messages.many(done.files, 'file')}, {size(done.bytes)} copied",
        f"{done.reused:,} there already" if done.reused else "",
        messages.took(session.started),
    )


def recover(
    session: Session,
    source: Annotated[
        str, Argument(metavar="BACKUP", help="One backup, or the folder of them: the newest.")
    ],
) -> None:
    """Make the lake again from a backup, in an empty folder.

    Every file is compared with what was backed up. Over a lake it is refused: `merge` takes in what
    that does not have.

    \b
    Examples:
      bt-lake recover /mnt/backups/lake --lake lake-again
      bt-lake recover /mnt/backups/lake/000012-20261128T040000Z --lake lake-of-friday
    """
    with _progress() as progress:
        done = session.lake.recover(source, progress=progress)
    messages.say(f"made the lake at {done.path} again")
    messages.note(messages.many(done.files, "file"), messages.took(session.started))


def merge(
    session: Session,
    others: Annotated[
        list[str], Argument(metavar="OTHER...", help="Lakes, backups, a lake's _quarantine.")
    ],
    dry_run: Annotated[
        bool, Option("--dry-run", help="Only say which runs would come in.")
    ] = False,
) -> None:
    """Take in what other lakes have and this one has not.

    Another lake, a fork of this one, a backup, the two halves of a lake that were edited apart:
    missing runs come with curves, trades, tags and notes, and runs that are here get what they
    lack. Of each tag, and of a deletion, the last act counts. Any order, any number of times. A run
    that was forgotten here comes back from a copy that has it.

    \b
    Examples:
      bt-lake merge ~/laptop/lake
      bt-lake merge /mnt/backups/lake
      bt-lake merge lake/_quarantine
      bt-lake merge lake            # files of its own folder that no log names
    """
    for other in others:
        done = session.lake.merge(other, dry_run=dry_run)
        would = "would be " if dry_run else ""
        messages.note(
            f"{other}: {len(done.added):,} {would}added",
            f"{len(done.already):,} already there",
            messages.got(done.curves, done.trades, done.events),
            messages.took(session.started),
        )


@contextmanager
def _progress() -> Iterator[Any]:
    with messages.progress("files", size) as shown:
        yield shown
