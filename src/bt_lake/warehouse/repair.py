"""Mend a damaged lake: nothing that can be read is lost, and what was done can be undone."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from bt_lake.warehouse import log
from bt_lake.warehouse.errors import Conflict, Damaged, LakeError, NotFound
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.founding import create, furnish
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.maintenance import Task, maintenance_lock, run
from bt_lake.warehouse.paths import DataFile, data_file
from bt_lake.warehouse.rewrite import describe, plain_rows, was_folded
from bt_lake.warehouse.rot import Digests
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.strays import KEYS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.findings import Finding

_MANIFESTS = "_quarantine/repair-*.json"


class Repair:
    """One repair: what it moves, and what the log said before it."""

    def __init__(self, layout: Layout, source: Path | None = None) -> None:
        self.layout = layout
        self._source = source
        self._name = f"_quarantine/repair-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid7().hex[-8:]}.json"
        self._moves: list[tuple[str, str]] = []
        self._before = _newest(layout)

    def mend(self, findings: list[Finding]) -> None:
        """Mend what each finding names and write into it what was done."""
        with (
            maintenance_lock(self.layout, wait=True),
            explained(f"cannot repair {self.layout.root}"),
        ):
            for finding in findings:
                finding.repaired = self._from_backup(finding)
            findings = [f for f in findings if f.mendable and not f.repaired]
            for finding in findings:
                finding.repaired = self._mend_one(finding)
            # A file that only is not there stays the lake's: should it turn up, it is a stray.
            gone = {f.path for f in findings if f.kind in ("torn", "missing", "foreign")}
            _strike(self.layout, gone)
            given_up = {f.commit for f in findings if f.kind in ("torn", "foreign", "lost")}
            if given_up - {None}:
                run(self.layout, lambda task: _give_up_children(task, given_up))
            taken = [f for f in findings if f.kind in ("stray", "copy") and f.damage]
            if taken:
                paths = [(finding.table, f"_quarantine/{finding.path}") for finding in taken]
                run(self.layout, lambda task: _take_in(task, paths))
            doubled = [finding.path for finding in findings if finding.kind == "doubled"]
            if doubled:
                run(self.layout, lambda task: _keep_one_of_each(task, doubled))
            self._note()

    def _from_backup(self, finding: Finding) -> str:
        """Put the whole file in its place, if the backup has it and its digest proves it."""
        if self._source is None or finding.kind not in ("torn", "rotten", "missing", "lost"):
            return ""
        path, digests = finding.path, Digests(self.layout)
        for copy in (self._source / path, *sorted(self._source.glob(f"*/{path}"), reverse=True)):
            if not copy.is_file() or not digests.fits(path, data := copy.read_bytes()):
                continue
            staged = self.layout.staged(f"{uuid7().hex}.back")
            with Folders(self.layout.root) as folders:
                folders.write(staged, data)
                if folders.exists(path):
                    self.quarantine(path)
                folders.make_folder(path.rpartition("/")[0])
                folders.publish(staged, path)
                folders.remove(staged)
                folders.flush_folder(path.rpartition("/")[0])
            return f"put right from {copy}"
        return ""

    def _mend_one(self, finding: Finding) -> str:
        path = self.layout.root / finding.path
        match finding.kind:
            case "furniture":
                old = f"; the old one {self.quarantine(finding.path)}" if path.is_file() else ""
                create(self.layout)
                furnish(self.layout)
                return f"written again{old}"
            case "lost":
                return "given up"
            case "missing":
                return "struck from the log"
            case "log":
                return self._rebuild_log()
            case "staging":
                with Folders(self.layout.root) as folders:
                    if path.is_dir() and not path.is_symlink():
                        folders.remove_tree(finding.path)
                    else:
                        folders.remove(finding.path)
                return "deleted"
            case "leftover" if path.name.startswith("c-"):
                # Its writer may only sleep: without the staged file it can no longer commit.
                with Folders(self.layout.root) as folders:
                    folders.remove(f"_stage/{path.name[2:-8]}.runs")
                if any(self.layout.table("runs").glob(f"month=*/{path.name}")):
                    return "its commit has come in"
            case "doubled":
                return "one of each kept; the files as they were stay for the grace period"
            case "stray" | "copy" if finding.damage:
                return f"its rows taken in; {self.quarantine(finding.path)}"
        return self.quarantine(finding.path)

    def quarantine(self, name: str) -> str:
        target = f"_quarantine/{name}"
        with Folders(self.layout.root) as folders:
            folders.make_folder(target.rpartition("/")[0])
            if folders.exists(target):
                folders.rename(target, f"{target}.{uuid7().hex[-6:]}")
            folders.rename(name, target)
            folders.flush_folder(name.rpartition("/")[0])
            folders.flush_folder(target.rpartition("/")[0])
        self._moves.append((name, target))
        return f"moved to {target}"

    def _note(self) -> None:
        """Write down how to undo all of it so far."""
        before = None if self._before is None else self._before.to_json()
        now = log.newest(self.layout).epoch
        manifest = {"moves": self._moves, "before": before, "epoch": now}
        with Folders(self.layout.root) as folders:
            folders.make_folder("_quarantine")
            folders.remove(self._name)
            folders.write(self._name, json.dumps(manifest).encode())
            folders.flush_folder("_quarantine")

    def _rebuild_log(self) -> str:
        """A new log from the files on disk: of runs in several, the newest file's are live.

        Files that maintenance removed linger for a while: a run may be found in an older file too.
        """
        layout = self.layout
        files = [file for table in TABLES for file in _data_files(layout, table).values()]
        epoch = 1 + max([*log.epochs(layout), *(file.epoch or 0 for file in files)], default=0)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with duckdb.connect() as connection:
            adds, removed, partly = _live_by_content(layout, connection)
        for path in partly:
            self.quarantine(path)
        log.write(layout, log.State(epoch, now, log.GRACE_S, adds, removed))
        rest = [(path.partition("/")[0], f"_quarantine/{path}") for path in partly]
        if rest:
            run(layout, lambda task: _take_in(task, rest))
        also = (
            f"; of {len(partly)} files what newer ones do not hold was taken in" if partly else ""
        )
        return f"rebuilt as epoch {epoch} from {len(adds)} compacted files{also}"


def visible(layout: Layout) -> dict[str, int]:
    """Of each table the runs of which something can be read, whatever else is damaged."""
    from bt_lake.warehouse.database import Database

    counts = dict.fromkeys(TABLES, 0)
    try:
        connection = Database(layout, views=False).connection
    except LakeError:  # without a log nothing can be
        return counts
    try:
        connection.execute("create temp table readable (of_table varchar, run_id varchar)")
        for table, path in connection.execute("select table_name, path from lake_files").fetchall():
            rows = plain_rows(table, [layout.root / path], [TABLES[table]["run_id"]])
            with suppress(duckdb.Error):
                connection.execute(
                    f"insert into readable select distinct ?, run_id from {rows}", [table]
                )
        found = "select of_table, count(distinct run_id) from readable group by all"
        return counts | dict(connection.execute(found).fetchall())
    finally:
        connection.close()


def undo(layout: Layout) -> list[str]:
    """Take the last repair back; says what was done."""
    manifests = sorted(layout.root.glob(_MANIFESTS))
    if not manifests:
        raise NotFound(f"{layout.root}: there is no repair to undo.")
    name = layout.relative(manifests[-1])
    try:
        manifest: dict[str, Any] = json.loads(manifests[-1].read_bytes())
        moves = [(str(old), str(new)) for old, new in manifest["moves"]]
        before = manifest["before"] and log.parse(manifest["before"].encode(), name)
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{layout.root}/{name} cannot be read ({error}).") from None
    with maintenance_lock(layout, wait=True), explained(f"cannot undo a repair of {layout.root}"):
        now = log.newest(layout)
        if now.epoch != manifest["epoch"]:
            raise Conflict(
                f"{layout.root} was maintained since that repair. `bt-lake merge "
                f"{layout.root}/_quarantine` takes in what the lake does not have."
            )
        done = []
        with Folders(layout.root) as folders:
            for old, new in reversed(moves):
                if _may_move(old) and folders.exists(new) and not folders.exists(old):
                    folders.rename(new, old)
                    folders.flush_folder(old.rpartition("/")[0])
                    done.append(f"{old} is back")
        if before is not None:
            made: dict[str, float | None] = {add.path: None for add in now.adds}
            live = {add.path for add in before.adds}
            removed = before.removed | {path: at for path, at in made.items() if path not in live}
            log.write(layout, replace(before, epoch=now.epoch + 1, removed=removed))
        with Folders(layout.root) as folders:
            folders.rename(name, f"{name}.undone")
    return done


def _may_move(name: str) -> bool:
    """What a repair moves: a manifest may come from anybody."""
    furniture = {"lake.json", "lake.sql"} | {f"_seed/{table}.parquet" for table in TABLES}
    month, _, last = name.rpartition("/")
    in_table = data_file(f"{month}/c-{'0' * 32}.parquet") is not None and last not in (
        "",
        ".",
        "..",
    )
    return name in furniture or in_table or (month == "_log" and last not in ("", ".", ".."))


def _newest(layout: Layout) -> log.State | None:
    try:
        return log.newest(layout)
    except (Damaged, FileNotFoundError):
        return None


def _strike(layout: Layout, paths: set[str]) -> None:
    state = log.newest(layout)
    gone = {add.path for add in state.adds} & paths
    if gone:
        log.advance(layout, state, adds=[], drops=set(), strikes=gone)


def _give_up_children(task: Task, commits: Container[str | None]) -> None:
    """Take over what is left of commits that have lost something, so that it can be read.

    The log remembers what was lost: should it turn up, it is not unlinked.
    """
    task.files("runs")  # finds the halves
    for file in chain.from_iterable(task.halves.values()):
        if file.commit_id in commits:
            task.take_over(file)


def _take_in(task: Task, files: Iterable[tuple[str, str]]) -> None:
    """Write the rows of some files anew of which the lake has none: of runs first."""
    order = list(TABLES)
    for table, path in sorted(files, key=lambda file: (order.index(file[0]), file[1])):
        key = KEYS[table]
        column = TABLES[table][key]
        live = [task.layout.root / file.path for file in task.files(table)]
        live += [task.layout.root / staged for staged in task.rewriter.staged(table)]
        there = plain_rows(table, live or [task.layout.seed(table)], [column])
        task.connection.execute(
            f"create or replace temp table there as select distinct {key} from {there}"
        )
        folded = was_folded(task.connection, task.layout.root / path)
        task.rewriter.write(table, [path], without="there", key=key, folded=folded)


def _keep_one_of_each(task: Task, tables: Iterable[str]) -> None:
    """Of rows that are in twice, all the same, keep one."""
    for table in tables:
        paths = [file.path for file in task.files(table)]
        task.rewriter.write(table, paths, once=True)
        task.drops |= set(paths)


def _live_by_content(
    layout: Layout, connection: DuckDBPyConnection
) -> tuple[tuple[log.Added, ...], dict[str, float | None], list[str]]:
    adds: list[log.Added] = []
    removed: dict[str, float | None] = {}
    partly: list[str] = []
    for table in TABLES:
        key = KEYS[table]
        connection.execute("create or replace temp table seen (id varchar)")
        for path in sorted(_data_files(layout, table), key=_newest_first):
            source = plain_rows(table, [path])
            try:
                known, new = connection.execute(
                    f"select count(*) filter (id in (from seen)), count(*) filter (id not in "
                    f"(from seen)) from (select distinct {key} as id from {source})"
                ).fetchall()[0]
                connection.execute(f"insert into seen select distinct {key} from {source}")
            except duckdb.Error:
                continue  # torn: the search for torn files comes next
            relative = layout.relative(path)
            if new and (known or log.goes_with_its_commit(relative, removed)):
                partly.append(relative)
            elif known:
                removed[relative] = None
            elif path.name.startswith("m-"):
                added = describe(connection, table, path, relative)
                adds.append(replace(added, folded=was_folded(connection, path)))
    return tuple(adds), removed, partly


def _data_files(layout: Layout, table: str) -> dict[Path, DataFile]:
    paths = layout.table(table).glob("month=*/[cm]-*.parquet")
    named = {path: data_file(layout.relative(path)) for path in paths}
    return {path: file for path, file in named.items() if file is not None}


def _newest_first(path: Path) -> tuple[int, str]:
    epoch = int(path.name[2:10]) if path.name.startswith("m-") else -1
    return -epoch, path.name
