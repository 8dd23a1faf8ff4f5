"""What runs of a study show of its holdout is put away before any metric is computed."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.claims import METRICS, Claims
from bt_lake.ingest.curves import Curves
from bt_lake.ingest.gathering import Gathered
from bt_lake.ingest.trades import Trades
from bt_lake.metrics import NONE
from bt_lake.warehouse.arrays import of_numpy
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.store import Store
from bt_lake.warehouse.studies import holdout_of

_MOST_BYTES = 1 << 28  # of what is put away, opened; a lake may come from anybody
# Claims that are no result: what metrics are computed with.
_GIVEN = ("initial_capital", "periods_per_year", "duration_s")


def sealed(store: Store, batch: Gathered) -> Gathered:
    """The batch as it was before the holdouts of its studies; the rest is in `sealed`."""
    studies = batch.labels.text("study")
    begins = np.full(len(batch), NONE, np.int64)
    for name in {name for name in studies if name is not None}:
        start = holdout_of(store, name)
        if start is not None:
            begins[[each == name for each in studies]] = _micros(start)
    kept = begins != NONE
    return _put_away(batch, studies, begins) if kept.any() else batch


def opened(text: str) -> dict[str, Any]:
    """What was put away of one run."""
    packed = zlib.decompressobj()
    data = packed.decompress(base64.b64decode(text), _MOST_BYTES)
    if packed.unconsumed_tail:
        raise BadInput("what was put away of this run is too large to be one curve")
    found: dict[str, Any] = json.loads(data)
    return found


def _put_away(batch: Gathered, studies: list[str | None], begins: NDArray[np.int64]) -> Gathered:
    curves, trades, claims, labels = batch.curves, batch.trades, batch.claims, batch.labels
    held = begins != NONE
    late = _late_points(curves, begins)
    points = _counts(late, curves.offsets)
    gone = _late_trades(trades, begins, studies, points > 0)
    ends = labels.times.get("end_at", np.full(len(batch), NONE))
    ended = (ends != NONE) & (ends < begins)
    texts: list[str | None] = [None] * len(batch)
    for run in np.flatnonzero(held).tolist():
        first, last = curves.offsets[run : run + 2]
        rest = slice(last - points[run], last)
        own = slice(*trades.offsets[run : run + 2])
        claimed = _claimed(claims, run)
        if points[run] and points[run] == last - first:
            raise _seen(studies[run], begins[run], "this curve begins after that")
        if not curves.given[run] and (claimed or trades.given[run]) and not ended[run]:
            raise _seen(studies[run], begins[run], "a run without a curve has to say that it ended "
                        "before (end_at)")  # fmt: skip
        if points[run] or gone[own].any():
            texts[run] = _closed(
                {
                    "ts": curves.ts[rest].tolist(),
                    "equity": curves.equity[rest].tolist(),
                    "trades": int(gone[own].sum()),
                    **claimed,
                }
            )
    cut = np.array([text is not None for text in texts])
    return Gathered(
        labels=replace(
            labels,
            texts={**labels.texts, "sealed": texts},
            times={**labels.times, "end_at": np.where(cut, NONE, ends)},
        ),
        claims=Claims(
            columns={
                name: values if name in _GIVEN else np.where(cut, np.nan, values)
                for name, values in claims.columns.items()
            },
            reported=[None if c else told for c, told in zip(cut, claims.reported, strict=True)],
            extra=[None if c else told for c, told in zip(cut, claims.extra, strict=True)],
        ),
        curves=Curves(
            ts=curves.ts[~late],
            equity=curves.equity[~late],
            offsets=np.concatenate(([0], np.cumsum(np.diff(curves.offsets) - points))),
            extras={name: values[~late] for name, values in curves.extras.items()},
            zones=curves.zones,
        ),
        trades=_without(trades, gone),
    )


def _late_points(curves: Curves, begins: NDArray[np.int64]) -> NDArray[np.bool_]:
    start = np.repeat(begins, np.diff(curves.offsets))
    return np.asarray((start != NONE) & (curves.ts >= start))


def _late_trades(
    trades: Trades,
    begins: NDArray[np.int64],
    studies: list[str | None],
    goes_on: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Trades that end in the holdout, or begin there; those that tell no time are refused.

    One that is open at the end of a run that `goes_on` into the holdout was valued there.
    """
    lengths = np.diff(trades.offsets)
    start = np.repeat(begins, lengths)
    held = start != NONE
    entry, leave = trades.times("entry_at"), trades.times("exit_at")
    timeless = held & (entry == NONE) & (leave == NONE)
    if timeless.any():
        run = int(np.searchsorted(trades.offsets, np.flatnonzero(timeless)[0], "right")) - 1
        raise _seen(
            studies[run], begins[run], "a trade without entry_at and exit_at may be of then"
        )
    open_there = (leave == NONE) & np.repeat(goes_on, lengths)
    late = ((entry != NONE) & (entry >= start)) | ((leave != NONE) & (leave >= start)) | open_there
    return np.asarray(held & late)


def _without(trades: Trades, gone: NDArray[np.bool_]) -> Trades:
    if not gone.any():
        return trades
    kept = ~gone
    return Trades(
        offsets=np.concatenate(([0], np.cumsum(_counts(kept, trades.offsets)))),
        given=trades.given,
        columns={name: _some(values, kept) for name, values in trades.columns.items()},
    )


def _some(values: Any, kept: NDArray[np.bool_]) -> Any:
    if isinstance(values, np.ndarray):
        return values[kept]
    import pyarrow as pa

    return values.take(of_numpy(np.flatnonzero(kept), pa.int64()))


def _counts(which: NDArray[np.bool_], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of each run's rows."""
    return np.diff(np.concatenate(([0], np.cumsum(which)))[offsets])


def _claimed(claims: Claims, run: int) -> Mapping[str, Any]:
    """What the source says of the run's results, which may be of the holdout, too."""
    columns = {
        name: float(values[run])
        for name, values in claims.columns.items()
        if name in METRICS and np.isfinite(values[run])
    }
    told = {"claimed": columns, "reported": claims.reported[run], "extra": claims.extra[run]}
    return {name: dict(values) for name, values in told.items() if values}


def _closed(told: Mapping[str, Any]) -> str:
    return base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()


def _micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _seen(study: str | None, begins: int, why: str) -> BadInput:
    day = np.datetime64(int(begins), "us").astype("datetime64[D]")
    return BadInput(f"study '{study}' keeps what is from {day} on out of sight, and {why}")
