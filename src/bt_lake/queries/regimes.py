"""Metrics of runs by regime: calendar years, how wild the benchmark was, or spans with names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bt_lake.metrics.returns import describe
from bt_lake.metrics.segments import Bools, Floats, Ints, Segments
from bt_lake.metrics.zones import local_months
from bt_lake.overfit.benchmark import Benchmark
from bt_lake.queries.benchmarks import Given, benchmark_of
from bt_lake.queries.reading import Reader
from bt_lake.queries.relative import Beside, beside, none_beside
from bt_lake.queries.resolving import find_all
from bt_lake.queries.tracks import Track, tracks_of
from bt_lake.queries.wholerows import whole_rows
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName
from bt_lake.warehouse.forking import refuse_frames

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

Spans: TypeAlias = "str | os.PathLike[str] | pl.DataFrame"
WAYS = ("year", "volatility")
TERCILES = ("calm", "middle", "wild")
NUMBERS = (
    "total_return", "volatility", "sharpe_ratio", "sortino_ratio", "max_drawdown", "worst_period",
)  # fmt: skip
WINDOW = 21  # returns of the benchmark that its volatility is told by
_SPAN = ("from", "to", "name")


@dataclass(frozen=True, slots=True)
class Regime:
    """Which returns of a run belong to it, and what they made one after the other."""

    name: str
    r: Floats
    share: float  # of the run's returns
    metrics: dict[str, float]


def regimes_frame(
    reader: Reader, runs: Sequence[str], by: str, spans: Spans | None, benchmark: Given | None
) -> pl.DataFrame:
    """run_id, regime, returns, share, and metrics, in the order of the runs and of time."""
    refuse_frames()
    import polars as pl

    if by not in WAYS:
        raise UnknownName.near("way", by, WAYS, f" There are {', '.join(WAYS)}.")
    named = None if spans is None else spans_of(spans)

    def question(connection: DuckDBPyConnection) -> list[tuple[str, Regime]]:
        ids = list(dict.fromkeys(find_all(connection, runs)))
        against = None if benchmark is None else benchmark_of(connection, benchmark)
        found: list[tuple[str, Regime]] = []
        for track in tracks_of(connection, whole_rows(connection, ids)):
            made = regimes_of(track, by, named, against)
            found += [(track.run_id, regime) for regime in made]
        return found

    rows = [
        {
            "run_id": run_id,
            "regime": regime.name,
            "returns": regime.r.size,
            "share": regime.share,
            **regime.metrics,
        }
        for run_id, regime in reader.ask(question)
    ]
    schema = {
        **dict.fromkeys(("run_id", "regime"), pl.String()),
        "returns": pl.Int64(),
        **dict.fromkeys(("share", *NUMBERS), pl.Float64()),
    }
    return pl.DataFrame(rows, schema=schema).with_columns(pl.selectors.float().fill_nan(None))


def regimes_of(
    track: Track, by: str, spans: list[tuple[int, int, str]] | None, against: Benchmark | None
) -> list[Regime]:
    """Each return belongs where it ends; spans may overlap, and leave some returns to none."""
    returns = track.returns
    if spans is not None:
        parts = _by_span(returns.ts, spans)
    elif by == "year":
        parts = _by_year(returns.ts, track.row["time_zone"])
    else:
        found = beside(track, against)
        if found is None:
            raise NotFound(none_beside(track, against))
        parts = _by_volatility(returns.ts, found)
    year = track.periods_per_year
    return [_regime(name, returns.r, which, year) for name, which in parts]


def _regime(name: str, r: Floats, which: Bools, year: float) -> Regime:
    own = r[which]
    with np.errstate(all="ignore"):
        found = describe(Segments(np.array([0, own.size])), own, np.array([year]))
    growth = np.cumprod(np.concatenate([[1.0], 1.0 + own]))
    made = {name: float(column[0]) for name, column in found.items()}
    some = own.size > 0
    made["total_return"] = float(growth[-1] - 1.0) if some else np.nan
    fall = float((growth / np.maximum.accumulate(growth)).min() - 1.0)
    made["max_drawdown"] = fall if some else np.nan
    return Regime(name, own, own.size / max(r.size, 1), {name: made[name] for name in NUMBERS})


def _by_year(ts: Ints, zone: str | None) -> Iterator[tuple[str, Bools]]:
    years = local_months(ts, zone) // 12 + 1970
    for year in np.unique(years).tolist():
        yield str(year), years == year


def _by_volatility(ts: Ints, pair: Beside) -> Iterator[tuple[str, Bools]]:
    """Terciles of the deviation of the benchmark's last 21 returns, over the run."""
    if pair.b.size < 3 * WINDOW:
        raise BadInput(
            f"regimes by volatility need {3 * WINDOW} returns beside the benchmark, "
            f"and there are {pair.b.size}"
        )
    windows = np.lib.stride_tricks.sliding_window_view(pair.b, WINDOW)
    spread = windows.std(axis=1, ddof=1)
    cuts = np.quantile(spread, [1 / 3, 2 / 3])
    label = np.full(ts.size, -1)
    label[np.searchsorted(ts, pair.ts[WINDOW - 1 :])] = np.searchsorted(cuts, spread, side="left")
    for place, name in enumerate(TERCILES):
        yield name, label == place


def _by_span(ts: Ints, spans: list[tuple[int, int, str]]) -> Iterator[tuple[str, Bools]]:
    for name in dict.fromkeys(name for *_, name in spans):
        which = np.zeros(ts.size, bool)
        for start, stop, one in spans:
            if one == name:
                which |= (ts >= start) & (ts < stop)
        yield name, which


def spans_of(given: Spans) -> list[tuple[int, int, str]]:
    """From each `from` to before the end of each `to`, a date being its whole day (UTC)."""
    import polars as pl

    frame, told = (given, "the frame") if isinstance(given, pl.DataFrame) else _read(Path(given))
    missing = [name for name in _SPAN if name not in frame.columns]
    if missing:
        raise BadInput(
            f"regimes: {told} has no column {missing[0]}; it needs from, to and name, "
            f"and has {', '.join(frame.columns)}"
        )
    days = frame.schema["to"] == pl.Date
    for name in ("from", "to"):
        if frame.schema[name] not in (pl.Date, pl.Datetime):
            raise BadInput(f"regimes: the column {name} of {told} has no dates, as 2024-01-31")
    frame = frame.select(_SPAN).drop_nulls()
    ends = frame["to"].cast(pl.Datetime("us"))
    ends = ends + (timedelta(days=1) if days else timedelta(microseconds=1))
    starts = frame["from"].cast(pl.Datetime("us"))
    rows = list(zip(starts.to_physical(), ends.to_physical(), frame["name"].cast(str), strict=True))
    if not rows:
        raise BadInput(f"regimes: {told} has no row with from, to and name")
    for place, (start, stop, name) in enumerate(rows, start=1):
        if start >= stop:
            raise BadInput(f"regimes: row {place} of {told}, {name}, ends before it begins")
    return rows


def _read(path: Path) -> tuple[Any, str]:
    import polars as pl

    try:
        return pl.read_csv(path, try_parse_dates=True), str(path)
    except FileNotFoundError:
        raise BadInput(f"regimes: there is no file {path}") from None
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"regimes: {path} is no CSV file: {error}") from None
