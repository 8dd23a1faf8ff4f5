"""Mend a damaged lake without losing anything that can still be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from bt_lake.warehouse import log
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.founding import create, furnish
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.maintenance import Task, maintenance_lock, run
from bt_lake.warehouse.paths import DataFile, data_file
from bt_lake.warehouse.rewrite import describe, plain_rows, was_folded
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.check import Finding


def mend(layout: Layout, findings: list[Finding]) -> None:
    """Mend what each finding names and write into it what was done."""
    with maintenance_lock(layout, wait=True), explained(f"cannot repair {layout.root}"):
        for finding in findings:
            finding.repaired = _mend_one(layout, finding)
        if any(finding.kind in ("torn", "foreign", "lost") for finding in findings):
            run(layout, _give_up_children)
        lost = [f for f in findings if f.kind in ("torn", "missing", "foreign") and f.damage]
        _strike_from_log(layout, {finding.path for finding in lost})


def _mend_one(layout: Layout, finding: Finding) -> str:
    path = layout.root / finding.path
    if finding.kind == "furniture":
        old = f"; the old one {_quarantine(layout, path)}" if path.is_file() else ""
        create(layout)
        furnish(layout)
        return f"written again{old}"
    if finding.kind == "lost":
        return "given up"
    if finding.kind == "missing":
        return "struck from the log"
    if finding.kind == "log":
        return _rebuild_log(layout)
    if finding.kind == "staging":
        with Folders(layout.root) as folders:
            if path.is_dir() and not path.is_symlink():
                folders.remove_tree(finding.path)
            else:
                folders.remove(finding.path)
        return "deleted"
    if finding.kind == "leftover" and path.name.startswith("c-"):
        # Its writer may only sleep: without the staged file it can no longer commit.
        commit = path.name[2:-8]
        with Folders(layout.root) as folders:
            folders.remove(f"_stage/{commit}.runs")
        if any(layout.table("runs").glob(f"month=*/{path.name}")):
            return "its commit has come in"
    if finding.kind in ("torn", "leftover") or (finding.kind == "foreign" and finding.damage):
        return _quarantine(layout, path)
    return ""


def _give_up_children(task: Task) -> None:
    """Take over what is left of commits that have lost something, so that it can be read.

    The log remembers what was lost: should it turn up, it is not unlinked.
    """
    task.files("runs")  # finds the halves
    for file in chain.from_iterable(task.halves.values()):
        task.take_over(file)


def _quarantine(layout: Layout, path: Path) -> str:
    name = layout.relative(path)
    target = f"_quarantine/{name}"
    with Folders(layout.root) as folders:
        folders.make_folder(target.rpartition("/")[0])
        while folders.exists(target):
            target = f"{target}.{uuid7().hex[-6:]}"
        folders.rename(name, target)
        folders.flush_folder(name.rpartition("/")[0])
        folders.flush_folder(target.rpartition("/")[0])
    return f"moved to {target}"


def _strike_from_log(layout: Layout, paths: set[str]) -> None:
    state = log.newest(layout)
    gone = {add.path for add in state.adds} & paths
    if gone:
        log.advance(layout, state, adds=[], drops=gone)


def _rebuild_log(layout: Layout) -> str:
    """A new log from the files on disk: of runs that lie in several, the newest file's are live.

    Files that maintenance removed linger for a while: a run may be found in an older file too.
    """
    of_files = [file.epoch or 0 for table in TABLES for file in _data_files(layout, table).values()]
    epoch = 1 + max([*log.epochs(layout), *of_files], default=0)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with duckdb.connect() as connection:
        adds, removed, partly = _live_by_content(layout, connection)
    for path in partly:
        _quarantine(layout, path)
    log.write(layout, log.State(epoch, now, log.GRACE_S, adds, removed))
    also = f"; {len(partly)} files of which newer files hold a part are in _quarantine"
    return f"rebuilt as epoch {epoch} from {len(adds)} compacted files{also if partly else ''}"


def _live_by_content(
    layout: Layout, connection: DuckDBPyConnection
) -> tuple[tuple[log.Added, ...], dict[str, float | None], list[Path]]:
    adds: list[log.Added] = []
    removed: dict[str, float | None] = {}
    partly: list[Path] = []
    for table in TABLES:
        key = "event_id" if table == "events" else "run_id"
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
                partly.append(path)
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
