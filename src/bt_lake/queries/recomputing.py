"""Compute the lake's own metrics of runs again, by the definitions of this version.

What the source reported stays as it is. Every epoch takes on some runs and marks them with the
version, so that whoever is stopped goes on where the last one ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics import NONE, told_by_trades, undefined
from bt_lake.metrics.periods import trades_at_weekends
from bt_lake.metrics.relative import STORED
from bt_lake.metrics.segments import Bools, Floats, Ints, Segments
from bt_lake.queries.livefiles import LiveFiles, id_list
from bt_lake.queries.points import Owners, Points, pieces
from bt_lake.queries.windows import metrics_of
from bt_lake.warehouse.compact import compact
from bt_lake.warehouse.definitions import DIFFERENT, differs_sql
from bt_lake.warehouse.maintenance import Task, carry_out, maintenance_lock, opened
from bt_lake.warehouse.params import hash_of_json
from bt_lake.warehouse.quoting import literal
from bt_lake.warehouse.rewrite import plain_rows
from bt_lake.warehouse.schema import DEFINITIONS, METRIC_GROUPS, RUNS, schema_of

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.layout import Layout
    from bt_lake.warehouse.maintenance import LiveFile

Columns = dict[str, NDArray[Any]]
# Of one epoch: enough that a lake of many takes few, few enough to lose little work.
RUNS_AT_ONCE = 10_000
TRADED_RUNS_AT_ONCE = 5_000
_PERIOD = ("start_at", "end_at", "bars", "periods_per_year")
_COMPUTED = tuple(
    column.name
    for column in RUNS.columns
    if (column.group in METRIC_GROUPS and column.name != "currency") or column.name in _PERIOD
)
_REVISED = (*_COMPUTED, "params_hash", "definitions")
_TOLD_BY = ("params", "params_hash", "definitions")


def recompute(layout: Layout, *, progress: Callable[[int], None] | None = None) -> int:
    """How many runs were brought to this version's definitions; 0 where all are there already."""
    layout.check_format()
    compact(layout)
    done = 0
    right: set[str] = set()
    with maintenance_lock(layout, wait=True), opened(layout, views=True) as database:
        while True:
            act = _Act(right)
            carry_out(layout, database, act)
            if not act.count:
                return done
            done += act.count
            if progress:
                progress(done)
            database.take_snapshot()


def outdated(connection: DuckDBPyConnection) -> int:
    """How many runs have metrics that an older version computed."""
    otherwise = (f"({is_} and {name} is not null)" for name, is_ in differs_sql().items())
    found = connection.execute(
        f"select count(*) from lake_rows where definitions is distinct from {literal(DEFINITIONS)} "
        f"and (metrics_from = 'curve' or {' or '.join(otherwise)})"
    ).fetchall()
    return int(found[0][0])


@dataclass(slots=True)
class _Act:
    """Revises the runs of some files; may be carried out again where another was faster."""

    _right: set[str]  # files that were looked at and need nothing
    count: int = 0

    def __call__(self, task: Task) -> None:
        self.count = 0
        files = self._chosen(task)
        if not files:
            return
        paths = [file.path for file in files]
        runs = _read(task, paths)
        self.count = len(runs["run_id"])
        task.connection.register("revised", _revised(task.connection, runs))
        task.rewriter.write("runs", paths, revised=_REVISED)
        task.drops |= set(paths)

    def _chosen(self, task: Task) -> list[LiveFile]:
        """Files with runs of older definitions, the oldest first."""
        chosen: list[LiveFile] = []
        count = 0
        for file in task.files("runs"):
            if count >= RUNS_AT_ONCE:
                break
            older = 0 if file.path in self._right else _older(task, file.path)
            if older:
                chosen.append(file)
                count += older
            else:
                self._right.add(file.path)
        return chosen


def _older(task: Task, path: str) -> int:
    """The runs of older definitions, and those whose params_hash is not that of their params."""
    rows = plain_rows("runs", [task.layout.root / path], [RUNS[name] for name in _TOLD_BY])
    found = task.connection.execute(
        "select params, params_hash, definitions is distinct from ? as older, count(*) "
        f"from {rows} group by all",
        [DEFINITIONS],
    ).fetchall()
    return sum(row[3] for row in found if row[2] or hash_of_json(row[0]) != row[1])


def _read(task: Task, paths: list[str]) -> dict[str, Any]:
    """The stored values of the older runs, by column: numbers and times in numpy."""
    names = (
        "run_id",
        "commit_id",
        "metrics_from",
        "engine",
        "reported",
        "params",
        "time_zone",
        *_COMPUTED,
    )
    rows = plain_rows(
        "runs",
        [task.layout.root / path for path in paths],
        [RUNS[name] for name in (*names, "params_hash", "definitions")],
    )
    wrong = [
        run_id
        for run_id, params, given in task.connection.execute(
            f"select run_id, params, params_hash from {rows} "
            f"where definitions = {literal(DEFINITIONS)}"
        ).fetchall()
        if hash_of_json(params) != given
    ]
    table = task.connection.sql(
        f"select {', '.join(names)} from {rows} "
        f"where definitions is distinct from {literal(DEFINITIONS)} "
        f"or run_id in ({id_list(wrong)}) order by run_id limit {RUNS_AT_ONCE}"
    ).to_arrow_table()
    return {name: _plain(table[name], name) for name in names}


def _plain(column: pa.ChunkedArray, name: str) -> Any:
    kind = RUNS[name].kind
    if kind == "double":
        return column.to_numpy().astype(np.float64)
    if kind in ("int64", "timestamp"):
        import pyarrow as pa

        return column.cast(pa.int64()).fill_null(NONE).to_numpy()
    return column.to_pylist()


def _revised(connection: DuckDBPyConnection, runs: dict[str, Any]) -> pa.Table:
    import pyarrow as pa

    values: Columns = {name: runs[name].copy() for name in _COMPUTED}
    _by_curves(connection, runs, values)
    _by_trades(connection, runs, values)
    _without_other_definitions(runs, values)
    count = len(runs["run_id"])
    columns: dict[str, Any] = {
        "run_id": pa.array(runs["run_id"], pa.string()),
        "params_hash": pa.array(map(hash_of_json, runs["params"]), pa.string()),
        "definitions": pa.array([DEFINITIONS] * count, pa.string()),
    }
    schema = schema_of("runs", tuple(n for n in RUNS.names if n in {"run_id", *_REVISED}))
    for name, column in values.items():
        kind = schema.field(name).type
        given = column.view("datetime64[us]") if pa.types.is_timestamp(kind) else column
        columns[name] = pa.array(given, mask=undefined(column)).cast(kind)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _by_curves(connection: DuckDBPyConnection, runs: dict[str, Any], values: Columns) -> None:
    """Where the lake has the curve: those of deleted runs may be gone."""
    places = np.array([n for n, by in enumerate(runs["metrics_from"]) if by == "curve"], np.int64)
    owners = Owners(
        [runs["run_id"][place] for place in places],
        [runs["commit_id"][place] for place in places],
        np.maximum(runs["bars"][places], 0),
        runs["initial_capital"][places],
        np.where(runs["n_returns"][places] == NONE, np.nan, runs["n_returns"][places]),
        [runs["time_zone"][place] for place in places],
    )
    start = 0
    for piece in pieces(connection, owners, levels=True) if len(places) else ():
        stop = start + piece.base.size
        here = places[start:stop]
        periods = _periods(piece, runs["periods_per_year"][here])
        computed = metrics_of(piece, periods, owners.zones[start:stop])
        has_curve = piece.runs.counts > 0
        beside = ~np.isnan(computed["benchmark_return"])
        for name, column in computed.items():
            told = beside if name in STORED else has_curve
            values[name][here] = np.where(told, column, values[name][here])
        start = stop


def _without_other_definitions(runs: dict[str, Any], values: Columns) -> None:
    """What a source means otherwise by the name of a column stays in `reported` alone."""
    for place, (by, engine) in enumerate(zip(runs["metrics_from"], runs["engine"], strict=True)):
        for name in DIFFERENT.get(engine, ()) if by == "reported" else ():
            if dict(runs["reported"][place] or ()).get(name) == values[name][place]:
                values[name][place] = np.nan


def _periods(points: Points, stored: Floats) -> Floats:
    """What the caller gave; NaN where the curve was asked, as its answer may be another now.

    That was so where Saturdays and Sundays were taken for usual days and are none.
    """
    weekdays = (points.ts // 86_400_000_000 + 3) % 7
    runs = points.runs
    both = runs.any(weekdays == 5) & runs.any(weekdays == 6)
    asked = both & ~trades_at_weekends(runs, points.ts) & (np.mod(stored, 365) == 0)
    return np.where(asked, np.nan, stored)


def _by_trades(connection: DuckDBPyConnection, runs: dict[str, Any], values: Columns) -> None:
    live = LiveFiles.of(connection)
    count = len(runs["run_id"])
    for start, stop in pairwise([*range(0, count, TRADED_RUNS_AT_ONCE), count]):
        ids = runs["run_id"][start:stop]
        names = ("run_id", "trade_no", "pnl", "return", "entry_at", "exit_at")
        source = live.relation(
            "trades", ids, commits=set(runs["commit_id"][start:stop]), columns=names
        )
        found = connection.sql(
            'select run_id, pnl, "return", epoch_us(entry_at) as entry_at, '
            f"epoch_us(exit_at) as exit_at from {source} "
            f"where run_id in ({id_list(ids)}) order by run_id, trade_no"
        ).to_arrow_table()
        if len(found):
            _revise_by_trades(found, runs, values, slice(start, stop))


def _revise_by_trades(trades: pa.Table, runs: dict[str, Any], values: Columns, here: slice) -> None:
    owners = np.array(trades["run_id"].to_pylist(), object)
    ids = np.array(runs["run_id"][here], object)
    offsets: Ints = np.append(np.searchsorted(owners, ids), len(owners))
    given: Bools = Segments(offsets).counts > 0
    pnl, ret = (trades[name].to_numpy().astype(np.float64) for name in ("pnl", "return"))
    entry_at, exit_at = (
        trades[name].fill_null(NONE).to_numpy() for name in ("entry_at", "exit_at")
    )
    told = told_by_trades(
        offsets,
        given,
        pnl,
        ret,
        entry_at,
        exit_at,
        values["start_at"][here],
        values["end_at"][here],
    )
    reported = runs["reported"][here]
    for name, column in told.columns.items():
        stored = values[name][here]
        claimed = np.array([dict(each or ()).get(name, np.nan) for each in reported], np.float64)
        # What is neither told by the trades nor claimed by the source was computed otherwise.
        nothing = NONE if column.dtype.kind == "i" else np.nan
        kept = np.where(given & told.untold & (stored != claimed), nothing, stored)
        values[name][here] = np.where(told.where[name], column, kept)
