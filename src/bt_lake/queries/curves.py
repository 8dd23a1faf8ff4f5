"""Curves and trades of runs, read from the files that hold them and no others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.livefiles import LiveFiles, id_list
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import find_all
from bt_lake.queries.text import sql
from bt_lake.warehouse.held import HELD_RUNS, all_held, shown_as_held

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

_OWNER = ("run_id", "commit_id", "initial_capital", "time_zone")


def equity(reader: Reader, run_ids: Sequence[str]) -> Answer:
    """run_id, ts, equity, cash, exposure, benchmark and drawdown, by run_id and ts."""

    def plan(connection: DuckDBPyConnection) -> Query:
        owners = _Owners.of(connection, run_ids, "equity")
        points = owners.rows("equity")
        query = Query(sql("curves", points=points), owners.values, ("ts",))
        if not owners.runs:
            return query
        unordered = sql("curves_unordered", points=points, ids=id_list(owners.ids))
        return query.quicker(lambda _, fetch: owners.in_order(fetch(unordered, {})))

    return Answer(reader, plan)


def trades(reader: Reader, run_ids: Sequence[str]) -> Answer:
    """The columns of `trades`, by run_id and trade_no."""

    def plan(connection: DuckDBPyConnection) -> Query:
        owners = _Owners.of(connection, run_ids, "trades")
        text = f"from {owners.rows('trades')} order by run_id, trade_no"
        return Query(text, times=("entry_at", "exit_at"))

    return Answer(reader, plan)


def monthly(reader: Reader, run_ids: Sequence[str]) -> Answer:
    """run_id, month (its first day) and return, in the time zone of each curve."""

    def plan(connection: DuckDBPyConnection) -> Query:
        owners = _Owners.of(connection, run_ids, "equity")
        return Query(sql("monthly", points=owners.rows("equity")), owners.values, ())

    return Answer(reader, plan)


def rows_of(
    connection: DuckDBPyConnection,
    table: str,
    run_ids: Sequence[str],
    commits: Collection[str] | None = None,
) -> str:
    """The points or trades of some runs, deleted ones too, as a relation."""
    source = LiveFiles.of(connection).relation(table, run_ids, commits=commits)
    return f"(from {source} where run_id in ({id_list(run_ids)}))"


# run_id, commit_id, initial_capital, time_zone
_Owner = tuple[str, str, float | None, str | None]


def _owners(
    connection: DuckDBPyConnection, live: LiveFiles, run_ids: Sequence[str]
) -> dict[str, _Owner]:
    """Those of the runs that are there and not deleted, by their ids."""
    live_only = "deleted_at is null and "
    if shown_as_held(connection) is not None:
        source = HELD_RUNS  # a view of all columns takes 2 ms to bind, and so does a query in FROM
    elif live.pending_events or all_held(connection):
        source, live_only = "runs", ""
    else:
        source = live.relation("runs", run_ids, columns=(*_OWNER, "deleted_at"))
    rows = connection.execute(
        f"select {', '.join(_OWNER)} from {source} where {live_only}run_id in ({id_list(run_ids)})"
    ).fetchall()
    return {row[0]: row for row in rows}


@dataclass(frozen=True, slots=True)
class _Owners:
    """The runs whose points or trades are asked for, which must be there and not deleted."""

    live: LiveFiles
    runs: list[_Owner]

    @classmethod
    def of(cls, connection: DuckDBPyConnection, runs: Sequence[str], table: str) -> _Owners:
        """Of runs by their ids, or by any part of one that is unique."""
        live = LiveFiles.of(connection)
        ids = [text for text in dict.fromkeys(runs) if isinstance(text, str)]
        found = _owners(connection, live, ids)
        others = [text for text in runs if text not in found]
        if others:
            ids = find_all(connection, others)
            found |= _owners(connection, live, ids)
        return cls(live, [found[run_id] for run_id in sorted(found)])

    def rows(self, table: str) -> str:
        """The rows of a child table that belong to the runs."""
        source = self.live.relation(table, self.ids, commits={run[1] for run in self.runs})
        return f"(from {source} where run_id in ({id_list(self.ids)}))"

    @property
    def ids(self) -> list[str]:
        return [run[0] for run in self.runs]

    @property
    def values(self) -> dict[str, Any]:
        """What curves need of their runs, for the relation `owners` of the SQL files."""
        ids, _, capitals, zones = zip(*self.runs, strict=True) if self.runs else [()] * 4
        return {"ids": list(ids), "capitals": list(capitals), "zones": list(zones)}

    def in_order(self, points: pl.DataFrame) -> pl.DataFrame:
        """What `curves.sql` gives, of the rows of `curves_unordered.sql`: no window is as quick."""
        import numpy as np
        import polars as pl

        from bt_lake.metrics.segments import Segments

        place, ts = points["place"].to_numpy(), points["ts"].to_physical().to_numpy()
        order = np.argsort(place, kind="stable")
        runs = Segments(np.searchsorted(place[order], np.arange(len(self.runs) + 1)))
        back = np.flatnonzero((np.diff(ts[order]) < 0) & (np.diff(place[order]) == 0))
        for run in np.unique(place[order][back]).tolist():  # of which a part was read before
            here = slice(runs.starts[run], runs.ends[run])
            order[here] = order[here][np.argsort(ts[order[here]], kind="stable")]
        if (order[1:] < order[:-1]).any():
            points, place = points[order], place[order]
        equity = points["equity"].to_numpy()
        capital = np.array([np.nan if run[2] is None else run[2] for run in self.runs])
        peak = np.fmax(runs.running_max(equity), runs.spread(capital))
        with np.errstate(divide="ignore", invalid="ignore"):
            drawdown = np.where(peak > 0, equity / peak - 1.0, np.nan)
        ids = pl.Series(self.ids, dtype=pl.String)
        return points.select(
            ids.gather(place).alias("run_id"),
            pl.exclude("place"),
            pl.Series("drawdown", drawdown, nan_to_null=True),
        )
