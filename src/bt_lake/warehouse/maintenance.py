"""One act of maintenance: alone on this machine, on a fresh snapshot, ending in a new epoch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse import delta, log
from bt_lake.warehouse.database import Database, explain, interruptible, vanished
from bt_lake.warehouse.digest import digest_in, digest_of_file, is_whole
from bt_lake.warehouse.errors import Conflict, Damaged, LakeError
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.locks import locked
from bt_lake.warehouse.rewrite import Rewriter
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TRIES = 20


@dataclass(frozen=True, slots=True)
class LiveFile:
    table: str
    path: str
    commit_id: str | None
    rows: int
    bytes: int
    min_run_id: str | None
    max_run_id: str | None
    folded: bool


@dataclass
class Task:
    """What one epoch is to change: filled in by the act, carried out by `carry_out`."""

    layout: Layout
    connection: DuckDBPyConnection
    state: log.State
    rewriter: Rewriter
    drops: set[str] = field(default_factory=set)
    # Files of commits of which no row will be left.
    forgets: set[str] = field(default_factory=set)
    # What is left of commits that have lost a child: maintenance leaves them as they are.
    halves: dict[str, list[LiveFile]] = field(default_factory=dict)

    @cached_property
    def live(self) -> list[LiveFile]:
        """The live files of the snapshot."""
        return self._files()

    def files(self, table: str) -> list[LiveFile]:
        return [file for file in self.live if file.table == table]

    def oldest_commits(self, most: int) -> list[list[LiveFile]]:
        """The files of some standing commits, together for each."""
        oldest = sorted({commit for _, _, commit, *_ in self._listed if commit})[:most]
        commits: dict[str, list[LiveFile]] = {commit: [] for commit in oldest}
        for file in self._files(commits):
            commits[file.commit_id or ""].append(file)
        return [files for files in commits.values() if files]

    @cached_property
    def _listed(self) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            "select table_name, path, commit_id, coalesce(rows, 0), bytes, min_run_id, "
            "max_run_id, folded from lake_files order by path"
        ).fetchall()

    def _files(
        self, of_commits: Container[str] | None = None, but: Container[str] = ()
    ) -> list[LiveFile]:
        """All live files, or those of some commits, without some paths."""
        files, halves = [], set()
        for name, path, commit, count, size, *rest in self._listed:
            if path in but or (of_commits is not None and commit not in of_commits):
                continue
            try:
                there = size or os.stat(f"{self.layout.root}{os.sep}{path}").st_size
            except FileNotFoundError:
                if name == "runs" or commit is None:
                    raise  # removed meanwhile
                halves.add(commit)
            else:
                files.append(LiveFile(name, path, commit, count, there, *rest))
        for half in halves:
            self.halves[half] = [file for file in files if file.commit_id == half]
        return [file for file in files if file.commit_id not in halves]

    def is_whole(self, path: str) -> bool:
        """Whether a live file has the bytes that were written, as far as a digest tells."""
        said = self._digests.get(path)
        if said is not None:
            return digest_of_file(self.layout.root / path) == said
        data = (self.layout.root / path).read_bytes() if "/c-" in path else b""
        said = digest_in(data)
        return said is None or is_whole(data, said)

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {add.path: add.digest for add in self.state.adds if add.digest}

    def take_over(self, file: LiveFile) -> None:
        """Keep a file's rows as they are, under a name of maintenance."""
        self.rewriter.adopt(file.table, file.path)
        self.drops.add(file.path)

    def keep_together(self) -> None:
        """A commit goes whole: what the act left of those it touched is taken over."""
        names = {os.path.basename(path) for path in self.drops}
        gone = {name[2:-8] for name in names if name.startswith("c-")}
        if gone:
            for file in self._files(gone, but=self.drops):
                self.take_over(file)

    @property
    def changes(self) -> bool:
        return bool(self.drops or self.rewriter.added)


@contextlib.contextmanager
def maintenance_lock(layout: Layout, *, wait: bool) -> Iterator[bool]:
    """Saves two processes of one machine the same work; correctness rests on the epochs."""
    with (
        locked(layout, "maintenance", wait=wait) as lock,
        explained(f"cannot maintain {layout.address}"),
    ):
        yield lock is not None


def run(layout: Layout, act: Callable[[Task], None], *, grace_s: float | None = None) -> bool:
    """Carry out one act; was there a change?"""
    with opened(layout, views=True) as database:
        return carry_out(layout, database, act, grace_s=grace_s)


@contextlib.contextmanager
def opened(layout: Layout, *, views: bool, rewrites: bool = True) -> Iterator[Database]:
    """A connection for maintenance; without the views of runs it is there sooner.

    What only adds rows (`rewrites` is not set) needs no files of those that stand.
    """
    layout.check_format()
    if layout.origin is not None:
        layout.origin.claim(layout.wait_s)
        if rewrites:
            layout.origin.fetch_commits()
    database = Database(layout, views=views)
    with Folders(layout.root) as folders:
        spill = folders.path("_stage/spill")
    database.connection.execute("set temp_directory = ?", [str(spill)])
    try:
        yield database
    finally:
        database.connection.close()


def carry_out(
    layout: Layout,
    database: Database,
    act: Callable[[Task], None],
    *,
    grace_s: float | None = None,
) -> bool:
    """Carry out an act on the snapshot, on a newer one where another was faster."""
    for _ in range(_TRIES):
        with contextlib.suppress(log.Lost), interruptible():
            changed = attempt(layout, database, act, grace_s)
            if changed:
                delta.follow(layout)
            return changed
        if layout.origin is not None:
            layout.origin.fetch_commits()
        database.take_snapshot()
    raise Conflict(
        f"{layout.address}: other processes maintained the lake {_TRIES} times meanwhile. "
        "Try again."
    )


def attempt(
    layout: Layout, database: Database, act: Callable[[Task], None], grace_s: float | None
) -> bool:
    """Carry out an act on the snapshot, or raise Lost: another was faster."""
    from bt_lake.warehouse.engine import Error

    connection = database.connection
    try:
        state = log.read(database.log_file)
    except FileNotFoundError:
        raise log.Lost from None
    for table in TABLES:
        if not layout.table(table).is_dir():
            raise Damaged(
                f"the folder {layout.table(table)} is not there. Bring it back from where it went, "
                "or run `bt-lake check --repair`."
            )
    rewriter = Rewriter(layout, connection, state.epoch + 1)
    try:
        task = Task(layout, connection, state, rewriter)
        act(task)
        task.keep_together()
        if not task.changes and grace_s is None:
            return False
        rewriter.publish()
        log.advance(
            layout,
            state,
            adds=rewriter.added,
            drops=task.drops,
            grace_s=grace_s,
            forgets=task.forgets,
        )
    except BaseException as error:
        with contextlib.suppress(LakeError, OSError):
            rewriter.discard()
        if isinstance(error, (Error, FileNotFoundError)) and vanished(error):
            if layout.origin is not None:
                layout.origin.fetch(str(error))
            raise log.Lost from None
        if isinstance(error, Error):
            raise explain(error, layout) from error
        raise
    return True
