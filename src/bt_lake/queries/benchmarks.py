"""What a family is measured against: a run, a file of prices, or a rate a year."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from bt_lake.overfit.benchmark import Benchmark
from bt_lake.queries.families import Rows
from bt_lake.queries.filters import Condition
from bt_lake.queries.resolving import TAIL, find
from bt_lake.queries.trials import Trials, curves_of, owners_of
from bt_lake.warehouse.errors import Ambiguous, BadInput, NotFound

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Given: TypeAlias = str | float | os.PathLike[str]
_PRICES = ("close", "adj close", "adj_close", "price", "equity", "value", "level")


def benchmark_of(connection: DuckDBPyConnection, given: Given) -> Benchmark:
    """A number is a rate a year; what ends in .csv is a file; anything else names a run."""
    text = str(given)
    try:
        rate = float(text)
    except ValueError:
        if text.lower().endswith(".csv"):
            return _of_file(Path(text))
        return _of_run(connection, text)
    if not -1.0 < rate < 1.0:
        try:  # the end of an id may be all digits
            return _of_run(connection, text)
        except (NotFound, Ambiguous):
            said = f"benchmark: a rate a year is a fraction, as 0.03 for 3%, not {given}"
            raise BadInput(said) from None
    return Benchmark(f"{rate:.4g} a year", rate=rate)


def _of_run(connection: DuckDBPyConnection, text: str) -> Benchmark:
    run_id = find(connection, text)
    rows = Rows.of(Condition("run_id = $benchmark_id", {"benchmark_id": run_id}))
    trials = Trials.of(connection, rows)
    curves, _ = curves_of(connection, trials, owners_of(connection, trials.run_ids, rows), None)
    if curves is None or curves.ts.size < 2:
        raise BadInput(f"benchmark: the run …{run_id[-TAIL:]} has no equity curve")
    return Benchmark(f"run …{run_id[-TAIL:]}", ts=curves.ts, level=curves.equity)


def _of_file(path: Path) -> Benchmark:
    """A column of times and one of prices, named as in `_PRICES` or the only other number."""
    import polars as pl

    try:
        frame = pl.read_csv(path, try_parse_dates=True)
    except FileNotFoundError:
        raise BadInput(f"benchmark: there is no file {path}") from None
    except pl.exceptions.PolarsError as error:
        raise BadInput(f"benchmark: {path} is no CSV file: {error}") from None
    times = [name for name, kind in frame.schema.items() if kind in (pl.Date, pl.Datetime)]
    numbers = [name for name, kind in frame.schema.items() if kind.is_numeric()]
    named = [name for name in numbers if name.strip().lower() in _PRICES]
    prices = named[:1] or (numbers if len(numbers) == 1 else [])
    if len(times) != 1 or not prices:
        raise BadInput(
            f"benchmark: {path} has the columns {', '.join(frame.columns)}; it needs one of times, "
            f"as 2024-01-31, and one of prices, named {', '.join(_PRICES[:1])} or the only number"
        )
    time = pl.col(times[0]).cast(pl.Datetime("us")).cast(pl.Int64).alias("ts")
    price = pl.col(prices[0]).cast(pl.Float64).alias("level")
    found = frame.select(time, price).drop_nulls().sort("ts")
    ts, level = found["ts"].to_numpy(), found["level"].to_numpy()
    if ts.size < 2 or not (level > 0).all() or (np.diff(ts) == 0).any():
        raise BadInput(
            f"benchmark: {path} needs two rows or more, each at a time of its own, "
            f"with {prices[0]} above 0"
        )
    return Benchmark(path.name, ts=ts, level=level)
