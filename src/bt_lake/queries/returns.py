"""Every return of runs as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bt_lake.queries.reading import Reader
from bt_lake.queries.tracks import tracks_named
from bt_lake.warehouse.forking import refuse_frames

if TYPE_CHECKING:
    import polars as pl


def returns(reader: Reader, runs: Sequence[str]) -> pl.DataFrame:
    refuse_frames()
    import polars as pl

    return pl.concat(
        pl.DataFrame({"ts": track.returns.ts, "return": track.returns.r}).select(
            pl.lit(track.run_id).alias("run_id"),
            pl.col("ts").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "return",
        )
        for track in tracks_named(reader, runs)
    )
