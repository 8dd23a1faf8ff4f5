"""The stationary bootstrap (Politis & Romano 1994), as how often each row is drawn.

All trials share the rows, so a resample keeps what they have in common, and blocks keep their short
memory. A sum over a resample is then a product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.float32]

_CHUNK = 1 << 19  # counts at a time


def resamples(
    rows: int, bootstraps: int, block: float, seed: int, *, draws: int | None = None
) -> Iterator[Counts]:
    """How often each row is drawn, one line a bootstrap, in chunks of bounded size.

    Blocks start anywhere, have geometric lengths with mean `block`, and go round at the end.
    `draws` rows are drawn in all, by default as many as there are.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    draws = rows if draws is None else draws
    usual = draws / block
    blocks = math.ceil(usual + 6.0 * math.sqrt(usual) + 8.0)
    step = max(1, _CHUNK // max(rows, blocks))
    for start in range(0, bootstraps, step):
        lines = min(step, bootstraps - start)
        ends = np.cumsum(rng.geometric(1.0 / block, (lines, blocks)), axis=1)
        np.minimum(ends, draws, out=ends)
        ends[:, -1] = draws
        first = rng.integers(rows, size=ends.shape)
        beyond = first + np.diff(ends, axis=1, prepend=0)
        line = np.arange(lines)[:, None] * rows
        size = lines * rows
        change = np.bincount((first + line).reshape(-1), minlength=size)
        change -= np.bincount((beyond % rows + line).reshape(-1), minlength=size)
        change = change.reshape(lines, rows)
        change[:, 0] += (beyond // rows).sum(axis=1)
        yield np.cumsum(change, axis=1, dtype=np.float32)
