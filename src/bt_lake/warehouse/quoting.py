"""The one place where text becomes part of SQL; everything else is bound as a value."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

_MARK = "\x01"
_NO_PATTERN = str.maketrans({char: f"[{char}]" for char in "*?["})


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def own(name: str, place: int) -> str:
    """A name of the user's own in the columns of an answer, which no other column there can have.

    DuckDB tells names by their letters in any case, and sorts by what an answer calls its columns:
    `told` takes the mark off again where the answer is given away.
    """
    return identifier(f"{name}{_MARK}{place}")


def told(name: str) -> str:
    bare, mark, place = name.rpartition(_MARK)
    return bare if mark and place.isdecimal() else name


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def glob_literal(path: str | Path) -> str:
    """A path whose characters DuckDB would read as a pattern stand for themselves."""
    return str(path).translate(_NO_PATTERN)


def path_list(paths: Iterable[str | Path]) -> str:
    return "[" + ", ".join(literal(glob_literal(path)) for path in paths) + "]"
