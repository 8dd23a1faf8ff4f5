"""Events: notes, tags and deletions, appended and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse import clock
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.listing import commits_of
from bt_lake.warehouse.log import epochs
from bt_lake.warehouse.schema import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.store import Store


def events_table(kind: str, run_ids: Sequence[str], value: str | None, at: datetime) -> pa.Table:
    """One event of a kind for each of the runs."""
    import pyarrow as pa

    from bt_lake.warehouse.arrays import array

    count = len(run_ids)
    columns: dict[str, Sequence[Any]] = {
        "event_id": [str(uuid7()) for _ in run_ids],
        "at": [at] * count,
        "run_id": run_ids,
        "kind": [kind] * count,
        "value": [value] * count,
    }
    schema = arrow_schema("events")
    return pa.Table.from_arrays([array(columns[f.name], f.type) for f in schema], schema=schema)


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

    now, latest = clock.now(store.layout), store.ask(question)
    if latest is None:
        return now
    return max(now, datetime.fromtimestamp(0, UTC) + timedelta(microseconds=latest + 1))


def overtaken_at(store: Store, kind: str, run_ids: Sequence[str], at: datetime) -> datetime | None:
    """A time after other acts on these runs that came in between the look and the append.

    The last one that was acknowledged counts: without this one of them might be in the rows
    already, and win or lose by whether it is.
    """
    subjects = (("tag", "untag"), ("delete", "restore"))
    kinds = next((subject for subject in subjects if kind in subject), ())

    def question(connection: DuckDBPyConnection) -> int | None:
        latest: int | None = connection.execute(
            'select epoch_us(max("at")) from events where run_id in (select unnest($1)) '
            'and kind in (select unnest($2)) and "at" > $3::timestamptz',
            [list(run_ids), list(kinds), at],
        ).fetchall()[0][0]
        return latest

    latest = store.ask(question)
    if latest is None:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=latest + 1)


def mark_of(layout: Layout) -> tuple[int, int]:
    """What is another number where acts came in: of the newest epoch, and of events' files."""
    return epochs(layout)[-1], len(commits_of(layout, "events"))
