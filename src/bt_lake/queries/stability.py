"""A metric of runs period by period: how often it is good, how bad it gets, where it is going."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.metrics.choosing import ranks
from bt_lake.metrics.segments import Floats
from bt_lake.queries.names import meant
from bt_lake.queries.periods import by_period, period_name
from bt_lake.queries.reading import Reader
from bt_lake.queries.tracks import tracks
from bt_lake.queries.wholerows import whole_rows
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.warehouse.schema import RUNS

if TYPE_CHECKING:
    import polars as pl

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
