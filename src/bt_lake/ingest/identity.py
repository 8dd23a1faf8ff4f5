"""Run ids made from content: the same run read again, from any file, has the same id."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics import NONE, undefined
from bt_lake.warehouse.schema import EQUITY, TRADES

if TYPE_CHECKING:
    from bt_lake.ingest.gathering import Gathered

Parts = list[bytes]
_MOST_MILLIS = (1 << 48) - 1


def run_ids(batch: Gathered) -> list[str]:
    """The given id, else one made from the content."""
    made = content_ids(batch)
    return [given or other for given, other in zip(batch.labels.text("run_id"), made, strict=True)]


def content_ids(batch: Gathered) -> list[str]:
    """A UUIDv8: the run's time, then a hash of everything that was given but its id.

    What the lake computes or looks up (metrics, the time of a file) is not part of it, and
    neither are the other runs of the batch.
    """
    curves, trades = batch.curves, batch.trades
    points = {"ts": curves.ts, "equity": curves.equity, **curves.extras}
    # Named, so that ids stay when the schema gets more columns.
    columns = {
        "run": _label_parts(batch),
        **{f"equity.{n}": _number_parts(points.get(n), curves.offsets) for n in EQUITY.names},
        **{f"trades.{n}": _parts(trades.columns.get(n), trades.offsets) for n in TRADES.names},
    }
    names = [name.encode() for name in columns]
    return [
        _uuid8(millis, names, parts)
        for millis, *parts in zip(_millis(batch), *columns.values(), strict=True)
    ]


def _uuid8(millis: int, names: Parts, parts: Parts) -> str:
    there = [
        b"%b:%d:%b" % (n, len(part), part) for n, part in zip(names, parts, strict=True) if part
    ]
    return _of_bits(millis, blake2b(b"".join(there), digest_size=10).digest())


def _of_bits(millis: int, digest: bytes) -> str:
    bits = int.from_bytes(digest) & ((1 << 74) - 1)
    high, low = bits >> 62, bits & ((1 << 62) - 1)
    text = f"{millis << 80 | 0x8 << 76 | high << 64 | 0b10 << 62 | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Failures:
    """Equal failed runs of one ingest are several tries, so the second and third get other ids.

    Read again together they get the same ones, in whatever order.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def told_apart(self, batch: Gathered, ids: Sequence[str]) -> list[str]:
        statuses, given = batch.labels.text("status"), batch.labels.text("run_id")
        created = batch.labels.times.get("created_at", np.full(len(batch), NONE))
        return [
            self._next(run_id) if status == "failed" and not own and at == NONE else run_id
            for run_id, status, own, at in zip(ids, statuses, given, created, strict=True)
        ]

    def _next(self, run_id: str) -> str:
        self._seen[run_id] += 1
        count = self._seen[run_id]
        if count == 1:
            return run_id
        digest = blake2b(f"{run_id}:{count}".encode(), digest_size=10)
        return _of_bits(UUID(run_id).int >> 80, digest.digest())


def _millis(batch: Gathered) -> list[int]:
    """When the run was made, else when it ends, else 0."""
    curves, times = batch.curves, batch.labels.times
    none = np.full(len(batch), NONE)
    last = none.copy()
    last[curves.given] = curves.ts[curves.offsets[1:][curves.given] - 1]
    micros = times.get("created_at", none)
    for other in (last, times.get("end_at", none)):
        micros = np.where(micros == NONE, other, micros)
    millis: list[int] = (np.where(micros == NONE, 0, micros) // 1000).clip(0, _MOST_MILLIS).tolist()
    return millis


def _label_parts(batch: Gathered) -> Parts:
    labels, claims = batch.labels, batch.claims
    # The order of keys is no content: params count by their hash.
    texts = {n: c for n, c in labels.texts.items() if n not in ("run_id", "params")}
    numbers = {**labels.times, **claims.columns}
    known = {name: _known(column) for name, column in numbers.items()}
    columns = dict(sorted({**texts, **known}.items()))
    columns |= {"tags": labels.tags, "trades": batch.trades.given.tolist()}
    columns |= {
        name: [sorted(named.items()) if named else None for named in column]
        for name, column in (("reported", claims.reported), ("extra", claims.extra))
    }
    rows = zip(*columns.values(), strict=True)
    return [
        json.dumps([(n, v) for n, v in zip(columns, row, strict=True) if v is not None]).encode()
        for row in rows
    ]


def _known(column: NDArray[Any]) -> list[Any]:
    unknown = undefined(column).tolist()
    return [None if no else value for value, no in zip(column.tolist(), unknown, strict=True)]


def _parts(column: Any, offsets: NDArray[np.int64]) -> Parts:
    if column is None or isinstance(column, np.ndarray):
        return _number_parts(column, offsets)
    texts = [text or "" for text in column.to_pylist()]
    joined = ("\x1f".join(texts[start:stop]) for start, stop in pairwise(offsets.tolist()))
    return [text.encode() if text.strip("\x1f") else b"" for text in joined]


def _number_parts(column: NDArray[Any] | None, offsets: NDArray[np.int64]) -> Parts:
    """The bytes of each run, none where it has no value: others may have brought the column."""
    if column is None:
        return [b""] * (len(offsets) - 1)
    if column.dtype == np.float64:
        there = ~np.isnan(column)
        column = np.where(there, column + 0.0, np.nan)  # one NaN, and no -0.0
    else:
        there = (column != NONE) & (column != 0)
    counts = np.concatenate(([0], np.cumsum(there)))[offsets]
    data = memoryview(column.astype(column.dtype.newbyteorder("<")).tobytes())
    return [
        bytes(data[8 * start : 8 * stop]) if has else b""
        for (start, stop), has in zip(pairwise(offsets.tolist()), np.diff(counts) > 0, strict=True)
    ]
