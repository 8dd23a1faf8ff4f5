"""Runs -> the frames of a commit, with their metrics, thousands at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest import jsontext
from bt_lake.ingest.claims import METRICS
from bt_lake.ingest.engines import SAMPLED
from bt_lake.ingest.gathering import Gathered, gather
from bt_lake.ingest.run import Run
from bt_lake.ingest.times import Micros
from bt_lake.ingest.trades import SIDE_NAMES, Trades
from bt_lake.metrics import (
    NONE,
    curve_metrics,
    marked_to_market,
    timeframe_of,
    told_by_trades,
    undefined,
)
from bt_lake.metrics.beside import Levels, benchmark_metrics
from bt_lake.warehouse.arrays import array, of_numpy
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.ids import new_run_id
from bt_lake.warehouse.schema import DEFINITIONS, EQUITY, RUNS, TRADES, Table, schema_of
from bt_lake.warehouse.warning import warn

if TYPE_CHECKING:
    import pyarrow as pa

Columns = dict[str, NDArray[Any]]
_BY_TRADES = {c.name for c in RUNS.columns if c.group == "trade"}


def assemble(runs: Sequence[Run], *, run_ids: Sequence[str] | None = None) -> Frames:
    """Parse, validate, compute; the ids are those given, else the runs' own, else new ones."""
    batch = gather(runs)
    return frames_of(batch, run_ids or ids_for(batch))


def ids_for(batch: Gathered) -> list[str]:
    """The runs' own ids, new ones where they have none."""
    return [run_id or new_run_id() for run_id in batch.labels.text("run_id")]


def frames_of(
    batch: Gathered,
    run_ids: Sequence[str],
    *,
    made_at: Micros | None = None,
    in_order: bool = False,
) -> Frames:
    """The tables of a batch; `made_at` is for runs that do not say when they were made.

    `in_order` sorts them by run_id; ids made from content come in any order.
    """
    if len(set(run_ids)) < len(run_ids):
        twice = next(run_id for run_id in run_ids if run_ids.count(run_id) > 1)
        raise BadInput(f"run_id '{twice}' is there twice; every run needs an id of its own")
    curves, trades = batch.curves, batch.trades
    metrics = _metrics(batch)
    _warn_of_percent(batch, metrics)
    columns = {
        **batch.labels.texts,
        **batch.labels.times,
        **metrics,
        "run_id": run_ids,
        "created_at": created_at(batch, made_at),
        "timeframe": _timeframes(batch),
        "tags": batch.labels.tags,
        "reported": batch.claims.reported,
        "extra": batch.claims.extra,
        "metrics_from": _metrics_from(batch),
        "definitions": [DEFINITIONS] * len(run_ids),
    }
    points = {"ts": curves.ts, "equity": curves.equity, **curves.extras}
    runs = _table(RUNS, columns)
    order = np.argsort(np.array(run_ids)) if in_order else np.arange(len(run_ids))
    ids = runs["run_id"].combine_chunks()
    return Frames(
        runs=_taken(runs, order) if in_order else runs,
        equity=_children(EQUITY, points, ids, curves.offsets, order),
        trades=_children(TRADES, _trade_columns(trades), ids, trades.offsets, order),
    )


def _taken(rows: Any, places: NDArray[np.int64]) -> Any:
    """Some rows of an Arrow table or column, or of an array."""
    import pyarrow as pa

    return rows[places] if isinstance(rows, np.ndarray) else rows.take(of_numpy(places, pa.int64()))


def _metrics(batch: Gathered) -> Columns:
    """Computed where there is a curve or there are trades, else what the source claims."""
    curves, claims, times = batch.curves, batch.claims.columns, batch.labels.times
    nothing = np.full(len(batch), np.nan)
    columns: Columns = {**claims}
    if curves.given.any():
        computed = curve_metrics(
            curves.ts,
            curves.equity,
            curves.offsets,
            claims.get("initial_capital", nothing),
            claims.get("periods_per_year", nothing),
        )
        _take(columns, computed, curves.given, {**claims, **times})
        if "benchmark" in curves.extras:
            _beside_benchmark(columns, batch)
    if batch.trades.given.any():
        told = told_by_trades(
            batch.trades.offsets,
            batch.trades.given,
            batch.trades.numbers("pnl"),
            batch.trades.numbers("return"),
            batch.trades.times("entry_at"),
            batch.trades.times("exit_at"),
            columns.get("start_at", times.get("start_at", np.full(len(batch), NONE))),
            columns.get("end_at", times.get("end_at", np.full(len(batch), NONE))),
        )
        if told.untold.any():
            warn(
                "trades without `pnl` are counted, but what follows from profits is NULL: amounts "
                "such as profit_factor and expectancy, and without `return` win_rate, too"
            )
        for name, values in told.columns.items():
            # A source may know what its trades do not tell.
            _take(columns, {name: values}, told.where[name], claims)
    return columns


def _beside_benchmark(columns: Columns, batch: Gathered) -> None:
    curves, nothing = batch.curves, np.full(len(batch), np.nan)
    found = benchmark_metrics(
        curves.ts,
        curves.equity,
        curves.offsets,
        batch.claims.columns.get("initial_capital", nothing),
        columns["periods_per_year"],
        np.full(len(batch), NONE),
        Levels(curves.ts, curves.extras["benchmark"], curves.offsets),
        batch.labels.text("time_zone"),
    )
    beside = ~np.isnan(found["benchmark_return"])
    _take(columns, found, beside, batch.claims.columns)


def _warn_of_percent(batch: Gathered, columns: Columns) -> None:
    """More than everything is lost only where equity goes below zero; percent says so oftener."""
    claimed = batch.claims.columns.get("max_drawdown")
    if claimed is None:
        return
    below_zero = batch.curves.given & (columns["max_drawdown"] < -1)
    for value in claimed[(claimed < -1) & ~below_zero][:1].tolist():
        warn(f"max_drawdown {value:g} is {value:,.0%}; write -0.2 for 20 %")


def _take(columns: Columns, computed: Columns, where: NDArray[np.bool_], claimed: Columns) -> None:
    """Add computed columns; runs outside `where` keep what they claim."""
    for name, values in computed.items():
        nothing = NONE if values.dtype.kind == "i" else np.nan
        columns[name] = np.where(where, values, claimed.get(name, nothing))


def created_at(batch: Gathered, made_at: Micros | None = None) -> Micros:
    """When the runs say they were made; `made_at`, by default now, for those that do not."""
    named = batch.labels.times.get("created_at", np.full(len(batch), NONE))
    if made_at is None:
        made_at = np.array(np.datetime64(datetime.now(UTC).replace(tzinfo=None), "us"), "int64")
    return np.where(named == NONE, made_at, named)


def _timeframes(batch: Gathered) -> list[str | None]:
    named = batch.labels.text("timeframe")
    if all(named) or not batch.curves.given.any():
        return named
    seen = timeframe_of(batch.curves.ts, batch.curves.offsets)
    engines = batch.labels.text("engine")
    return [
        name or (None if engine in SAMPLED else step)
        for name, engine, step in zip(named, engines, seen, strict=True)
    ]


def _metrics_from(batch: Gathered) -> list[str | None]:
    return [
        "curve" if given else "reported" if claimed and not METRICS.isdisjoint(claimed) else None
        for given, claimed in zip(batch.curves.given, batch.claims.reported, strict=True)
    ]


def _trade_columns(trades: Trades) -> dict[str, Any]:
    columns = dict(trades.columns)
    marked = marked_to_market(
        trades.numbers("pnl"), trades.times("entry_at"), trades.times("exit_at")
    )
    if marked.any():
        # Here and not where trades are read: ids made from content must stay what they are.
        pnl = columns["pnl"]
        extra = columns.get("extra", [None] * len(pnl))
        columns["extra"] = jsontext.objects(
            {"extra": extra, "pnl": np.where(marked, pnl, np.nan).tolist()}
        )[0]
        columns["pnl"] = np.where(marked, np.nan, pnl)
    if "side" in columns:
        columns["side"] = _taken(_side_names(), columns["side"] + 1)
    starts = np.repeat(trades.offsets[:-1], np.diff(trades.offsets))
    columns["trade_no"] = np.arange(1, len(starts) + 1) - starts
    return columns


@cache
def _side_names() -> pa.StringArray:
    """At the place of a side, which are -1, 0 and 1, counted from 0."""
    import pyarrow as pa

    return array([SIDE_NAMES.get(side) for side in (-1, 0, 1)], pa.string())


def _children(
    table: Table,
    columns: dict[str, Any],
    run_ids: pa.StringArray,
    offsets: NDArray[np.int64],
    order: NDArray[np.int64],
) -> pa.Table | None:
    """The rows of a table that belong to runs, in the order of these, each with its run's id."""
    if not offsets[-1]:
        return None
    lengths = np.diff(offsets)[order]
    owner = np.repeat(order, lengths)
    if (order[1:] < order[:-1]).any():
        ends = np.cumsum(lengths)
        places = np.arange(offsets[-1]) + np.repeat(offsets[order] - (ends - lengths), lengths)
        columns = {name: _taken(values, places) for name, values in columns.items()}
    return _table(table, {**columns, "run_id": _taken(run_ids, owner)})


def _table(table: Table, columns: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    schema = schema_of(table.name, tuple(name for name in table.names if name in columns))
    arrays = [_array(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    """A column in the schema's type; NaN, NaT and None are NULL."""
    import pyarrow as pa

    if isinstance(values, pa.Array):
        return values if values.type == kind else values.cast(kind)
    if not isinstance(values, np.ndarray):
        return array(values, kind)
    width = np.float64 if pa.types.is_float64(kind) else np.int64
    return of_numpy(values.astype(width, copy=False), kind, undefined(values))
