"""A metric of runs period by period: how often it is good, how bad it gets, where it is going."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.metrics.choosing import ranks
from bt_lake.metrics.segments import Floats
from bt_lake.queries.filters import Filters
from bt_lake.queries.listing import listing
from bt_lake.queries.names import meant
from bt_lake.queries.periods import by_period, period_name
from bt_lake.queries.reading import Reader
from bt_lake.queries.tracks import tracks
from bt_lake.queries.wholerows import whole_rows
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.warehouse.schema import IDENTITY, RUNS

if TYPE_CHECKING:
    import polars as pl

_NO_TIME = datetime.max
SUMMARY = ("periods", "above_0", "ahead", "worst", "trend")


def stability(
    reader: Reader, run_ids: Sequence[str], metric_name: str, period: str
) -> pl.DataFrame:
    """run_id, the summary, and a column for each period; a run without points in it has NULL."""
    refuse_frames()
    import polars as pl

    name = meant(reader, metric_name)
    if name not in RUNS or RUNS[name].group != "curve" or not RUNS[name].is_number:
        raise BadInput(f"stability: {metric_name} does not follow from a part of the curve")
    rows = reader.ask(lambda connection: whole_rows(connection, run_ids))
    found = [by_period(track, period) for track in tracks(reader, rows)]
    numbers = sorted({int(number) for each in found for number in each.numbers})
    table = np.full((len(rows), len(numbers)), np.nan)
    for row, each in enumerate(found):
        table[row, np.searchsorted(numbers, each.numbers)] = each.metrics[name]
    sign = -1.0 if RUNS[name].better == "lower" else 1.0
    columns: dict[str, Any] = {"run_id": list(run_ids), **_summary(table, sign)}
    columns |= {period_name(number, period): table[:, n] for n, number in enumerate(numbers)}
    frame = pl.DataFrame(columns, schema_overrides={"run_id": pl.String})
    return frame.with_columns(pl.selectors.float().fill_nan(None))


def stability_by_fold(
    reader: Reader, run_ids: Sequence[str] | None, metric_name: str, n: int, filters: Filters
) -> pl.DataFrame:
    """The same of a configuration fold by fold, out of sample, from what its runs have stored.

    Those of the runs named, or the n whose median is best; `run_id` is the newest run of each.
    """
    refuse_frames()
    import polars as pl

    name = meant(reader, metric_name)
    columns = list(dict.fromkeys(["run_id", "fold", "sample", "start_at", *IDENTITY, name]))
    asked = listing(reader, sort="run_id", n=None, columns=columns, filters=filters)
    rows = [
        row
        for row in reversed(asked.dicts())
        if row["fold"] is not None and row["sample"] != "in" and row[name] is not None
    ]
    held: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        held.setdefault(tuple(row[label] for label in IDENTITY), []).append(row)
    groups = [
        group
        for group in held.values()
        if run_ids is None or any(row["run_id"] in run_ids for row in group)
    ]
    if not groups:
        raise NotFound(f"stability: no run out of sample has a fold and a {name}")
    begun: dict[str, Any] = {}
    for row in (row for group in groups for row in group):
        at = row["start_at"] or _NO_TIME
        begun[row["fold"]] = min(begun.get(row["fold"], at), at)
    folds = sorted(begun, key=lambda fold: (begun[fold], fold))
    table = np.full((len(groups), len(folds)), np.nan)
    for place, group in enumerate(groups):
        for row in group:  # the newest run of a fold comes last
            table[place, folds.index(row["fold"])] = row[name]
    sign = -1.0 if name in RUNS and RUNS[name].better == "lower" else 1.0
    order = np.argsort(-sign * np.nanmedian(table, axis=1), kind="stable")
    order = order if run_ids is not None else order[:n]
    found: dict[str, Any] = {"run_id": [groups[place][-1]["run_id"] for place in order]}
    found |= _summary(table[order], sign)
    found |= {fold: table[order, place] for place, fold in enumerate(folds)}
    frame = pl.DataFrame(found, schema_overrides={"run_id": pl.String})
    return frame.with_columns(pl.selectors.float().fill_nan(None))


def _summary(table: Floats, sign: float) -> dict[str, Any]:
    """`ahead`: the share of periods in which a run was better than the median of all of these;
    `worst`: its worst value; `trend`: the rank correlation of its value with time."""
    known = np.isfinite(table)
    counts = known.sum(axis=1)
    middle = np.full(table.shape[1], np.nan)
    several = known.sum(axis=0) > 1
    middle[several] = np.nanmedian(sign * table[:, several], axis=0)
    compared = known & several
    good = np.where(known, sign * table, np.inf)
    worst = np.where(counts > 0, sign * good.min(axis=1, initial=np.inf), np.nan)
    return {
        "periods": counts,
        "above_0": _share((table > 0) & known, known),
        "ahead": _share((sign * table > middle) & compared, compared),
        "worst": worst,
        "trend": [_trend(sign * row[is_there]) for row, is_there in zip(table, known, strict=True)],
    }


def _share(which: Any, of: Any) -> Floats:
    counts = of.sum(axis=1)
    return np.where(counts > 0, which.sum(axis=1) / np.maximum(counts, 1), np.nan)


def _trend(values: Floats) -> float:
    """Spearman's: 1 where it got better each time, -1 where it got worse."""
    if values.size < 3 or np.ptp(values) == 0:
        return np.nan
    places = ranks(np.c_[np.arange(float(values.size)), values])
    return float(np.asarray(np.corrcoef(places.T))[0, 1])
