"""Batches that were gathered one by one, as one: metrics then take one pass over all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.claims import Claims
from bt_lake.ingest.curves import Curves
from bt_lake.ingest.gathering import Gathered
from bt_lake.ingest.labels import Labels
from bt_lake.ingest.trades import Trades, concatenated, empty
from bt_lake.metrics import NONE

T = TypeVar("T")


def joined(parts: Sequence[Gathered]) -> Gathered:
    """The runs of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    return Gathered(
        labels=_labels([part.labels for part in parts]),
        claims=_claims([part.claims for part in parts]),
        curves=_curves([part.curves for part in parts]),
        trades=_trades([part.trades for part in parts]),
    )


def _labels(parts: list[Labels]) -> Labels:
    counts = [len(part.tags) for part in parts]
    return Labels(
        texts=_columns([part.texts for part in parts], counts, _no_texts, _chained),
        times=_columns([part.times for part in parts], counts, _undefined),
        tags=_chained([part.tags for part in parts]),
    )


def _claims(parts: list[Claims]) -> Claims:
    counts = [len(part.reported) for part in parts]
    return Claims(
        columns=_columns([part.columns for part in parts], counts, _undefined),
        reported=_chained([part.reported for part in parts]),
        extra=_chained([part.extra for part in parts]),
    )


def _curves(parts: list[Curves]) -> Curves:
    return Curves(
        ts=np.concatenate([part.ts for part in parts]),
        equity=np.concatenate([part.equity for part in parts]),
        offsets=_offsets([part.offsets for part in parts]),
        extras=_columns(
            [part.extras for part in parts], [len(part.ts) for part in parts], _undefined
        ),
        zones=_chained([part.zones for part in parts]),
    )


def _trades(parts: list[Trades]) -> Trades:
    rows = [int(part.offsets[-1]) for part in parts]
    return Trades(
        offsets=_offsets([part.offsets for part in parts]),
        given=np.concatenate([part.given for part in parts]),
        columns=_columns(
            [part.columns for part in parts],
            rows,
            lambda name, _, count: empty(name, count),
            concatenated,
        ),
    )


def _columns(
    parts: list[dict[str, Any]],
    counts: list[int],
    absent: Callable[[str, Any, int], Any],
    join: Callable[[list[Any]], Any] = np.concatenate,
) -> dict[str, Any]:
    """Every column of any part; `absent` makes it, by a sample, where a part lacks it."""
    samples = {name: column for part in parts for name, column in part.items()}
    return {
        name: join(
            [
                part[name] if name in part else absent(name, sample, count)
                for part, count in zip(parts, counts, strict=True)
            ]
        )
        for name, sample in samples.items()
    }


def _undefined(_: str, sample: NDArray[Any], count: int) -> NDArray[Any]:
    return np.full(count, NONE if sample.dtype.kind == "i" else np.nan)


def _no_texts(_: str, __: list[str | None], count: int) -> list[str | None]:
    return [None] * count


def _chained(parts: list[list[T]]) -> list[T]:
    return list(chain.from_iterable(parts))


def _offsets(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    lengths = np.concatenate([np.diff(part) for part in parts])
    return np.concatenate(([0], np.cumsum(lengths)))
