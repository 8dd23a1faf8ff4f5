"""A lake's store: append, ask, and look after."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bt_lake.warehouse.errors import BadInput, CannotRead, CannotWrite, Damaged, Unconfirmed
from bt_lake.warehouse.layout import WAIT_S, Layout

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.copies import Copied
    from bt_lake.warehouse.copies import Progress as CopyProgress
    from bt_lake.warehouse.database import Database
    from bt_lake.warehouse.delta import DeltaState
    from bt_lake.warehouse.findings import Findings
    from bt_lake.warehouse.frames import Frames
    from bt_lake.warehouse.known import Appended
    from bt_lake.warehouse.locks import HeldLock, Lock
    from bt_lake.warehouse.merge import Merged
    from bt_lake.warehouse.mirror import Mirror
    from bt_lake.warehouse.rot import Progress

T = TypeVar("T")
# More letters than the drives of Windows have; a Path has lost one of the two slashes.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


class Store:
    """One lake folder; made on the first write."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        existing: bool = False,
        wait_s: float = WAIT_S,
        announce: Callable[[str], None] | None = None,
    ) -> None:
        origin = _mirror(path)
        self.path = origin.root if origin else _usable(os.fspath(path))
        self.layout = Layout(self.path, wait_s=wait_s, origin=origin)
        self.existing = existing
        self._announce = announce or _log
        self._checked = False
        self.holdouts: dict[str, datetime | None] = {}  # of studies that were asked for

    @property
    def address(self) -> str:
        """By which it is opened: its folder, or where it is in an object store."""
        return self.layout.address

    def fetch(self) -> None:
        """Have all files at hand, for what reads them without asking."""
        if self.layout.origin is not None:
            self.layout.origin.refresh()
            self.layout.origin.fetch()

    def _look_again(self) -> None:
        """Know what others have put into an object store up to now."""
        if self.layout.origin is not None:
            self.layout.origin.refresh(now=True)

    def _look_at_what_came_in(self) -> None:
        try:
            self._look_again()
        except CannotRead as error:
            raise Unconfirmed(
                f"{self.address}: this is done, but it could not be looked whether others acted on "
                f"the same runs meanwhile ({error}). Do not do it again."
            ) from error

    def create(self, *, shared: bool = False) -> None:
        """Make what there is not of the lake; a new lake is said, or refused by `existing`."""
        from bt_lake.warehouse.founding import create

        if self._checked:
            self._check_place()
        else:
            if self.existing or self.layout.exists:
                self.layout.check_writable()
            if create(self.layout, shared=shared):
                self._announce(f"made a new lake at {self.address}")
            if self.layout.origin is not None:
                self.layout.origin.claim(self.layout.wait_s)
            self._checked = True

    def _check_place(self) -> None:
        """Write nothing where the lake was: under a mount that went, nobody would find it."""
        if not self.layout.exists:
            raise CannotWrite(
                f"the lake is no longer at {self.address}: its folder was moved, or its disk is "
                "away. Nothing was saved."
            )

    def append(self, frames: Frames, lock: HeldLock | None = None, *, whole: bool = False) -> str:
        """Commit new runs, give the commit; when this returns every reader sees them, on disk.

        Of runs that spend the budget of a study those that it has trials for go in; if `whole`, all
        or none.
        """
        from bt_lake.warehouse.compact import fold_if_due

        self.create()
        commit = self._append(frames, lock, whole)
        fold_if_due(self.layout)
        return commit

    def _append(self, frames: Frames, lock: HeldLock | None, whole: bool) -> str:
        from bt_lake.warehouse.commit import append

        if "study" not in frames.runs.column_names:
            return append(self.layout, frames, lock)
        from bt_lake.warehouse.budgets import within_budget

        return within_budget(self, frames, lock, whole=whole)

    def append_new(
        self,
        frames: Frames,
        *,
        unique: bool = False,
        whole: bool = False,
        all_unique: bool = False,
        order: Sequence[str] = (),
        of_lake: bool = False,
    ) -> Appended:
        """Commit those runs that the lake does not hold yet; if `whole`, all or none of them.

        `all_unique` commits none where one is another's duplicate; of runs that repeat each other
        the first in `order` counts, a list of their ids, or in these frames. What another lake
        holds (`of_lake`) was tried already, whatever budget its study has.

        The look and the commit happen under a lock of their own: two processes may read the
        same files in different batches. The lock ends with its process.
        """
        from bt_lake.warehouse.commit import append
        from bt_lake.warehouse.compact import fold_if_due
        from bt_lake.warehouse.locks import alone

        def look_and_commit(lock: Lock) -> Appended:
            appended = self.compared(frames, unique=unique, order=order)
            new = frames
            if appended.already or appended.duplicates:
                none = whole or (all_unique and appended.duplicates)
                appended = replace(appended, added=[]) if none else appended
                new = frames.only(set(appended.added))
            if len(new.runs) and of_lake:
                append(self.layout, new, lock=lock)
            elif len(new.runs):
                self._append(new, lock, whole)
            return appended

        self.create()
        appended = alone(self.layout, "ingest", look_and_commit)
        fold_if_due(self.layout, look_every=1)
        return appended

    def compared(
        self, frames: Frames, *, unique: bool = False, order: Sequence[str] = ()
    ) -> Appended:
        """What `append_new` would do with these runs, if nobody else writes meanwhile."""
        from bt_lake.warehouse.known import compared

        return compared(self, frames, unique=unique, order=order)

    def append_events(self, kind: str, run_ids: Sequence[str], value: str | None = None) -> None:
        from bt_lake.warehouse.commit import append_events
        from bt_lake.warehouse.compact import fold_if_due
        from bt_lake.warehouse.events import after_events_of, events_table, mark_of, overtaken_at
        from bt_lake.warehouse.schema import EVENT_KINDS

        if kind not in EVENT_KINDS:
            raise BadInput(f"no kind of event '{kind}'; there are {', '.join(EVENT_KINDS)}")
        if kind in ("tag", "untag", "note") and not (value or "").strip():
            raise BadInput(f"{kind}: the text is empty")
        if run_ids:
            self.create()
            self._look_again()
            epoch, files = mark_of(self.layout)
            at: datetime | None = after_events_of(self, run_ids)
            while at is not None:
                append_events(self.layout, events_table(kind, run_ids, value, at))
                self._look_at_what_came_in()
                alone = mark_of(self.layout) == (epoch, files + 1)
                epoch, files = mark_of(self.layout)
                at = None if alone else overtaken_at(self, kind, run_ids, at)
            fold_if_due(self.layout)

    def known(self, run_ids: Iterable[str]) -> set[str]:
        """Those of the ids that are in the lake, deleted runs included."""
        from bt_lake.warehouse.known import known_of

        return known_of(self, run_ids)

    @cached_property
    def _database(self) -> Database:
        from bt_lake.warehouse.connecting import begin

        begin()
        from bt_lake.warehouse.database import Database

        return Database(self.layout)

    def ask(self, question: Callable[[DuckDBPyConnection], T]) -> T:
        """Answer a question on a consistent snapshot of the lake as it is now."""
        return self._database.ask(question)

    def connect(self) -> DuckDBPyConnection:
        """A DuckDB connection of the caller's own, with the lake's views on a snapshot of now."""
        from bt_lake.warehouse.database import Database

        self.fetch()
        database = Database(self.layout)
        database.complete()
        return database.connection

    def compact(self, *, grace_s: float | None = None) -> bool:
        from bt_lake.warehouse.compact import compact

        self.layout.check_writable()
        return compact(self.layout, grace_s=grace_s)

    def delta(self) -> list[DeltaState]:
        from bt_lake.warehouse.delta import publish

        return publish(self.layout)

    def live_files(self) -> dict[str, list[Path]]:
        from bt_lake.warehouse.delta import live

        self.fetch()
        self.layout.check_format()
        return {
            table: [self.path / table / path for path in sorted(found)]
            for table, found in live(self.layout).items()
        }

    def forget(self, run_ids: Iterable[str]) -> bool:
        from bt_lake.warehouse.budgets import remember_forgotten
        from bt_lake.warehouse.purge import forget

        self.layout.check_writable()
        self._look_again()
        run_ids = list(run_ids)
        remember_forgotten(self, run_ids)
        return forget(self.layout, run_ids)

    def replace(self, frames: Frames) -> bool:
        from bt_lake.warehouse.locks import alone
        from bt_lake.warehouse.purge import replace

        self.create()
        # `append_new` looks under the same lock; whoever holds it may take the other's.
        return alone(
            self.layout,
            "ingest",
            lambda lock: replace(self.layout, frames, lock.before_publishing),
        )

    def merge(self, folder: str | os.PathLike[str], *, dry_run: bool = False) -> Merged:
        from bt_lake.warehouse.merge import merge

        return merge(self, Path(folder).expanduser(), dry_run=dry_run)

    def backup(self, target: str | os.PathLike[str], **options: Any) -> Copied:
        from bt_lake.warehouse.backup import backup

        self.layout.check_in_folder("`bt-lake copy` brings it down, which is a backup")
        return backup(self.layout, target, **options)

    def recover(self, source: str | os.PathLike[str], **options: Any) -> Copied:
        from bt_lake.warehouse.recover import recover

        self.layout.check_in_folder("`bt-lake copy` takes a lake that was recovered there")
        return recover(source, self.layout, **options)

    def undo_repair(self) -> list[str]:
        from bt_lake.warehouse.repair import undo

        self.layout.check_in_folder("what a repair takes out of it stays below its _quarantine")
        self.layout.check_format()
        return undo(self.layout)

    def check(
        self,
        *,
        repair: bool = False,
        source: str | os.PathLike[str] | None = None,
        dry_run: bool = False,
        deep: bool = True,
        since: float = 0.0,
        progress: Progress | None = None,
    ) -> Findings:
        from bt_lake.warehouse.check import check, plan

        folder = None if source is None else Path(source).expanduser()
        if self.layout.origin is not None:
            from bt_lake.warehouse import farcheck

            return farcheck.check(
                self.layout,
                self.layout.origin,
                repair=repair,
                dry_run=dry_run,
                source=folder,
                deep=deep,
                since=since,
                progress=progress,
            )
        if dry_run:
            return plan(self.layout, source=folder, progress=progress)
        return check(
            self.layout, repair=repair, source=folder, deep=deep, since=since, progress=progress
        )


def copy(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    progress: CopyProgress | None = None,
) -> Copied:
    """Copy a lake to an object store, or from one to a folder."""
    from bt_lake.warehouse import lifting
    from bt_lake.warehouse.objects import Objects, url_of

    above, below = url_of(source), url_of(target)
    if (above is None) == (below is None):
        raise BadInput(
            "copy goes from a folder to an object store (s3://, gs://, az://) or back; `backup` "
            "copies a lake to another folder"
        )
    if below is not None:
        layout = Store(source, existing=True).layout
        layout.check_format()
        return lifting.up(layout, Objects(below), progress)
    assert above is not None
    return lifting.down(Objects(above), Layout(Store(target).path), progress)


def _log(text: str) -> None:
    """A lake made by mistake (its folder was moved, a mount is missing) hides the right one."""
    import logging

    logging.getLogger("bt_lake").warning(text)


def _mirror(path: str | os.PathLike[str]) -> Mirror | None:
    """What stands for a lake in an object store, if the path is an address of one."""
    if _SCHEME.match(os.fspath(path)) is None:
        return None
    from bt_lake.warehouse.objects import url_of

    url = url_of(path)
    if url is None:
        return None
    from bt_lake.warehouse.mirror import Mirror

    mirror = Mirror(url)
    with suppress(Damaged):  # who asks it is told, and `check` says more
        mirror.is_there()  # if not, it is made on the first write, as in a folder
    return mirror


def _usable(path: str) -> Path:
    """The path of a lake, unless DuckDB could not read from it."""
    scheme = _SCHEME.match(path)
    if scheme:
        raise BadInput(
            f"{path}: a lake is a folder of this machine, and {scheme[1]}: is none; give the path "
            "of a folder (`bt-lake copy` takes a lake to an object store, and down again)"
        )
    path = os.path.abspath(Path(path).expanduser())
    try:
        path.encode()
    except UnicodeEncodeError:
        raise BadInput(f"{path!a}: the path of a lake must be valid UTF-8") from None
    if os.sep == "/" and "\\" in path:
        raise BadInput(f"{path}: no backslash in the path of a lake: DuckDB splits the path there")
    return Path(path)
