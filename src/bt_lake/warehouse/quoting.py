"""The one place where text becomes part of SQL; everything else is bound as a value."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def glob_literal(path: str | Path) -> str:
    """A path whose characters DuckDB would read as a pattern stand for themselves."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


def path_list(paths: Iterable[str | Path]) -> str:
    return "[" + ", ".join(literal(glob_literal(path)) for path in paths) + "]"
