"""What was done in a lake: marks on runs, acts of studies, and what programs asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import positive
from bt_lake.warehouse.calls import calls

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

COLUMNS = ("at", "what", "about", "who", "value")
_EVENTS = """
  select
    epoch_us("at"),
    case when kind = 'study' then 'study ' || coalesce(value ->> 'act', '') else kind end,
    run_id,
    case
      when kind <> 'study' then value
      else coalesce(value ->> 'verdict', value ->> 'hypothesis', value ->> 'run')
    end
  from events order by "at" desc, event_id desc limit $n
"""


def history(reader: Reader, n: int = 50) -> pl.DataFrame:
    """The newest `n` things that were done, the newest first; `who` is known of programs only."""
    import polars as pl

    n = positive("n", n)

    def question(connection: DuckDBPyConnection) -> list[tuple[Any, ...]]:
        return connection.execute(_EVENTS, {"n": n}).fetchall()

    rows: list[tuple[Any, ...]] = [
        (at, what, about, None, value) for at, what, about, value in reader.ask(question)
    ]
    for call in calls(reader.layout, n):
        told = f"{call.asked}: {call.said}" if call.said else call.asked
        rows.append((int(call.at.timestamp() * 1e6), f"asked {call.what}", None, call.who, told))
    rows.sort(key=lambda row: row[0], reverse=True)
    schema = dict.fromkeys(COLUMNS, pl.String) | {"at": pl.Int64}
    frame = pl.DataFrame(rows[:n], schema=schema, orient="row")
    return frame.with_columns(pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC"))
