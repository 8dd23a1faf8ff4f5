"""The trials of a family as arrays: their numbers, curves, grid of parameters, and samples."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from bt_lake.overfit.align import Curves
from bt_lake.overfit.arrays import Bools, Floats
from bt_lake.overfit.family import known_periods, mix_bar_sizes
from bt_lake.queries.filters import Condition
from bt_lake.queries.points import Owners, joined, pieces
from bt_lake.queries.text import sql
from bt_lake.queries.wholerows import flat
from bt_lake.queries.windows import Window, as_floats, measured

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_POINTS = 16_000_000  # of curves in memory at a time; a report on them takes about 2 GiB
DAY = 86_400_000_000
DAYS_A_YEAR = 366
DECAYING = ("sharpe_ratio", "cagr", "max_drawdown", "win_rate", "profit_factor")
_MOMENTS = ("sharpe_period", "n_returns", "skew", "kurtosis")
_NUMBERS = (*_MOMENTS, "sharpe_ratio", "periods_per_year", "initial_capital")
# What makes two runs the same configuration but for its parameters.
_LABELS = ("strategy", "symbol", "timeframe", "exit_rule")


@dataclass(frozen=True, slots=True)
class Trials:
    """Rows in the order of their ids; `numbers` by column of `runs`, NaN for NULL."""

    owners: Owners
    failed: Bools
    deleted: Bools
    numbers: dict[str, Floats]

    @classmethod
    def of(
        cls, connection: DuckDBPyConnection, condition: Condition, window: Window | None
    ) -> Self:
        text = sql(
            "overfit_trials",
            numbers=", ".join(f"coalesce({n}, 'nan'::double) as {n}" for n in _NUMBERS),
            condition=condition.sql,
        )
        found = connection.execute(text, dict(condition.values) or None).fetchnumpy()
        numbers = {name: found[name] for name in _NUMBERS}
        owners = Owners(
            found["run_id"].tolist(),
            found["commit_id"].tolist(),
            found["bars"],
            numbers["initial_capital"],
            numbers["n_returns"],
        )
        if window is not None:
            inside = measured(connection, owners, numbers["periods_per_year"], window)
            numbers |= {name: as_floats(values) for name, values in inside.items()}
        return cls(owners, found["failed"], found["deleted"], numbers)

    @property
    def ids(self) -> list[str]:
        return self.owners.ids

    @property
    def moments(self) -> dict[str, Floats]:
        """What a Sharpe ratio's worth depends on; without a curve, as the source reported it."""
        annual = self.numbers["sharpe_ratio"]
        year = np.sqrt(known_periods(self.numbers["periods_per_year"]))
        period = self.numbers["sharpe_period"]
        moments = {name: self.numbers[name] for name in _MOMENTS}
        return moments | {"sharpe_period": np.where(np.isnan(period), annual / year, period)}

    def metric_of(self, name: str, ids: Sequence[str]) -> Floats | None:
        """One number of some of the trials, if it is known here."""
        if name not in self.numbers:
            return None
        place = {run_id: place for place, run_id in enumerate(self.ids)}
        return self.numbers[name][[place[run_id] for run_id in ids]]


def curves_of(
    connection: DuckDBPyConnection, trials: Trials, window: Window | None
) -> tuple[Curves | None, list[str]]:
    """The trials' curves, and what had to be left out.

    Where bar sizes differ, or the points would not fit into memory, each day counts by its last
    point.
    """
    periods = trials.numbers["periods_per_year"]
    mixed = mix_bar_sizes(periods) and bool(np.nanmax(periods) > DAYS_A_YEAR)
    parts, daily = [], mixed
    for piece in pieces(connection, trials.owners):
        inside = window.of_points(piece) if window else piece
        parts.append(inside.last_of_each(DAY) if daily else inside)
        if sum(part.ts.size for part in parts) > MOST_POINTS and not daily:
            daily, parts = True, [part.last_of_each(DAY) for part in parts]
        if sum(part.ts.size for part in parts) > MOST_POINTS:
            most = f"pbo, reality check: more than {MOST_POINTS:,} points of equity"
            return None, [f"{most} are not compared; filters make the family smaller"]
    whole = joined(parts)
    notes = []
    if daily:
        why = "of different bar sizes" if mixed else f"of over {MOST_POINTS:,} points"
        notes = [f"curves {why}: a day counts by its last point"]
    return Curves(whole.ts, whole.equity, whole.offsets, whole.base), notes


def grid_of(
    connection: DuckDBPyConnection, condition: Condition, trials: Trials, winner: int
) -> list[Mapping[str, Any] | None]:
    """Each trial's parameters, nested ones by their paths; None where a label differs from the
    winner's, so that it is no neighbour."""
    labels = (*_LABELS, "fold", "sample")
    text = sql(
        "overfit_grid",
        labels=", ".join(f'"{label}"' for label in labels),
        condition=condition.sql,
        same=" and ".join(f'chosen."{n}" is not distinct from winner."{n}"' for n in labels),
    )
    values = {**condition.values, "winner": trials.ids[winner]}
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


def sampled(connection: DuckDBPyConnection, condition: Condition) -> Sampled:
    text = sql(
        "overfit_samples",
        labels=", ".join((*_LABELS, "params_hash")),
        metrics=", ".join(DECAYING),
        condition=condition.sql,
    )
    rows = connection.execute(text, dict(condition.values) or None).fetchall()
    end = 3 + len(_LABELS) + 1
    return Sampled(
        ids=[row[0] for row in rows],
        samples=[row[1] for row in rows],
        keys=[row[2:end] for row in rows],
        folds=[row[2] for row in rows],
        metrics=[row[end:] for row in rows],
    )
