"""Rows that are in a lake twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bt_lake.warehouse.findings import Finding
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.scan import Scan
from bt_lake.warehouse.schema import TABLES


def doubled(scan: Scan, tables: Sequence[str] = ("runs", "equity", "trades")) -> Iterator[Finding]:
    """Rows that are in twice and the same: a copy of a folded commit came back and was folded."""
    for table in tables:
        if not scan.has_keys_once(table):
            yield from _alike(scan, table)


def _alike(scan: Scan, table: str) -> Iterator[Finding]:
    keys = ", ".join(map(identifier, TABLES[table].key))
    # A commit that came in twice has all but these alike.
    but = "exclude (commit_id, ingested_at)" if table == "runs" else ""
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
