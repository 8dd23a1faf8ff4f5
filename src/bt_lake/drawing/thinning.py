"""Fewer points that look the same: what lies in one column of pixels cannot be told apart."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def thinned(x: Floats, y: Floats, columns: int) -> Ints:
    """The places of the first, lowest, highest and last point of each column (M4), in order.

    `x` ascends. Extremes are kept, so that no peak and no fall looks smaller than it is.
    """
    size = x.size
    if size <= 4 * columns or not x[-1] > x[0]:
        return np.arange(size)
    column = np.minimum((x - x[0]) / (x[-1] - x[0]) * columns, columns - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], size) - 1
    sizes = ends - starts + 1
    extremes = [
        np.flatnonzero(y == np.repeat(lowest.reduceat(y, starts), sizes))
        for lowest in (np.minimum, np.maximum)
    ]
    firsts = [each[np.unique(column[each], return_index=True)[1]] for each in extremes]
    return np.unique(np.concatenate([starts, ends, *firsts]))
