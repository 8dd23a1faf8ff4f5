"""Numbers of any form -> float64, NaN where missing; text is none, true counts as 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.times import Problems, missing, shown
from bt_lake.warehouse.arrays import array, to_numpy
from bt_lake.warehouse.values import is_number

Floats = NDArray[np.float64]
_REMEDY = " but text: give it without quotes"


def parse(values: Any) -> tuple[Floats, Problems]:
    """The numbers of one column and the rows that are none."""
    if isinstance(values, (list, tuple)):
        return _parse_objects(values)
    if hasattr(values, "to_arrow"):  # polars
        values = values.to_arrow()
    if hasattr(values, "type"):  # pyarrow
        return _parse_arrow(values)
    if isinstance(values, np.ma.MaskedArray):
        return _parse_objects(values.tolist())
    array = np.atleast_1d(np.asarray(values))
    if array.ndim != 1:
        return np.full(1, np.nan), [(0, f"numbers have one dimension, not {array.ndim}")]
    if array.dtype.kind in "iuf":
        return array.astype(np.float64), []
    if array.dtype.kind in "mM":  # numpy writes some of them as whole numbers
        return np.full(len(array), np.nan), [
            (row, f"{shown(value)} is not a number") for row, value in enumerate(array[:1])
        ]
    return _parse_objects(array.tolist())


def parse_finite(values: Any) -> tuple[Floats, Problems]:
    """The same, where infinity is no value."""
    numbers, problems = parse(values)
    return np.where(np.isfinite(numbers), numbers, np.nan), problems


def one(value: Any) -> float:
    """A single number, NaN where missing; raises ValueError with the reason."""
    kind = type(value)
    if kind is float:
        return float(value)
    if kind is int or kind is bool:
        return _float_of_whole(value)
    if isinstance(value, (int, float, Decimal, Fraction, np.number, np.bool_)) and not isinstance(
        value, (np.complexfloating, np.timedelta64)
    ):
        return float(value)
    if missing(value):
        return math.nan
    quoted = isinstance(value, str) and is_number(value.strip())
    raise ValueError(f"{shown(value)} is not a number{_REMEDY if quoted else ''}")


def _float_of_whole(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError("the number is too large") from None


def _parse_arrow(values: Any) -> tuple[Floats, Problems]:
    import pyarrow as pa
    import pyarrow.types as types

    kind = values.type
    if types.is_integer(kind) or types.is_floating(kind):
        floats = values.cast(pa.float64(), safe=False)
        whole = floats.combine_chunks() if isinstance(floats, pa.ChunkedArray) else floats
        return to_numpy(whole, np.float64, np.nan), []
    return _parse_objects(values.to_pylist())


def _parse_objects(values: Sequence[Any]) -> tuple[Floats, Problems]:
    import pyarrow as pa

    try:
        # Strict where numpy is not: text and bytes are refused.
        return to_numpy(array(values, pa.float64()), np.float64, np.nan), []
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError, OverflowError):
        return _parse_each(values)


def _parse_each(values: Sequence[Any]) -> tuple[Floats, Problems]:
    numbers = np.full(len(values), np.nan)
    problems: Problems = []
    for row, value in enumerate(values):
        try:
            numbers[row] = one(value)
        except ValueError as error:
            problems.append((row, str(error)))
    return numbers, problems
