"""A lost log, written again from the files on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from bt_lake.warehouse import log
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.maintenance import run
from bt_lake.warehouse.paths import DataFile, data_file
from bt_lake.warehouse.rewrite import describe, plain_rows, was_folded
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.strays import KEYS
from bt_lake.warehouse.taking import take_in

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def rebuild_log(layout: Layout, set_aside: Callable[[str], object]) -> str:
    """A new log from the files on disk: of runs in several, the newest file's are live.

    Files that maintenance removed linger for a while: a run may be found in an older file too.
    """
    files = [file for table in TABLES for file in _data_files(layout, table).values()]
    epoch = 1 + max([*log.epochs(layout), *(file.epoch or 0 for file in files)], default=0)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with duckdb.connect() as connection:
        adds, removed, partly = _live_by_content(layout, connection)
    for path in partly:
        set_aside(path)
    log.write(layout, log.State(epoch, now, log.GRACE_S, adds, removed))
    rest = [(path.partition("/")[0], f"_quarantine/{path}") for path in partly]
    torn = set[str]()
    if rest:
        run(layout, lambda task: torn.update(take_in(task, rest)))
    also = f"; of {len(partly)} files what newer ones do not hold was taken in" if partly else ""
    left = f"; {len(torn)} of them cannot be read: {', '.join(sorted(torn))}" if torn else ""
    return f"rebuilt as epoch {epoch} from {len(adds)} compacted files{also}{left}"


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
