"""Events: notes, tags and deletions, appended and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa


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
