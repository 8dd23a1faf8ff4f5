"""Curves of some runs as arrays, each with what its numbers rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.metrics import clean
from bt_lake.metrics.drawdowns import Fall, deepest_falls
from bt_lake.metrics.returns import Returns, returns_of
from bt_lake.metrics.segments import Floats, Ints, Segments
from bt_lake.queries.livefiles import LiveFiles, id_list
from bt_lake.queries.points import Owners, given_capital
from bt_lake.queries.reading import Reader
from bt_lake.queries.resolving import find_all
from bt_lake.queries.wholerows import Row, whole_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Track:
    """One run's curve; `base` is the capital before the first point, NaN where none was given."""

    row: Row
    ts: Ints
    equity: Floats
    benchmark: Floats
    base: float

    @property
    def run_id(self) -> str:
        return str(self.row["run_id"])

    @property
    def periods_per_year(self) -> float:
        given = self.row["periods_per_year"]
        return float("nan") if given is None else float(given)

    @property
    def start(self) -> float:
        """What growth is counted from."""
        return self.base if np.isfinite(self.base) or not self.equity.size else self.equity[0]

    @property
    def has_benchmark(self) -> bool:
        return int(np.count_nonzero(self.benchmark > 0)) > 1

    @cached_property
    def growth(self) -> Floats:
        """The equity as a multiple of what it began with; NaN where that was nothing."""
        return self.equity / self.start if self.start > 0 else np.full(self.equity.size, np.nan)

    @cached_property
    def drawdown(self) -> Floats:
        """The fall from the highest point so far, the capital before the first included."""
        peak = np.maximum.accumulate(self.equity)
        capital = self.row["initial_capital"]
        if capital is not None:
            peak = np.maximum(peak, capital)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(peak > 0, self.equity / peak - 1.0, np.nan)

    def falls(self, n: int) -> list[Fall]:
        capital = self.row["initial_capital"]
        return deepest_falls(self.equity, np.nan if capital is None else float(capital), n)

    @cached_property
    def returns(self) -> Returns:
        """As the metrics count them: until equity is gone, none where it was ever below 0."""
        return returns_of(self.ts, self.equity, self.base)


def tracks(reader: Reader, rows: Sequence[Row]) -> list[Track]:
    """The curves of runs by their whole rows, in one reading; one without points is empty."""
    if not rows:
        return []
    return reader.ask(lambda connection: tracks_of(connection, rows))


def tracks_named(reader: Reader, runs: Sequence[str]) -> list[Track]:
    """The curves of runs by what a user calls them, each once."""

    def question(connection: DuckDBPyConnection) -> list[Track]:
        ids = list(dict.fromkeys(find_all(connection, runs)))
        return tracks_of(connection, whole_rows(connection, ids))

    return reader.ask(question)


def tracks_of(connection: DuckDBPyConnection, rows: Sequence[Row]) -> list[Track]:
    ids = [row["run_id"] for row in rows]
    ids, commits = [row["run_id"] for row in rows], {row["commit_id"] for row in rows}
    names = ("run_id", "ts", "equity", "benchmark")
    source = LiveFiles.of(connection).relation("equity", ids, commits=commits, columns=names)
    found = connection.execute(
        "select place::int as place, epoch_us(ts) as ts, equity::double as equity, "
        "coalesce(benchmark, 'nan'::double)::double as benchmark "
        f"from (from {source} where run_id in ({id_list(ids)})) join (select "
        "unnest($ids::varchar[]) as run_id, generate_subscripts($ids::varchar[], 1) - 1 as place"
        ") using (run_id)",
        {"ids": ids},
    ).fetchnumpy()
    order = np.argsort(found["place"], kind="stable")
    place = found["place"][order]
    offsets = np.searchsorted(place, np.arange(len(ids) + 1))
    ts, equity, offsets, extras = clean(
        found["ts"][order],
        np.ma.filled(found["equity"], np.nan)[order],
        offsets,
        {"benchmark": np.ma.filled(found["benchmark"], np.nan)[order]},
    )
    base = given_capital(_owners(rows), equity, Segments(offsets))
    parts = list(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True))
    return [
        Track(row, ts[a:b], equity[a:b], extras["benchmark"][a:b], float(base[n]))
        for n, (row, (a, b)) in enumerate(zip(rows, parts, strict=True))
    ]


def _owners(rows: Sequence[Row]) -> Owners:
    def numbers(name: str) -> Floats:
        return np.array([_number(row[name]) for row in rows], np.float64)

    ids = [row["run_id"] for row in rows]
    bars = np.zeros(len(rows), np.int64)
    return Owners(ids, ids, bars, numbers("initial_capital"), numbers("n_returns"))


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)
