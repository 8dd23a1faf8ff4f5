"""Equity points of many runs as arrays, read piece by piece: deleted runs' too, while they last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bt_lake.metrics import NONE, clean
from bt_lake.metrics.beside import Levels
from bt_lake.metrics.periods import DAY
from bt_lake.metrics.segments import Floats, Ints, Segments
from bt_lake.metrics.zones import ahead_of_utc
from bt_lake.queries.livefiles import LiveFiles
from bt_lake.warehouse.connecting import load_relations

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AT_ONCE = 2_000_000  # points of a piece; about 20 arrays of that length exist at a time
_WANTED = "lake_wanted"


@dataclass(frozen=True, slots=True)
class Owners:
    """The runs whose points are wanted, in the order of their ids; NaN for NULL."""

    ids: list[str]
    commits: list[str]
    bars: Ints  # expected, for the size of a piece
    capital: Floats  # `initial_capital`, which is the first equity where none was given
    n_returns: Floats
    zones: list[str | None] = field(default_factory=list)  # the curves' own time zones, if wanted

    def __len__(self) -> int:
        return len(self.ids)

    def slice(self, start: int, stop: int) -> Owners:
        return Owners(
            self.ids[start:stop],
            self.commits[start:stop],
            self.bars[start:stop],
            self.capital[start:stop],
            self.n_returns[start:stop],
            self.zones[start:stop],
        )


@dataclass(frozen=True, slots=True)
class Points:
    """Run i has the points from offsets[i] to offsets[i + 1]; `base` is the capital before them,
    NaN where none was given, and `base_at` when that was, NONE where it is not known."""

    ts: Ints
    equity: Floats
    offsets: Ints
    base: Floats
    base_at: Ints
    levels: Levels | None = None  # of the benchmark, where wanted

    @property
    def runs(self) -> Segments:
        return Segments(self.offsets)

    def between(self, start: int, stop: int) -> Points:
        """Those from `start` to before `stop`; the last point before them is their base."""
        runs = self.runs
        earlier = runs.count(self.ts < start)
        first = runs.starts + earlier
        before = np.maximum(first - 1, 0)
        base = np.where(earlier > 0, self.equity[before], self.base)
        base_at = np.where(earlier > 0, self.ts[before], self.base_at)
        return self._only((self.ts >= start) & (self.ts < stop), base, base_at)

    def last_of_each_day(self, zones: Sequence[str | None]) -> Points:
        """The last point of each day in the curve's own zone, as of midnight UTC of that date."""
        local = self.ts.copy()
        owner = np.repeat(np.arange(self.base.size), self.runs.counts)
        for zone in set(zones) - {None}:
            there = np.array([each == zone for each in zones], bool)[owner]
            local[there] += ahead_of_utc(local[there], str(zone))
        days = local // DAY
        last = np.ones(days.size, bool)
        last[:-1] = days[1:] != days[:-1]
        last[self.offsets[1:][self.runs.counts > 0] - 1] = True
        return replace(self._only(last, self.base, self.base_at), ts=days[last] * DAY)

    def stitched(self, lengths: Sequence[int]) -> Points:
        """One curve of each `lengths` runs in turn: the next goes on where the last one ends.

        A first point without capital before it begins nothing but the next return.
        """
        if all(length == 1 for length in lengths):
            return self
        equity, kept = self.equity.copy(), np.ones(self.ts.size, bool)
        firsts = np.concatenate(([0], np.cumsum(lengths)))
        for start, stop in pairwise(firsts.tolist()):
            level = np.nan
            for run in range(start, stop):
                points = slice(*self.offsets[run : run + 2].tolist())
                if points.start == points.stop:
                    continue
                base = self.base[run]
                if np.isfinite(level):
                    if np.isnan(base):
                        base, kept[points.start] = equity[points.start], False
                    equity[points] *= level / base
                level = equity[points.stop - 1]
        offsets = self.offsets[firsts]
        counts = Segments(offsets).count(kept)
        base = np.array(
            [self.base[start] if n else np.nan for start, n in zip(firsts, lengths, strict=False)]
        )
        offsets = np.concatenate(([0], counts.cumsum()))
        return Points(self.ts[kept], equity[kept], offsets, base, np.full(base.size, NONE))

    def _only(self, which: np.ndarray, base: Floats, base_at: Ints) -> Points:
        offsets = np.concatenate(([0], self.runs.count(which).cumsum()))
        return Points(self.ts[which], self.equity[which], offsets, base, base_at, self.levels)


def pieces(
    connection: DuckDBPyConnection, owners: Owners, *, levels: bool = False
) -> Iterator[Points]:
    """The points of all the runs, of some of them at a time."""
    live = LiveFiles.of(connection)
    for start, stop in pairwise(_bounds(owners.bars)):
        yield _read(connection, live, owners.slice(start, stop), levels)


def joined(parts: list[Points]) -> Points:
    """The points of several pieces as one."""
    counts = [part.runs.counts for part in parts]
    return Points(
        np.concatenate([np.zeros(0, np.int64), *(part.ts for part in parts)]),
        np.concatenate([np.zeros(0), *(part.equity for part in parts)]),
        np.concatenate([np.zeros(1, np.int64), *counts]).cumsum(),
        np.concatenate([np.zeros(0), *(part.base for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.base_at for part in parts)]),
    )


def _bounds(bars: Ints) -> list[int]:
    """Where to cut the runs so that no piece has many more than `AT_ONCE` points."""
    piece = np.cumsum(bars) // AT_ONCE
    cuts = np.flatnonzero(np.diff(piece)) + 1
    return [0, *cuts.tolist(), bars.size] if bars.size else []


def _read(connection: DuckDBPyConnection, live: LiveFiles, owners: Owners, levels: bool) -> Points:
    names = ("run_id", "ts", "equity", *(("benchmark",) if levels else ()))
    source = live.relation("equity", owners.ids, commits=set(owners.commits), columns=names)
    places = np.arange(len(owners), dtype=np.int32)
    load_relations()
    connection.register(_WANTED, {"run_id": np.array(owners.ids, object), "place": places})
    numbers = ", ".join(f"coalesce({name}, 'nan'::double)::double as {name}" for name in names[2:])
    try:
        found = connection.execute(
            f"select place, epoch_us(ts) as ts, {numbers} "
            f"from {source} join {_WANTED} using (run_id)"
        ).fetchnumpy()
    finally:
        connection.unregister(_WANTED)
    place, ts = found.pop("place"), found.pop("ts")
    if (place[1:] < place[:-1]).any():
        order = np.argsort(place, kind="stable")
        place, ts = place[order], ts[order]
        found = {name: column[order] for name, column in found.items()}
    offsets = np.searchsorted(place, np.arange(len(owners) + 1))
    ts, equity, offsets, extras = clean(ts, found.pop("equity"), offsets, found)
    base = given_capital(owners, equity, Segments(offsets))
    beside = Levels(ts, extras["benchmark"], offsets) if levels else None
    return Points(ts, equity, offsets, base, np.full(len(owners), NONE), beside)


def given_capital(owners: Owners, equity: Floats, runs: Segments) -> Floats:
    """The capital where the caller gave it: then the first point has a return of its own.

    Returns end where equity is gone. Without any returns (a curve below 0, a capital of 0)
    there is nothing to tell by, and nothing to compute either.
    """
    size = equity.size
    gone = runs.min(np.where(equity > 0, size, np.arange(size)), size)
    every = np.minimum(gone + 1, runs.ends) - runs.starts
    first_counts = np.isnan(owners.n_returns) | (owners.n_returns >= every)
    return np.where(first_counts, owners.capital, np.nan)
