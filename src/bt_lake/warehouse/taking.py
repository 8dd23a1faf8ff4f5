"""Rows of files that are no part of the lake, written into it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial

from bt_lake.warehouse.maintenance import Task
from bt_lake.warehouse.rewrite import plain_rows, was_folded
from bt_lake.warehouse.schema import TABLES, Column
from bt_lake.warehouse.strays import KEYS


def take_in(task: Task, files: Iterable[tuple[str, str]]) -> set[str]:
    """Write the rows of some files anew of which the lake has none: of runs first.

    Gives the files that cannot be read: nothing of them is taken.
    """
    order, unread = list(TABLES), set()
    is_readable = cache(partial(_is_readable, task))
    for table, path in sorted(files, key=lambda file: (order.index(file[0]), file[1])):
        if not is_readable(table, path):
            unread.add(path)
            continue
        key = KEYS[table]
        column = TABLES[table][key]
        live = [file.path for file in task.files(table)] + task.rewriter.staged(table)
        known = [each for each in live if is_readable(table, each, column)]
        places = [task.layout.root / each for each in known] or [task.layout.seed(table)]
        task.connection.execute(
            "create or replace temp table there as "
            f"select distinct {key} from {plain_rows(table, places, [column])}"
        )
        folded = was_folded(task.connection, task.layout.root / path)
        task.rewriter.write(table, [path], without="there", key=key, folded=folded)
    return unread


def _is_readable(task: Task, table: str, path: str, column: Column | None = None) -> bool:
    from duckdb import Error

    try:
        rows = plain_rows(table, [task.layout.root / path], [column] if column else None)
        task.connection.execute(f"select max(hash(r)) from {rows} r").fetchall()
    except Error:
        return False
    return True
