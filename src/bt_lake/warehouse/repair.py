"""Mend a damaged lake: nothing that can be read is lost, and what was done can be undone."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse import log
from bt_lake.warehouse.doubles import tell_doubled
from bt_lake.warehouse.errors import Conflict, Damaged, NotFound
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.findings import PUT_RIGHT
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.founding import create, furnish
from bt_lake.warehouse.ids import CHILDREN, uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.maintenance import Task, maintenance_lock, run
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.rebuild import rebuild_log
from bt_lake.warehouse.rot import Digests
from bt_lake.warehouse.salvage import rows_of, salvage
from bt_lake.warehouse.schema import EVENT_COLUMNS, TABLES
from bt_lake.warehouse.taking import take_in

if TYPE_CHECKING:
    import pyarrow as pa

    from bt_lake.warehouse.findings import Finding

_MANIFESTS = "_quarantine/repair-*.json"


class Repair:
    """One repair: what it moves, and what the log said before it."""

    def __init__(self, layout: Layout, source: Path | None = None) -> None:
        self.layout = layout
        self._source = source
        self._name = f"_quarantine/repair-{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid7().hex[-8:]}.json"
        self._moves: list[tuple[str, str]] = []
        self._spoilt: dict[str, str] = {}
        self._salvaged: list[tuple[str, str]] = []  # tables, and files of what could be read
        self.before = _newest(layout)

    def mend(self, findings: list[Finding]) -> None:
        """Mend what each finding names and write into it what was done."""
        with (
            maintenance_lock(self.layout, wait=True),
            explained(f"cannot repair {self.layout.root}"),
        ):
            for finding in findings:
                finding.repaired = self._from_backup(finding)
            findings = [f for f in findings if f.mendable and not f.repaired]
            self._note([(f.path, f"_quarantine/{f.path}") for f in findings])  # in case it is cut
            # Writing one piece of furniture anew writes all that are not there.
            self._spoilt = {
                finding.path: self.quarantine(finding.path)
                for finding in findings
                if finding.kind == "furniture" and (self.layout.root / finding.path).is_file()
            }
            for finding in findings:
                finding.repaired = self._mend_one(finding)
            # A file that only is not there stays the lake's: should it turn up, it is a stray.
            gone = {f.path for f in findings if f.kind in ("torn", "missing", "foreign")}
            _strike(self.layout, gone)
            given_up = {f.commit for f in findings if f.kind in ("torn", "foreign", "lost")}
            if given_up - {None}:
                run(self.layout, lambda task: _give_up_children(task, given_up))
            taken = [f for f in findings if f.kind in ("stray", "copy") and f.damage]
            paths = [(finding.table, f"_quarantine/{finding.path}") for finding in taken]
            if paths := [*paths, *self._salvaged]:
                torn = set[str]()
                run(self.layout, lambda task: torn.update(take_in(task, paths)))
                self._salvaged = []
                for finding in taken:
                    if f"_quarantine/{finding.path}" in torn:
                        finding.repaired = f"it cannot be read; moved to _quarantine/{finding.path}"
            doubled = [finding.path for finding in findings if finding.kind == "doubled"]
            if doubled:
                run(self.layout, lambda task: _keep_one_of_each(task, doubled))
            self._note(self._moves)

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
            return f"{PUT_RIGHT} {copy}"
        return ""

    def _mend_one(self, finding: Finding) -> str:
        path = self.layout.root / finding.path
        match finding.kind:
            case "furniture":
                create(self.layout)
                furnish(self.layout)
                old = self._spoilt.get(finding.path)
                return f"written again; the old one {old}" if old else "written again"
            case "lost":
                return "given up"
            case "missing":
                return "struck from the log"
            case "log":
                return rebuild_log(self.layout, self.quarantine)
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
            case "torn":
                return self._save_what_is_whole(finding)
            case "stray" | "copy" if finding.damage:
                return f"its rows taken in; {self.quarantine(finding.path)}"
        return self.quarantine(finding.path)

    def _save_what_is_whole(self, finding: Finding) -> str:
        """Set a torn file aside, and what can still be read of it down beside it."""
        found = salvage(finding.table, self.layout.root / finding.path)
        moved = self.quarantine(finding.path)
        if found is None:
            return moved
        self._keep(finding.table, finding.path, found.rows)
        for child in CHILDREN if finding.table == "runs" and finding.commit else ():
            path = f"{child}/{finding.path.partition('/')[2]}"
            if rows := rows_of(self.layout.root / path, found.rows["run_id"]):
                self._keep(child, path, rows)
        return f"{found}: these are taken in, though nothing proves them any more; {moved}"

    def _keep(self, table: str, path: str, rows: pa.Table) -> None:
        import pyarrow.parquet as pq

        name = f"_quarantine/{path}.{uuid7().hex[-6:]}.salvaged"
        with Folders(self.layout.root) as folders:
            folders.make_folder(name.rpartition("/")[0])
            pq.write_table(rows, folders.path(name))
        self._salvaged.append((table, name))

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

    def _note(self, moves: Sequence[tuple[str, str]]) -> None:
        """Write down how to undo all of it so far."""
        before = None if self.before is None else self.before.to_json()
        now = _newest(self.layout)
        manifest = {"moves": moves, "before": before, "epoch": now and now.epoch}
        with Folders(self.layout.root) as folders:
            folders.make_folder("_quarantine")
            folders.remove(self._name)
            folders.write(self._name, json.dumps(manifest).encode())
            folders.flush_folder("_quarantine")


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


def _keep_one_of_each(task: Task, tables: Iterable[str]) -> None:
    """Of rows that are in twice, all the same, keep one; of runs with what was told of each."""
    for table in tables:
        paths = [file.path for file in task.files(table)]
        revised = EVENT_COLUMNS if table == "runs" else ()
        if revised:
            tell_doubled(task, paths)
        task.rewriter.write(table, paths, once=True, revised=revised)
        task.drops |= set(paths)
