"""What might have come instead: the same gains in another order, or drawn again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from bt_lake.metrics.segments import Floats, Ints

How: TypeAlias = Literal["shuffle", "resample", "blocks"]
_AT_ONCE = 2_000_000  # steps in memory
_KEPT = 200  # steps of a path that bands are told of


@dataclass(frozen=True, slots=True)
class Paths:
    """Of each path the growth at some `steps`, at its end and at its lowest; the deepest fall."""

    steps: Ints
    growth: Floats  # a row a path, a column a step
    final: Floats
    lowest: Floats
    drawdown: Floats


def paths(gains: Floats, how: How, n: int, seed: int, block: float) -> Paths:
    """`n` paths of as many gains (fractions of what is there), from 1; nothing comes after ruin.

    `shuffle` takes each once, `resample` draws each anew, `blocks` draws stretches of a mean length
    (the stationary bootstrap of Politis and Romano).
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    size = gains.size
    steps = np.unique(np.linspace(0, size, min(size, _KEPT) + 1).round().astype(np.int64))
    growth, final, lowest, fall = np.empty((n, steps.size)), *(np.empty(n) for _ in range(3))
    done = 0
    for taken in drawn(rng, size, how, n, block):
        part = slice(done, done + len(taken))
        done += len(taken)
        equity = np.ones((len(taken), size + 1))
        np.cumprod(np.maximum(1.0 + gains[taken], 0.0), axis=1, out=equity[:, 1:])
        growth[part], final[part] = equity[:, steps], equity[:, -1]
        lowest[part] = equity.min(axis=1)
        fall[part] = (equity / np.maximum.accumulate(equity, axis=1)).min(axis=1) - 1.0
    return Paths(steps, growth, final, lowest, fall)


def drawn(
    rng: np.random.Generator, size: int, how: How, n: int, block: float, length: int | None = None
) -> Iterator[Ints]:
    """Places of gains, a row a path; of `length` steps where that is given, by blocks only."""
    lines = max(1, _AT_ONCE // (length or size))
    for start in range(0, n, lines):
        rows = min(lines, n - start)
        if how == "shuffle":
            yield rng.permuted(np.tile(np.arange(size), (rows, 1)), axis=1)
        elif how == "resample":
            yield rng.integers(size, size=(rows, size))
        else:
            yield _blocks(rng, (rows, length or size), size, block)


def _blocks(rng: np.random.Generator, shape: tuple[int, int], size: int, block: float) -> Ints:
    begins = rng.random(shape) < 1.0 / block
    begins[:, 0] = True
    here = np.arange(shape[1])
    since = np.maximum.accumulate(np.where(begins, here, 0), axis=1)
    first = np.take_along_axis(rng.integers(size, size=shape), since, axis=1)
    return np.asarray((first + here - since) % size)
