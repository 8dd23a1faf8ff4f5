"""Loads the SQL files beside this module; `{{name}}` stands for a piece made by our own code."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def sql(name: str, **pieces: str) -> str:
    """The text of a file with its pieces, in one pass: what stands in a piece stays as it is."""
    return _PLACE.sub(lambda place: pieces[place[1]], _file(name))


@cache
def _file(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text("utf-8")
