"""Arrow columns made without pandas, which pyarrow imports, where it is installed, for 0.3 s."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

# So many values are worth the import: pyarrow's own conversion is several times as quick.
_MANY = 50_000
_EXACT = 2**53  # pyarrow refuses a whole number that no float is equal to
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """As `pyarrow.array(values, kind)`, and that itself where pandas is loaded or helps."""
    import pyarrow as pa

    if "pandas" in sys.modules or len(values) >= _MANY:
        return _by_pyarrow(values, kind)
    found = {*map(type, values)} - {type(None)}
    if pa.types.is_string(kind) and found <= {str}:
        return _texts(values)
    if pa.types.is_float64(kind) and found <= {float, int}:
        numbers = np.array(values, np.float64)
        if int not in found or not (np.abs(numbers) > _EXACT).any():
            return of_numpy(numbers, kind, _missing(values))
    if pa.types.is_int64(kind) and found <= {int}:
        return of_numpy(np.array([v or 0 for v in values], np.int64), kind, _missing(values))
    if pa.types.is_timestamp(kind) and kind.unit == "us" and found <= {datetime}:
        return of_numpy(np.array([*map(_micros, values)], np.int64), kind, _missing(values))
    if (pa.types.is_list(kind) or pa.types.is_map(kind)) and found <= {list, dict}:
        return _nested(values, kind)
    return _by_pyarrow(values, kind)


def of_numpy(
    values: NDArray[Any], kind: pa.DataType, missing: NDArray[np.bool_] | None = None
) -> pa.Array:
    """The numbers of an array of this width, NULL where they are missing."""
    import pyarrow as pa

    data = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(
        kind, len(values), [None if missing is None else _known(missing), data]
    )


def to_numpy(column: pa.Array, width: type, missing: Any) -> NDArray[Any]:
    """The numbers of a column of this width, and what stands for NULL."""
    place, count = column.offset, len(column)
    known, data = column.buffers()
    if not count:
        return np.zeros(0, width)
    numbers: NDArray[Any] = np.frombuffer(data, width)[place : place + count]
    if known is None or not column.null_count:
        return numbers
    bits = np.unpackbits(np.frombuffer(known, np.uint8), bitorder="little")
    return np.where(bits[place : place + count], numbers, missing)


def empty(schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_arrays([array([], field.type) for field in schema], schema=schema)


def repeated(value: Any, count: int, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    return pa.repeat(array([value], kind)[0], count)


def _by_pyarrow(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_map(kind):
        values = [[*value.items()] if type(value) is dict else value for value in values]
    return pa.array(values, kind)


def _texts(values: Sequence[str | None]) -> pa.StringArray:
    import pyarrow as pa

    builder = pa.lib.StringBuilder()
    builder.append_values(values)
    return builder.finish()


def _nested(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Lists of values, or maps from names to values."""
    import pyarrow as pa

    offsets = np.cumsum([0, *(len(value or ()) for value in values)], dtype=np.int32)
    inner = [*chain.from_iterable(_items(value) for value in values if value)]
    if pa.types.is_map(kind):
        keys = array([key for key, _ in inner], kind.key_type)
        items = array([item for _, item in inner], kind.item_type)
        pairs = pa.struct([kind.key_field, kind.item_field])
        child = pa.Array.from_buffers(pairs, len(inner), [None], children=[keys, items])
    else:
        child = array(inner, kind.value_type)
    buffers = [_known(_missing(values)), pa.py_buffer(offsets)]
    return pa.Array.from_buffers(kind, len(values), buffers, children=[child])


def _items(value: Any) -> Any:
    return value.items() if type(value) is dict else value


def _missing(values: Sequence[Any]) -> NDArray[np.bool_]:
    return np.fromiter((value is None for value in values), bool, len(values))


def _known(missing: NDArray[np.bool_]) -> pa.Buffer | None:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None


def _micros(value: datetime | None) -> int:
    """A time without a zone is UTC, as Arrow has it."""
    if value is None:
        return 0
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND
