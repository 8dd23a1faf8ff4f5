"""Loads the SQL files beside this module; `{{name}}` stands for a piece made by our own code."""

from __future__ import annotations

from functools import cache
from pathlib import Path


def sql(name: str, **pieces: str) -> str:
    text = _file(name)
    for key, piece in pieces.items():
        text = text.replace("{{" + key + "}}", piece)
    return text


@cache
def _file(name: str) -> str:
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text("utf-8")
