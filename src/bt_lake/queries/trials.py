"""The trials of a family as arrays: their numbers, curves, grid of parameters, and samples."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bt_lake.overfit.align import Curves
from bt_lake.overfit.arrays import Bools, Floats
from bt_lake.overfit.family import Family, Gathered, known_periods, mix_bar_sizes
from bt_lake.queries.families import Rows
from bt_lake.queries.points import Owners, joined, pieces
from bt_lake.queries.standing import WHOLE
from bt_lake.queries.text import sql
from bt_lake.queries.wholerows import flat
from bt_lake.queries.windows import Window
from bt_lake.warehouse.schema import IDENTITY, LABELS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_POINTS = 16_000_000  # of curves in memory at a time; a report on them takes about 2 GiB
YEAR = 365.25 * 86_400_000_000  # in microseconds
DAYS_A_YEAR = 366
DECAYING = ("sharpe_ratio", "cagr", "max_drawdown", "win_rate", "profit_factor")
_COUNTS = ("runs", "repeats", "folds", "in_sample", "failed_alike")


@dataclass(frozen=True, slots=True)
class Trials:
    """In the order of their ids; NaN for NULL. `pieces` are the runs of each, in order of time."""

    ids: list[str]
    pieces: list[list[str]]
    failed: Bools
    deleted: Bools
    moments: dict[str, Floats]
    periods_per_year: Floats
    spans: Floats
    gathered: Gathered
    deviation: float | None

    @classmethod
    def of(cls, connection: DuckDBPyConnection, rows: Rows) -> Self:
        found = cls._found(connection, rows, WHOLE, "true")
        return cls._made(next(iter(found.values()), []))

    @classmethod
    def of_each(
        cls, connection: DuckDBPyConnection, rows: Rows, label: str, families: Iterable[int]
    ) -> dict[int, Self]:
        """Those of some families, by the hashes of what they share."""
        wanted = f"hash(f.label) in ({', '.join(map(str, families))})"
        found = cls._found(connection, rows, label, wanted)
        return {family: cls._made(told) for family, told in found.items()}

    @staticmethod
    def _found(
        connection: DuckDBPyConnection, rows: Rows, label: str, wanted: str
    ) -> dict[int, list[tuple[Any, ...]]]:
        text = rows.query(
            label,
            "select hash(f.label), f.deviation, "
            f"{', '.join(f'f.{name}' for name in _COUNTS)}, "
            "t.run_id, t.run_ids, t.failed, t.deleted, t.sharpe, t.n_returns, t.skew, t.kurtosis, "
            # no times: DuckDB 2.0 needs pytz to make them Python's
            "t.a_year, epoch_us(t.end_at) - epoch_us(t.start_at) "
            "from lake_family_rows as f left join lake_annual as t "
            f"on t.label is not distinct from f.label where {wanted} order by t.run_id",
        )
        found: dict[int, list[tuple[Any, ...]]] = {}
        for family, *told in connection.execute(text, dict(rows.values) or None).fetchall():
            found.setdefault(family, []).append(tuple(told))
        return found

    @classmethod
    def _made(cls, rows: Sequence[tuple[Any, ...]]) -> Self:
        """From rows that begin with the family's own numbers."""
        deviation, *counts = rows[0][: len(_COUNTS) + 1] if rows else (None,)
        told = [row[len(_COUNTS) + 1 :] for row in rows if row[len(_COUNTS) + 1] is not None]
        numbers = np.array([row[4:] for row in told], np.float64).reshape(-1, 6).T
        sharpe, n_returns, skew, kurtosis, a_year, span = numbers
        return cls(
            ids=[row[0] for row in told],
            pieces=[row[1] for row in told],
            failed=np.array([row[2] for row in told], bool),
            deleted=np.array([row[3] for row in told], bool),
            moments={
                "sharpe_period": sharpe,
                "n_returns": n_returns,
                "skew": skew,
                "kurtosis": kurtosis,
            },
            periods_per_year=a_year,
            spans=span / YEAR,
            gathered=Gathered(*(counts or [0] * len(_COUNTS))),
            deviation=deviation,
        )

    @property
    def run_ids(self) -> list[str]:
        return [run_id for each in self.pieces for run_id in each]


def family_of(
    connection: DuckDBPyConnection, rows: Rows, window: Window | None, name: str
) -> tuple[Family, Trials]:
    """The trials of these rows with their curves, without the parameters."""
    trials = Trials.of(connection, rows)
    owners = owners_of(connection, trials.run_ids, rows)
    return gathered(connection, trials, owners, window, name), trials


def gathered(
    connection: DuckDBPyConnection,
    trials: Trials,
    owners: Owners,
    window: Window | None,
    name: str,
) -> Family:
    """These trials with their curves, whose runs are `owners`."""
    curves, notes = curves_of(connection, trials, owners, window)
    if trials.ids and window is not None and curves is not None and not curves.ts.size:
        notes.append(f"no trial has any equity {window.text}")
    return Family(
        ids=trials.ids,
        **trials.moments,
        periods_per_year=trials.periods_per_year,
        failed=trials.failed,
        deleted=trials.deleted,
        params=[None] * len(trials.ids),
        curves=curves,
        name=name,
        notes=tuple(notes),
        gathered=trials.gathered,
        deviation=trials.deviation,
        windowed=window is not None,
        spans=trials.spans,
    )


def curves_of(
    connection: DuckDBPyConnection, trials: Trials, owners: Owners, window: Window | None
) -> tuple[Curves | None, list[str]]:
    """The trials' curves, folds stitched, and what had to be left out.

    Daily and longer curves count by their own local days. So do all where bar sizes differ, or
    where the points would not fit into memory: then the last point of each day counts.
    """
    periods = trials.periods_per_year
    mixed = mix_bar_sizes(periods) and bool(np.nanmax(periods) > DAYS_A_YEAR)
    whole_days = bool(known_periods(periods).max(initial=0.0) <= DAYS_A_YEAR)
    parts, daily, done = [], mixed or whole_days, 0
    zones: list[list[str | None]] = []
    for piece in pieces(connection, owners):
        zones.append(owners.zones[done : done + piece.base.size])
        done += piece.base.size
        inside = window.of_points(piece) if window else piece
        parts.append(inside.last_of_each_day(zones[-1]) if daily else inside)
        if sum(part.ts.size for part in parts) > MOST_POINTS and not daily:
            daily = True
            parts = [part.last_of_each_day(own) for part, own in zip(parts, zones, strict=True)]
        if sum(part.ts.size for part in parts) > MOST_POINTS:
            most = f"pbo, reality check: more than {MOST_POINTS:,} points of equity"
            return None, [f"{most} are not compared; filters make the family smaller"]
    whole = joined(parts).stitched([len(each) for each in trials.pieces])
    notes = []
    if daily and not whole_days:
        why = "of different bar sizes" if mixed else f"of over {MOST_POINTS:,} points"
        notes = [f"curves {why}: a day counts by its last point"]
    return Curves(whole.ts, whole.equity, whole.offsets, whole.base), notes


def owners_of(connection: DuckDBPyConnection, run_ids: list[str], rows: Rows) -> Owners:
    found = connection.execute(
        "select run_id, commit_id, coalesce(bars, 0)::bigint as bars, "
        "coalesce(initial_capital, 'nan'::double) as capital, "
        "coalesce(n_returns, 'nan'::double) as n_returns, time_zone "
        f"from (select run_id from {rows.sql}) join trials using (run_id)",
        dict(rows.values) or None,
    ).fetchnumpy()
    place = {run_id: place for place, run_id in enumerate(found["run_id"].tolist())}
    order = np.array([place[run_id] for run_id in run_ids], np.int64)
    zones = found["time_zone"].tolist()
    return Owners(
        run_ids,
        found["commit_id"][order].tolist(),
        found["bars"][order],
        found["capital"][order],
        found["n_returns"][order],
        [zones[at] for at in order.tolist()],
    )


def grid_of(
    connection: DuckDBPyConnection, rows: Rows, trials: Trials, winner: int
) -> list[Mapping[str, Any] | None]:
    """Each trial's parameters, nested ones by their paths; None where a label differs from the
    winner's, so that it is no neighbour."""
    labels = (*LABELS, "sample")
    text = sql(
        "overfit_grid",
        labels=", ".join(f'"{label}"' for label in labels),
        source=rows.sql,
        same=" and ".join(f'chosen."{n}" is not distinct from winner."{n}"' for n in labels),
    )
    values = {**rows.values, "winner": trials.ids[winner]}
    found = dict(connection.execute(text, values).fetchall())
    return [flat(json.loads(found[run_id])) if run_id in found else None for run_id in trials.ids]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Runs that are in or out of sample; a key names one configuration in one fold."""

    ids: list[str]
    samples: list[str]
    keys: list[Hashable]
    folds: list[str | None]
    metrics: list[tuple[float | None, ...]]

    def metric(self, name: str) -> Floats:
        at = DECAYING.index(name)
        return np.array([row[at] for row in self.metrics], np.float64)


def sampled(connection: DuckDBPyConnection, rows: Rows) -> Sampled:
    text = sql(
        "overfit_samples",
        labels=", ".join(IDENTITY),
        metrics=", ".join(DECAYING),
        source=rows.sql,
    )
    found = connection.execute(text, dict(rows.values) or None).fetchall()
    end = 3 + len(IDENTITY)
    return Sampled(
        ids=[row[0] for row in found],
        samples=[row[1] for row in found],
        keys=[row[2:end] for row in found],
        folds=[row[2] for row in found],
        metrics=[row[end:] for row in found],
    )
