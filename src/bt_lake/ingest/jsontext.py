"""JSON text for what an engine recorded beyond the lake's columns; any value has some form."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bt_lake.ingest.texts import as_list
from bt_lake.ingest.times import Problems, missing, shown

if TYPE_CHECKING:
    import pyarrow as pa


def objects(columns: Mapping[str, Any]) -> tuple[pa.StringArray, Problems]:
    """One JSON object a row, without missing values; a column `extra` is merged into it."""
    import pyarrow as pa

    listed = {name: as_list(values) for name, values in columns.items()}
    rows: list[str | None] = []
    problems: Problems = []
    for row, values in enumerate(zip(*listed.values(), strict=True)):
        try:
            rows.append(_object(dict(zip(listed, values, strict=True))))
        except (ValueError, RecursionError) as error:
            rows.append(None)
            problems.append((row, f"{error}"))
    return pa.array(rows, pa.string()), problems


def _object(values: dict[str, Any]) -> str | None:
    given = values.pop("extra", None)
    if isinstance(given, str):
        given = _loaded(given)
    if isinstance(given, Mapping):
        values = {**given, **values}
    elif given is not None:
        values["extra"] = given
    plain = {name: _plain(value) for name, value in values.items()}
    kept = {name: value for name, value in plain.items() if value is not None}
    if not kept:
        return None
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{shown(text)} is not valid JSON") from None


def _plain(value: Any) -> Any:
    """The value as JSON knows it; what JSON has no form for becomes its text."""
    if isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if missing(value):
        return None
    if hasattr(value, "tolist"):  # numpy
        return _plain(value.tolist())
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
