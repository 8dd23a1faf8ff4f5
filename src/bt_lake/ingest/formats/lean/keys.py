"""Looking things up in LEAN's JSON, whose keys changed from PascalCase to camelCase."""

from __future__ import annotations

from typing import Any


def low(value: Any) -> dict[str, Any]:
    """An object by lower-case keys; anything else has none."""
    return {key.lower(): item for key, item in value.items()} if isinstance(value, dict) else {}


def get(value: Any, *path: str) -> Any:
    """The value at a path of keys, in any case; None where it ends earlier."""
    for key in path:
        value = low(value).get(key.lower())
    return value
