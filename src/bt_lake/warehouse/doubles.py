"""Rows that are in a lake twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bt_lake.warehouse.findings import Finding
from bt_lake.warehouse.maintenance import Task
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.rewrite import plain_rows
from bt_lake.warehouse.scan import Scan
from bt_lake.warehouse.schema import EVENT_COLUMNS, TABLES
from bt_lake.warehouse.surface import text_of


def doubled(scan: Scan, tables: Sequence[str] = ("runs", "equity", "trades")) -> Iterator[Finding]:
    """Rows that are in twice and the same: a copy of a folded commit came back and was folded."""
    for table in tables:
        if not scan.has_keys_once(table):
            yield from _alike(scan, table)


def tell_doubled(task: Task, paths: Sequence[str]) -> None:
    """The relation `revised`: tags, notes and deletion of the runs that are in twice.

    An act may have been folded into one row and not into the other, so that the acts say it, not
    the rows: the last on a tag, the last that deleted or restored.
    """
    events = [task.layout.root / file.path for file in task.files("events")]
    task.connection.execute(
        text_of("doubled.sql").format(
            rows=plain_rows("runs", [task.layout.root / path for path in paths]),
            events=plain_rows("events", events or [task.layout.seed("events")]),
        )
    )


def _alike(scan: Scan, table: str) -> Iterator[Finding]:
    keys = ", ".join(map(identifier, TABLES[table].key))
    # A commit that came in twice has all but these alike, and what was folded into one alone.
    but = f"exclude (commit_id, ingested_at, {', '.join(EVENT_COLUMNS)})" * (table == "runs")
    doubles, differ, example = scan.connection.execute(
        f"select count(*), count(*) filter (n > 1), min(run_id) from (select {keys}, "
        f"count(distinct hash(r)) as n from (select * {but} from {scan.rows(table)}) r "
        f"group by {keys} having count(*) > 1)"
    ).fetchall()[0]
    if not differ:
        yield Finding(
            "doubled",
            table,
            f"{doubles} rows are in the lake twice, the first of run {example}",
            "--repair keeps one of each",
        )
