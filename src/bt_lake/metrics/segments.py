"""Arithmetic on many runs that lie one behind the other in flat arrays."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

NONE: Final = int(np.iinfo(np.int64).min)  # an undefined time or count; numpy's NaT is the same
ROUNDING: Final = 4 * float(np.finfo(np.float64).eps)  # values no farther apart count as equal


def undefined(values: NDArray[Any]) -> Bools:
    """Where a column of metrics is NULL."""
    missing: Bools = np.isnan(values) if values.dtype.kind == "f" else values == NONE
    return missing


class Segments:
    """Run i has the values from offsets[i] to offsets[i + 1]; sums never reach across runs."""

    __slots__ = ("_full", "_heads", "_some", "counts", "ends", "starts")

    def __init__(self, offsets: Ints) -> None:
        self.starts, self.ends = offsets[:-1], offsets[1:]
        self.counts: Ints = self.ends - self.starts
        self._some: Bools = self.counts > 0
        self._full = bool(self._some.all())
        # reduceat reads an empty slice as its next element: it is only given the others.
        self._heads: Ints = self.starts if self._full else self.starts[self._some]

    @classmethod
    def of_counts(cls, counts: Ints) -> Segments:
        return cls(np.concatenate((np.zeros(1, np.int64), counts.cumsum())))

    def spread(self, per_run: NDArray[Any]) -> NDArray[Any]:
        """One value a run -> one a point."""
        return per_run.repeat(self.counts)

    def sum(self, values: Floats) -> Floats:
        return self._reduce(np.add, values, 0.0)

    def count(self, which: Bools) -> Ints:
        return self._reduce(np.add, which.astype(np.int64), 0)

    def any(self, which: Bools) -> Bools:
        return self._reduce(np.logical_or, which, False)

    def min(self, values: NDArray[Any], empty: float = np.nan) -> NDArray[Any]:
        return self._reduce(np.minimum, values, empty)

    def max(self, values: NDArray[Any], empty: float = np.nan) -> NDArray[Any]:
        return self._reduce(np.maximum, values, empty)

    def running_max(self, values: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(values)
        for start, end in self._slices():
            np.maximum.accumulate(values[start:end], out=out[start:end])
        return out

    def sorted(self, values: NDArray[Any]) -> NDArray[Any]:
        out = values.copy()
        for start, end in self._slices():
            out[start:end].sort()
        return out

    def pick(self, values: NDArray[Any], places: Ints, empty: float) -> NDArray[Any]:
        """The value at one place of each run."""
        if self._full:
            picked: NDArray[Any] = values[places]
            return picked
        out = np.full(len(places), empty, values.dtype)
        out[self._some] = values[places[self._some]]
        return out

    def quantile(self, ordered: Floats, share: float) -> Floats:
        """Linear between the two nearest of the sorted values."""
        place = (self.counts - 1) * share
        below = np.floor(place).astype(np.int64)
        low = self.pick(ordered, self.starts + below, np.nan)
        high = self.pick(ordered, np.minimum(self.starts + below + 1, self.ends - 1), np.nan)
        between: Floats = low + (high - low) * (place - below)
        return between

    def _slices(self) -> pairwise[tuple[int, int]]:
        return pairwise([*self._heads.tolist(), int(self.ends[-1]) if len(self.ends) else 0])

    def _reduce(self, ufunc: np.ufunc, values: NDArray[Any], empty: float) -> NDArray[Any]:
        if self._full and len(self._heads):
            reduced: NDArray[Any] = ufunc.reduceat(values, self._heads)
            return reduced
        out = np.full(len(self.starts), empty, values.dtype)
        if len(self._heads):
            out[self._some] = ufunc.reduceat(values, self._heads)
        return out
