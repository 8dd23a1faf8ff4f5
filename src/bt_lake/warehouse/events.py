"""Events: notes, tags and deletions, appended and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.store import Store


def events_table(kind: str, run_ids: Sequence[str], value: str | None, at: datetime) -> pa.Table:
    """One event of a kind for each of the runs."""
    import pyarrow as pa

    count = len(run_ids)
    return pa.table(
        {
            "event_id": [str(uuid7()) for _ in run_ids],
            "at": pa.repeat(pa.scalar(at, pa.timestamp("us", "UTC")), count),
            "run_id": list(run_ids),
            "kind": [kind] * count,
            "value": [value] * count,
        },
        schema=arrow_schema("events"),
    )


def after_events_of(store: Store, run_ids: Sequence[str]) -> datetime:
    """Now, or just after the last event of these runs: a clock may be wrong or go back."""

    def question(connection: DuckDBPyConnection) -> int | None:
        latest: int | None = connection.execute(
            """
            select epoch_us(greatest(
              (select max("at") from lake_pending_events where run_id in (select unnest($1))),
              (select max(deleted_at) from lake_rows where run_id in (select unnest($1)))))
            """,
            [list(run_ids)],
        ).fetchall()[0][0]
        return latest

    now, latest = datetime.now(UTC), store.ask(question)
    if latest is None:
        return now
    return max(now, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=latest + 1))
