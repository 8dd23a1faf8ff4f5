"""Runs beside a benchmark: the one in their curves, another run, a file of prices, or a rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.metrics.relative import NAMES, relative
from bt_lake.metrics.segments import Floats, Ints
from bt_lake.metrics.zones import local_months
from bt_lake.overfit.benchmark import Benchmark
from bt_lake.queries.benchmarks import Given, benchmark_of
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import find_all
from bt_lake.queries.tracks import Track, tracks_of
from bt_lake.queries.wholerows import whole_rows
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.wording.values import short_id

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Beside:
    """The returns of a run and of its benchmark over the same times."""

    name: str
    ts: Ints
    r: Floats
    b: Floats
    months: Ints
    periods_per_year: float

    def numbers(self, rate: float = 0.0) -> dict[str, float | None]:
        found = relative(self.r, self.b, self.months, self.periods_per_year, rate)
        return {name: None if np.isnan(value) else value for name, value in found.items()}


def beside(track: Track, benchmark: Benchmark | None = None) -> Beside | None:
    """None where there is no benchmark, or nothing in common with it."""
    if benchmark is None:
        known = track.benchmark > 0
        if not track.has_benchmark:
            return None
        benchmark = Benchmark("benchmark", ts=track.ts[known], level=track.benchmark[known])
    returns = track.returns
    year = track.periods_per_year
    gained = benchmark.gained(returns.before, returns.ts, np.full(returns.ts.size, year))
    known = np.isfinite(gained)
    if not known.any():
        return None
    ts = returns.ts[known]
    months = local_months(ts, track.row["time_zone"])
    return Beside(benchmark.name, ts, returns.r[known], gained[known], months, year)


def relative_frame(
    reader: Reader, runs: Sequence[str], benchmark: Given | None, rate: float
) -> pl.DataFrame:
    """A row of numbers for each run, in the order given."""
    refuse_frames()
    import polars as pl

    check_rate(rate)

    def question(connection: DuckDBPyConnection) -> list[dict[str, Any]]:
        ids = list(dict.fromkeys(find_all(connection, runs)))
        against = None if benchmark is None else benchmark_of(connection, benchmark)
        rows = []
        for track in tracks_of(connection, whole_rows(connection, ids)):
            found = beside(track, against)
            if found is None:
                raise NotFound(none_beside(track, against))
            rows.append({"run_id": track.run_id, "benchmark": found.name, **found.numbers(rate)})
        return rows

    rows = reader.ask(question)
    numbers = dict.fromkeys(NAMES, pl.Float64())
    texts = {"run_id": pl.String(), "benchmark": pl.String()}
    return pl.DataFrame(rows, schema={**texts, **numbers}).cast({"returns": pl.Int64})


def check_rate(rate: float) -> None:
    if not -1.0 < rate < 1.0:
        raise BadInput(f"rf: a rate a year is a fraction, as 0.03 for 3%, not {rate}")


def none_beside(track: Track, against: Benchmark | None) -> str:
    """Why a run has no returns beside a benchmark."""
    run = f"run {short_id(track.run_id)}"
    if against is not None:
        return f"{run} has no returns at the times of {against.name}"
    if not track.ts.size:
        return f"{run} has no equity curve"
    return f"{run} has no benchmark in its curve: name one, a run, a CSV file or a rate a year"
