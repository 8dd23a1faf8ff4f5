"""Numbers over a window that goes along the curve: return, volatility, Sharpe ratio, beta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bt_lake.metrics.segments import ROUNDING
from bt_lake.queries.reading import Reader
from bt_lake.queries.relative import beside
from bt_lake.queries.tracks import Track, tracks_named
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.forking import refuse_frames

if TYPE_CHECKING:
    import polars as pl

FEWEST = 4  # returns in a window, as for the Sharpe ratio


def rolling(reader: Reader, runs: Sequence[str], window: int | None) -> pl.DataFrame:
    refuse_frames()
    import polars as pl

    if window is not None and window < FEWEST:
        raise BadInput(f"rolling: a window of {window} returns says nothing; take {FEWEST} or more")

    frames = [rolled(track, window or half_a_year(track)) for track in tracks_named(reader, runs)]
    return pl.concat(frames)


def half_a_year(track: Track) -> int:
    """As many returns as half a year has, but no more than a third of those there are."""
    year = track.periods_per_year
    half = 126 if not np.isfinite(year) else round(year / 2)
    return max(FEWEST, min(half, track.returns.ts.size // 3))


def rolled(track: Track, window: int) -> pl.DataFrame:
    """A row for each window that is full, at its last return."""
    import polars as pl

    returns, year = track.returns, track.periods_per_year
    pair = beside(track)
    frame = pl.DataFrame({"ts": returns.ts, "r": returns.r})
    if pair is None:
        frame = frame.with_columns(b=pl.lit(None, pl.Float64))
    else:
        frame = frame.join(pl.DataFrame({"ts": pair.ts, "b": pair.b}), on="ts", how="left")
    grown = (pl.col("r") + 1).cum_prod()
    mean = pl.col("r").rolling_mean(window)
    deviation = pl.col("r").rolling_std(window)
    varied = pl.col("r").rolling_max(window) - pl.col("r").rolling_min(window) > ROUNDING
    covariance = pl.rolling_cov("r", "b", window_size=window, min_samples=window)
    variance = pl.col("b").rolling_var(window)
    return (
        frame.with_columns(
            **{"return": grown / grown.shift(window, fill_value=1.0) - 1},
            volatility=deviation * year**0.5,
            sharpe_ratio=pl.when(varied).then(mean / deviation * year**0.5),
            beta=pl.when(variance > 0).then(covariance / variance),
        )
        .slice(window - 1)
        .select(
            pl.lit(track.run_id).alias("run_id"),
            pl.col("ts").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            pl.col("return", "volatility", "sharpe_ratio", "beta").fill_nan(None),
        )
    )
