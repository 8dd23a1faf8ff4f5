"""Text of any form -> an Arrow column; whole and decimal numbers and paths are written out."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from bt_lake.ingest.times import Problems, missing, shown
from bt_lake.warehouse.arrays import array

if TYPE_CHECKING:
    import pyarrow as pa


def one(value: Any) -> str | None:
    """A single text, None where missing; raises ValueError with the reason."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{value!a} is not valid Unicode") from None
        return str(value)
    if missing(value):
        return None
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, PurePath):
        return str(value)
    raise ValueError(f"{shown(value)} is not text")


def parse(values: Any) -> tuple[pa.StringArray, Problems]:
    """The texts of one column and the rows that are none."""
    import pyarrow as pa

    if isinstance(values, pa.StringArray):
        return values, []
    values = as_list(values)
    try:
        return array(values, pa.string()), []
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError, OverflowError):
        return _parse_each(values)


def as_list(values: Any) -> list[Any]:
    """The column as Python values, whatever library it comes from."""
    if isinstance(values, list):
        return values
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(values, method):
            listed: list[Any] = getattr(values, method)()
            return listed
    return list(values)


def _parse_each(values: list[Any]) -> tuple[pa.StringArray, Problems]:
    import pyarrow as pa

    texts: list[str | None] = []
    problems: Problems = []
    for row, value in enumerate(values):
        try:
            texts.append(one(value))
        except ValueError as error:
            texts.append(None)
            problems.append((row, str(error)))
    return array(texts, pa.string()), problems
