"""What filters and metrics mean, told in plain Python, to check the lake's SQL against."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Row = dict[str, Any]


def value_of(row: Row, name: str) -> Any:
    """A column, a parameter, or a metric of one's own."""
    if name.startswith("param."):
        return param(row, name.removeprefix("param."))
    if name in row:
        return row[name]
    return (row["extra"] or {}).get(name)


def param(row: Row, name: str) -> Any:
    found = row["params"] or {}
    if name in found:
        return found[name]
    for part in name.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def text(value: Any) -> str | None:
    """As JSON text without quotes: 60.0 was written as 60."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def ranked(
    rows: Iterable[Row], key: Callable[[Row], float | None], *, ascending: bool = False
) -> list[Row]:
    """Those that have a value, the best first, equal ones by id."""
    known = [row for row in rows if key(row) is not None]
    sign = 1 if ascending else -1
    return sorted(known, key=lambda row: (sign * key(row), row["run_id"]))  # type: ignore[operator]


def ids(rows: Iterable[Row]) -> list[str]:
    return [row["run_id"] for row in rows]
