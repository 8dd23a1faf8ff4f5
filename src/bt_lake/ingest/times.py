"""Times of any form -> int64 microseconds since 1970, UTC.

ISO 8601 text, datetime, date, numpy, pandas, polars and pyarrow times are taken; what has no zone
is UTC. Whole numbers are seconds, milliseconds, microseconds or nanoseconds since 1970 where
exactly one of these puts every value of the column between 1990 and 2099; otherwise they are
refused, as are years before 1700 and after 2299. Digits below a microsecond are cut off.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from reprlib import Repr
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.metrics import NONE
from bt_lake.warehouse.arrays import array, to_numpy
from bt_lake.warehouse.errors import BadInput

Micros = NDArray[np.int64]
# Where a column is bad: row number and what is wrong there.
Problems = list[tuple[int, str]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _micros_of_year(year: int) -> int:
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND


_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_FIRST, _LAST = _micros_of_year(1700), _micros_of_year(2300)
_NUMBERS_FROM, _NUMBERS_TO = _micros_of_year(1990), _micros_of_year(2100)
_UNITS = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}


def to_micros(values: Any, column: str) -> Micros:
    """The times of one column; raises on the first that is none, naming the row."""
    micros, problems = parse(values)
    for row, reason in problems:
        raise BadInput(f"{column}[{row}]: {reason}")
    return micros


def one(value: Any) -> int:
    """A single time; raises ValueError with the reason."""
    micros, problems = parse([value])
    for _, reason in problems:
        raise ValueError(reason)
    return int(micros[0])


def parse(values: Any) -> tuple[Micros, Problems]:
    """The times of one column, NONE where missing, and the rows that are no times."""
    if isinstance(values, (list, tuple)):
        micros, problems = _parse_objects(values)
    elif hasattr(values, "to_arrow"):  # polars
        micros, problems = _parse_arrow(values.to_arrow())
    elif hasattr(values, "type"):  # pyarrow
        micros, problems = _parse_arrow(values)
    else:
        micros, problems = _parse_array(_array_of(values))
    return micros, problems or _out_of_range(micros)


def zone_of(values: Any) -> str | None:
    """The IANA name of the column's own time zone, where it has one."""
    if isinstance(values, (list, tuple)):
        zone = getattr(values[0], "tzinfo", None) if values else None
    else:
        kind = getattr(values, "dtype", getattr(values, "type", None))
        arrow = getattr(kind, "pyarrow_dtype", None)  # pandas columns that arrow backs
        places = ((kind, "tz"), (kind, "time_zone"), (arrow, "tz"))
        zones = (getattr(holder, attribute, None) for holder, attribute in places)
        zone = next((zone for zone in zones if zone is not None), None)
    name = getattr(zone, "key", None) or getattr(zone, "zone", None) or zone
    return name if isinstance(name, str) and name != "UTC" and name[:1].isalpha() else None


def _array_of(values: Any) -> NDArray[Any]:
    """numpy's view of a pandas index or series, or of anything else that numpy understands."""
    if getattr(getattr(values, "dtype", None), "tz", None) is not None:
        values = getattr(values, "dt", values).tz_convert(None)
    elif str(getattr(values, "dtype", "")).startswith("period"):
        values = getattr(values, "dt", values).to_timestamp()
    if isinstance(values, np.ma.MaskedArray):
        of_times = values.dtype.kind == "M"
        values = values.filled(np.datetime64("NaT")) if of_times else values.tolist()
    return np.atleast_1d(np.asarray(values))


def _parse_array(values: NDArray[Any]) -> tuple[Micros, Problems]:
    if values.ndim != 1:
        return _nothing(1), [(0, f"times have one dimension, not {values.ndim}")]
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]").astype(np.int64), []
    if values.dtype.kind in "iuf":
        return _parse_numbers(values)
    return _parse_objects(values.tolist())


def _parse_arrow(values: Any) -> tuple[Micros, Problems]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as types

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    kind = values.type
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return _parse_text(values.cast(pa.string()))
    if types.is_timestamp(kind) or types.is_date(kind):
        instants = pc.cast(values, pa.timestamp("us", getattr(kind, "tz", None)), safe=False)
        return _numpy_of(instants), []
    if types.is_integer(kind) or types.is_floating(kind):
        return _parse_numbers(values.to_numpy(zero_copy_only=False))
    return _parse_objects(values.to_pylist())


def _parse_objects(values: Sequence[Any]) -> tuple[Micros, Problems]:
    import pyarrow as pa

    first = next((value for value in values if value is not None), None)
    if first is None:
        return _nothing(len(values)), []
    if type(first) is str:
        try:
            return _parse_text(array(values, pa.string()))
        except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
            return _parse_each(values)
    if type(first) is datetime and {*map(type, values)} <= {datetime, type(None)}:
        # Arrow reads a datetime without a zone as UTC, as _parse_one does.
        return _numpy_of(array(values, pa.timestamp("us", "UTC"))), []
    if isinstance(first, (int, float, np.number)) and not isinstance(first, bool):
        try:
            return _parse_numbers(np.array(values, np.float64 if _has_float(values) else None))
        except (TypeError, ValueError, OverflowError):
            return _parse_each(values)
    return _parse_each(values)


def _has_float(values: Sequence[Any]) -> bool:
    """Missing numbers need a float column; whole ones keep every digit as integers."""
    return any(value is None or isinstance(value, (float, np.floating)) for value in values)


def _parse_text(texts: Any) -> tuple[Micros, Problems]:
    """All texts in one go, either all with a zone or all without; one by one only where mixed."""
    import pyarrow as pa

    for zone in ("UTC", None):
        try:
            return _numpy_of(texts.cast(pa.timestamp("us", zone))), []
        except pa.ArrowInvalid:
            continue
    return _parse_each(texts.to_pylist())


def _numpy_of(instants: Any) -> Micros:
    micros: Micros = to_numpy(instants, np.int64, NONE)
    return micros


def _parse_each(values: Sequence[Any]) -> tuple[Micros, Problems]:
    micros = _nothing(len(values))
    problems: Problems = []
    for row, value in enumerate(values):
        try:
            micros[row] = _parse_one(value)
        except (ValueError, OverflowError, TypeError):
            problems.append((row, f"{shown(value)} is not a time{_how_to_write(value)}"))
    return micros, problems


def _parse_one(value: Any) -> int:
    if isinstance(value, str):
        value = datetime.fromisoformat(value.strip())
    elif missing(value):
        return NONE
    elif isinstance(value, np.datetime64):
        return int(value.astype("datetime64[us]").astype(np.int64))
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise TypeError
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return int((value - _EPOCH) // _MICROSECOND)


def _parse_numbers(values: NDArray[Any]) -> tuple[Micros, Problems]:
    if values.dtype.kind not in "iuf":
        return _parse_each(values.tolist())
    there = np.isfinite(values)
    numbers = values[there]
    fitting = [
        scale
        for scale in _UNITS.values()
        if len(numbers)
        and numbers.min() >= _NUMBERS_FROM / scale
        and numbers.max() < _NUMBERS_TO / scale
    ]
    micros = _nothing(len(values))
    if len(numbers) and len(fitting) != 1:
        row = int(np.flatnonzero(there)[0])
        return micros, [(row, f"{numbers[0]} is a number, not a time; {_REMEDY}")]
    if len(numbers):
        micros[there] = _scaled(numbers, fitting[0])
    return micros, []


_REMEDY = (
    "write times as ISO 8601 text (2024-01-02T15:30:00Z) or give datetimes. Numbers since 1970 "
    "are understood where all of them lie between 1990 and 2099 in one unit"
)


def _how_to_write(value: Any) -> str:
    """The remedy, for texts that do not even begin as a date does."""
    foreign = isinstance(value, str) and not re.match(r"\s*\d{4}-\d", value)
    return "; write 2024-01-02 or 2024-01-02T15:30:00Z" if foreign else ""


def _scaled(numbers: NDArray[Any], scale: float) -> Micros:
    if numbers.dtype.kind in "iu":
        whole = numbers.astype(np.int64)
        return whole * int(scale) if scale >= 1 else whole // round(1 / scale)
    return np.round(numbers * scale).astype(np.int64)


def _out_of_range(micros: Micros) -> Problems:
    if not len(micros):
        return []
    bad = ((micros < _FIRST) | (micros >= _LAST)) & (micros != NONE)
    if not bad.any():
        return []
    return [(int(row), _year_problem(int(micros[row]))) for row in np.flatnonzero(bad)[:1]]


def _year_problem(micros: int) -> str:
    year = np.datetime64(micros, "us").astype("datetime64[Y]")
    return f"year {year} is outside 1700 to 2299; was the unit of the times mistaken?"


def _nothing(rows: int) -> Micros:
    return np.full(rows, NONE, np.int64)


def missing(value: Any) -> bool:
    """None, NaN, NaT or the NA of pandas."""
    if isinstance(value, (float, np.floating, np.datetime64)):
        return bool(value != value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def shown(value: Any) -> str:
    """A value in an error message: short, however long or deep it is."""
    text = f'"{value[:60]}"' if isinstance(value, str) else _SHORT.repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
