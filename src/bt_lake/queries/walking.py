"""Walk-forward: in each fold the best in sample is what is traded out of sample."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.metrics import curve_metrics
from bt_lake.overfit.align import Curves
from bt_lake.overfit.arrays import Floats, number
from bt_lake.overfit.family import Family
from bt_lake.overfit.report import overfit as judge
from bt_lake.overfit.walking import Fixed, Pick, RandomChoice, Walk
from bt_lake.queries.families import Rows, words
from bt_lake.queries.filters import ALL, Filters
from bt_lake.queries.names import Metric, metric, require
from bt_lake.queries.points import Points, joined, pieces
from bt_lake.queries.reading import Reader
from bt_lake.queries.text import sql
from bt_lake.queries.trials import DAYS_A_YEAR, owners_of
from bt_lake.warehouse.errors import BadInput, NotFound

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DRAWS = 1000
_MOST_DRAWN = 4_000_000  # points of all random walks together
_NAMED = 3
Cell = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Run:
    run_id: str
    value: float | None
    params: Mapping[str, Any]
    start: int | None  # microseconds
    end: int | None
    periods: float


@dataclass(slots=True)
class _Fold:
    name: str
    inside: dict[Cell, _Run]
    outside: dict[Cell, _Run]

    def best(self, *, lowest: bool) -> Cell | None:
        """The configuration to trade; of equals the first."""
        known = [(cell, run.value) for cell, run in self.inside.items() if run.value is not None]
        sign = -1.0 if lowest else 1.0
        return max(known, key=lambda one: sign * one[1], default=(None, None))[0]


def walkforward(
    reader: Reader,
    strategy: str,
    *,
    metric_name: str = "sharpe_ratio",
    seed: int = 0,
    filters: Filters = ALL,
) -> Walk:
    """Walk the folds that the filters select; see `Walk`."""
    wanted = metric(metric_name)
    filters = replace(filters, strategy=strategy)

    def question(connection: DuckDBPyConnection) -> Walk:
        return _walk(connection, wanted, filters, seed)

    return reader.ask(question, user_sql=filters.user_sql)


def _walk(connection: DuckDBPyConnection, wanted: Metric, filters: Filters, seed: int) -> Walk:
    folds = _folds(connection, wanted, filters)
    picks, traded = _picks(folds, wanted)
    points, periods = _points(connection, [run for f in folds for run in f.outside.values()])
    name = wanted.name if wanted.name in _measures() else "sharpe_ratio"

    def measured(walks: Sequence[Sequence[str]]) -> dict[str, Floats]:
        return _measured(points, walks, periods)

    walk = [run.run_id for run in traded if run.run_id in points]
    whole = len(walk) == len(traded) and bool(walk)
    found = measured([walk]) if whole else {}
    return Walk(
        name=words(filters),
        metric=wanted.name,
        compared_by=name,
        lower_is_better=wanted.ascending,
        picks=tuple(picks),
        configurations=len({cell for fold in folds for cell in fold.inside}),
        traded={name: number(values[0]) for name, values in found.items()},
        curve=_stitched(points, [walk]) if whole else None,
        fixed=_fixed(folds, points, measured, name, wanted) if whole else (),
        random=_random(folds, points, measured, name, found, wanted, seed) if whole else None,
        psr=_psr(points, walk, found, periods) if whole else None,
        notes=tuple(_notes(folds, picks, whole)),
    )


def _folds(connection: DuckDBPyConnection, wanted: Metric, filters: Filters) -> list[_Fold]:
    condition = filters.condition(connection)
    rows = connection.execute(
        sql("walk", metric=wanted.sql, condition=condition.sql), dict(condition.values) or None
    ).fetchall()
    if not rows:
        require(connection, wanted)
        raise NotFound(
            filters.hint(connection)
            or f"{words(filters)}: no run says its fold and whether it is in or out of sample; "
            "`bt-lake run FUNCTION --folds 5 ...` makes such runs"
        )
    symbols = list(dict.fromkeys(row[4] for row in rows))
    if len(symbols) > 1:
        named = ", ".join(map(str, symbols[:_NAMED])) + ", ..." * (len(symbols) > _NAMED)
        raise BadInput(
            f"these runs are of {len(symbols)} symbols ({named}), and a walk is over one: "
            "choose it by --symbol"
        )
    folds: dict[str, _Fold] = {}
    for fold, side, run_id, value, *cell, params, start, end, periods in rows:
        where = folds.setdefault(fold, _Fold(fold, {}, {}))
        run = _Run(run_id, value, json.loads(params or "{}"), start, end, periods)
        (where.inside if side == "in" else where.outside)[tuple(cell)] = run
    return sorted(folds.values(), key=_when)


def _when(fold: _Fold) -> tuple[int, int, str]:
    starts = [run.start for run in fold.outside.values() if run.start is not None]
    place = int(fold.name) if fold.name.isdecimal() else 0
    return min(starts, default=0), place, fold.name


def _picks(folds: Sequence[_Fold], wanted: Metric) -> tuple[list[Pick], list[_Run]]:
    picks, traded = [], []
    last: int | None = None
    for fold in folds:
        chosen = fold.best(lowest=wanted.ascending)
        if chosen is None:
            continue
        inside, outside = fold.inside[chosen], fold.outside.get(chosen)
        picks.append(
            Pick(
                fold=fold.name,
                params=inside.params,
                in_run=inside.run_id,
                out_run=outside.run_id if outside else None,
                in_sample=float(inside.value or 0.0),
                out_of_sample=outside.value if outside else None,
                start=outside.start if outside else None,
                end=outside.end if outside else None,
            )
        )
        if outside is None:
            continue
        if last is not None and outside.start is not None and outside.start < last:
            raise BadInput(
                f"fold {fold.name} begins out of sample before the one before it ends: "
                "what overlaps cannot be traded in turn"
            )
        last = outside.end
        traded.append(outside)
    return picks, traded


def _points(
    connection: DuckDBPyConnection, runs: Sequence[_Run]
) -> tuple[dict[str, Points], float]:
    """Each run's curve, if it has one, and the usual periods of a year."""
    ids = [run.run_id for run in runs]
    rows = Rows("(from runs where run_id in (select unnest($walk_ids)))", {"walk_ids": ids})
    owners = owners_of(connection, ids, rows)
    known = [run.periods for run in runs if run.periods]
    periods = float(np.median(known)) if known else float("nan")
    parts = list(pieces(connection, owners))
    if not parts:
        return {}, periods
    whole = joined(parts)
    if periods <= DAYS_A_YEAR:
        whole = whole.last_of_each_day(owners.zones)
    found = {}
    for place, run_id in enumerate(ids):
        own = slice(*whole.offsets[place : place + 2].tolist())
        if own.stop > own.start:
            offsets = np.array([0, own.stop - own.start])
            here = slice(place, place + 1)
            found[run_id] = Points(
                whole.ts[own], whole.equity[own], offsets, whole.base[here], whole.base_at[here]
            )
    return found, periods


def _stitched(points: Mapping[str, Points], walks: Sequence[Sequence[str]]) -> Points:
    laid = joined([points[run_id] for walk in walks for run_id in walk])
    return laid.stitched([len(walk) for walk in walks])


def _measured(
    points: Mapping[str, Points], walks: Sequence[Sequence[str]], periods: float
) -> dict[str, Floats]:
    whole = _stitched(points, walks)
    found = curve_metrics(
        whole.ts,
        whole.equity,
        whole.offsets,
        whole.base,
        np.full(len(walks), periods),
        whole.base_at,
    )
    return {name: values for name, values in found.items() if values.dtype.kind == "f"} | {
        "n_returns": found["n_returns"].astype(np.float64)
    }


def _measures() -> frozenset[str]:
    none, no_time = np.zeros(0), np.zeros(0, np.int64)
    found = curve_metrics(no_time, none, np.zeros(1, np.int64), none, none)
    return frozenset(name for name, values in found.items() if values.dtype.kind == "f")


def _fixed(
    folds: Sequence[_Fold],
    points: Mapping[str, Points],
    measured: Any,
    name: str,
    wanted: Metric,
) -> tuple[Fixed, ...]:
    """The configurations that were run out of sample in every fold, the best first."""
    cells = [cell for cell in folds[0].outside if all(cell in fold.outside for fold in folds)]
    walks = [[fold.outside[cell].run_id for fold in folds] for cell in cells]
    kept = [place for place, walk in enumerate(walks) if all(each in points for each in walk)]
    if not kept:
        return ()
    values = measured([walks[place] for place in kept])
    made = [
        Fixed(folds[0].outside[cells[place]].params, number(value), number(gained))
        for place, value, gained in zip(kept, values[name], values["total_return"], strict=True)
    ]
    sign = 1.0 if wanted.ascending else -1.0
    return tuple(sorted(made, key=lambda one: (one.value is None, sign * (one.value or 0.0))))


def _random(
    folds: Sequence[_Fold],
    points: Mapping[str, Points],
    measured: Any,
    name: str,
    found: Mapping[str, Floats],
    wanted: Metric,
    seed: int,
) -> RandomChoice | None:
    """As many walks again that choose blindly in each fold."""
    choices = [[run.run_id for run in f.outside.values() if run.run_id in points] for f in folds]
    choices = [each for each in choices if each]
    if max(map(len, choices), default=0) < 2:
        return None
    size = sum(points[each[0]].ts.size for each in choices)
    draws = max(1, min(DRAWS, _MOST_DRAWN // max(size, 1)))
    rng = np.random.default_rng(seed)
    walks = [[each[rng.integers(len(each))] for each in choices] for _ in range(draws)]
    values = measured(walks)[name]
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    own = float(found[name][0])
    as_good = values <= own if wanted.ascending else values >= own
    return RandomChoice(
        draws=draws,
        seed=seed,
        median=float(np.median(values)),
        p=float((1 + np.count_nonzero(as_good)) / (1 + values.size)),
    )


def _psr(
    points: Mapping[str, Points], walk: Sequence[str], found: Mapping[str, Floats], periods: float
) -> float | None:
    """By the rules of `overfit`: the walk is one trial, since nothing of it was selected."""
    whole = _stitched(points, [walk])
    alone = Family(
        ids=[walk[0]],
        sharpe_period=found["sharpe_period"],
        n_returns=found["n_returns"],
        skew=found["skew"],
        kurtosis=found["kurtosis"],
        periods_per_year=np.array([periods]),
        failed=np.zeros(1, bool),
        deleted=np.zeros(1, bool),
        params=[None],
        curves=Curves(whole.ts, whole.equity, whole.offsets, whole.base),
    )
    best = judge(alone, bootstraps=1).best
    return best.psr if best is not None else None


def _notes(folds: Sequence[_Fold], picks: Sequence[Pick], whole: bool) -> list[str]:
    notes = []
    blind = [fold.name for fold in folds if not any(p.fold == fold.name for p in picks)]
    if blind:
        notes.append(f"nothing to choose by in fold {', '.join(blind)}")
    untraded = [pick.fold for pick in picks if pick.out_run is None]
    if untraded:
        notes.append(f"the best in sample was not run out of sample in fold {', '.join(untraded)}")
    if not whole:
        notes.append("no stitched curve: a run that was traded has no equity curve")
    return notes
