"""Parameter values as people type them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from bt_lake.warehouse.errors import BadInput

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
# A code, a time or an account number: 007 is no 7.
_PADDED = re.compile(r"[+-]?0[0-9].*")
_WORDS = {"true": True, "false": False, "null": None}


def is_integer(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and _PADDED.fullmatch(text) is None


def value(text: str) -> Any:
    """A number, true, false, null, JSON in quotes or brackets; anything else is text."""
    if text[:1] in ('"', "[", "{"):
        return from_json(text)
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if is_integer(text):
        return int(text)
    return float(text) if is_number(text) else text


def from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{text} begins like JSON and is none: {error}") from None


def named(option: str, texts: Iterable[str]) -> dict[str, str]:
    """`NAME=TEXT` of an option given several times."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, rest = text.partition("=")
        name = name.strip()
        if not (sign and name.isidentifier()):
            raise BadInput(f"{option} {text}: write NAME=VALUE, where NAME is a parameter's name")
        if name in found:
            raise BadInput(f"{option} {text}: {name} is given twice")
        found[name] = rest.strip()
    return found
