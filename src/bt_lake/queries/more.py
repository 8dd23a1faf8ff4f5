"""Numbers on request, and what months and weekdays brought, as frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.metrics.more import DRAWS, Trades, more
from bt_lake.metrics.periods import A_DAY
from bt_lake.metrics.segments import Floats
from bt_lake.metrics.zones import local_days
from bt_lake.queries.curves import trades
from bt_lake.queries.periods import by_period
from bt_lake.queries.reading import Reader
from bt_lake.queries.relative import check_rate
from bt_lake.queries.resolving import find_all
from bt_lake.queries.tracks import Track, tracks
from bt_lake.queries.wholerows import whole_rows
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.wording.more import MORE
from bt_lake.wording.values import MONTHS

if TYPE_CHECKING:
    import polars as pl

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def more_frame(reader: Reader, runs: Sequence[str], rate: float) -> pl.DataFrame:
    """run_id, rf, and the numbers of each run, in the order given."""
    refuse_frames()
    import polars as pl

    check_rate(rate)
    found_tracks = _tracks(reader, runs)
    ids = [track.run_id for track in found_tracks]
    traded = trades(reader, ids).frame().partition_by("run_id", as_dict=True) if ids else {}
    found = [
        {
            "run_id": track.run_id,
            "rf": rate,
            **more_of(track, traded.get((track.run_id,)), rate),
        }
        for track in found_tracks
    ]
    numbers = dict.fromkeys(("rf", *MORE), pl.Float64())
    return pl.DataFrame(found, schema={"run_id": pl.String(), **numbers})


def _tracks(reader: Reader, runs: Sequence[str]) -> list[Track]:
    ids = reader.ask(lambda connection: list(dict.fromkeys(find_all(connection, runs))))
    return tracks(reader, reader.ask(lambda connection: whole_rows(connection, ids)))


def more_of(
    track: Track, traded: pl.DataFrame | None, rate: float, draws: int = DRAWS
) -> dict[str, float | None]:
    """The numbers of one run with these trades; None where undefined."""
    months = by_period(track, "month").metrics["total_return"]
    summary = {
        name: np.nan if track.row[name] is None else float(track.row[name])
        for name in ("periods_per_year", "total_return", "max_drawdown", "win_rate")
    }
    known = months[np.isfinite(months)]
    made = more(
        track.returns, track.equity, known, summary, _trades(traded), rate=rate, draws=draws
    )
    return {name: None if np.isnan(value) else value for name, value in made.items()}


def _trades(frame: pl.DataFrame | None) -> Trades:
    def floats(name: str) -> Floats:
        if frame is None:
            return np.zeros(0)
        return frame[name].cast(float).fill_null(float("nan")).to_numpy()

    pnl = floats("pnl")
    is_open = np.zeros(0, bool) if frame is None else frame["exit_at"].is_null().to_numpy()
    return Trades(
        pnl,
        floats("return"),
        floats("quantity"),
        floats("entry_price"),
        floats("exit_price"),
        is_open & np.isnan(pnl),
    )


def seasons_frame(reader: Reader, runs: Sequence[str]) -> pl.DataFrame:
    """run_id, by, season, returns, gains, mean, worst, quantiles and best."""
    refuse_frames()
    import polars as pl

    found = [
        {"run_id": track.run_id, **row}
        for track in _tracks(reader, runs)
        for row in seasons_of(track)
    ]
    numbers = dict.fromkeys(("gains", "mean", "worst", *QUANTILES, "best"), pl.Float64())
    texts = dict.fromkeys(("run_id", "by", "season"), pl.String())
    return pl.DataFrame(found, schema={**texts, "returns": pl.Int64(), **numbers})


def seasons_of(track: Track) -> list[dict[str, Any]]:
    """Monthly returns by month of the year, and returns by the weekday on which they end.

    Months and days are those of the curve's own zone; steps of more than a day have no weekday.
    """
    if not track.ts.size:
        return []
    months = by_period(track, "month")
    value = months.metrics["total_return"]
    known = np.isfinite(value)
    rows = _season("month", MONTHS, months.numbers[known] % 12, value[known])
    returns = track.returns
    if returns.ts.size and np.median(returns.ts - returns.before) <= A_DAY[1]:
        day = (local_days(returns.ts, track.row["time_zone"]) + 3) % 7  # 1970 began on a Thursday
        rows += _season("weekday", WEEKDAYS, day, returns.r)
    return rows


def _season(by: str, names: Sequence[str], place: Any, value: Floats) -> list[dict[str, Any]]:
    rows = []
    for number, name in enumerate(names):
        here = value[place == number]
        if here.size:
            cuts = np.quantile(here, list(QUANTILES.values())).tolist()
            ends = {"worst": float(here.min()), "best": float(here.max())}
            told = {"gains": float((here > 0).mean()), "mean": float(here.mean()), **ends}
            quantiles = dict(zip(QUANTILES, cuts, strict=True))
            rows.append({"by": by, "season": name, "returns": here.size, **told, **quantiles})
    return rows
