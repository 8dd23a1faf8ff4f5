"""The deepest falls of runs as a frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bt_lake.metrics.periods import DAY
from bt_lake.queries.reading import Reader
from bt_lake.queries.tracks import Track, tracks_named
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.forking import refuse_frames

if TYPE_CHECKING:
    import polars as pl

_TIMES = ("peak_at", "trough_at", "recovered_at")


def drawdowns(reader: Reader, runs: Sequence[str], n: int) -> pl.DataFrame:
    """run_id, rank, depth, peak_at, trough_at, recovered_at, days, days_down: the deepest first."""
    refuse_frames()
    import polars as pl

    if n < 1:
        raise BadInput(f"drawdowns: n is how many of them, 1 or more, not {n}")

    rows = [row for track in tracks_named(reader, runs) for row in fall_rows(track, n)]
    time = pl.Datetime("us", "UTC")
    schema = {
        "run_id": pl.String,
        "rank": pl.Int64,
        "depth": pl.Float64,
        **dict.fromkeys(_TIMES, pl.Int64),
        "days": pl.Float64,
        "days_down": pl.Float64,
    }
    found = pl.DataFrame(rows, schema=schema, orient="row")
    return found.with_columns(pl.col(_TIMES).cast(time))


def fall_rows(track: Track, n: int) -> Iterator[tuple[Any, ...]]:
    """Times in microseconds."""
    ts = track.ts.tolist()
    for rank, fall in enumerate(track.falls(n), start=1):
        peak, back = (None if at is None else ts[at] for at in (fall.peak, fall.recovered))
        begin = ts[0] if peak is None else peak
        end = ts[-1] if back is None else back
        days, down = (end - begin) / DAY, (ts[fall.trough] - begin) / DAY
        yield track.run_id, rank, fall.depth, peak, ts[fall.trough], back, days, down
