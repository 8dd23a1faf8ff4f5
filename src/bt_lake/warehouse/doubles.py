"""Rows that are in a lake twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bt_lake.warehouse.findings import Finding
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.rules import SOURCES
from bt_lake.warehouse.schema import TABLES


def doubled(
    layout: Layout, tables: Sequence[str] = ("runs", "equity", "trades")
) -> Iterator[Finding]:
    """Rows that are in twice and the same: a copy of a folded commit came back and was folded."""
    from bt_lake.warehouse.database import Database

    database = Database(layout)
    database.complete()
    connection = database.connection
    try:
        for table in tables:
            keys = ", ".join(map(identifier, TABLES[table].key))
            # A commit that came in twice has all but these alike.
            but = "exclude (commit_id, ingested_at)" if table == "runs" else ""
            doubles, differ, example = connection.execute(
                f"select count(*), count(*) filter (n > 1), min(run_id) from (select {keys}, "
                f"count(distinct hash(r)) as n from (select * {but} from {SOURCES[table]}) r "
                f"group by {keys} having count(*) > 1)"
            ).fetchall()[0]
            if doubles and not differ:
                yield Finding(
                    "doubled",
                    table,
                    f"{doubles} rows are in the lake twice, the first of run {example}",
                    "--repair keeps one of each",
                )
    finally:
        connection.close()
