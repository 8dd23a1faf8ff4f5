"""Texts in the cells of a CSV file: they come back as they were, and act in no spreadsheet."""

from __future__ import annotations

import json
import re

from bt_lake.warehouse.values import NO_VALUE

# What spreadsheets take for the begin of a formula, full-width forms included, with the apostrophes
# that are before it; RE2 reads it, too.
ACTIVE = "^'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
# A text that is a number stays one: no spreadsheet makes anything else of it.
_NUMBER = r"[+-]?([0-9]++\.?[0-9]*+|\.[0-9]++)([eE][+-]?[0-9]{1,9})?"
_ACTIVE = re.compile(ACTIVE)
_IS_NUMBER = re.compile(_NUMBER)
_LONGEST_NUMBER = 40


def inert(text: str) -> str:
    """The text, behind an apostrophe where it could act, or looks like one that got it."""
    return f"'{text}" if _acts(text) else text


def read(text: str) -> str:
    """The text of a cell that `inert` made of one, or `quoted`, or both."""
    return unquoted(bared(text))


def bared(text: str) -> str:
    """The text that `inert` wrote."""
    return text[1:] if text[:1] == "'" and _acts(text[1:]) else text


def quoted(text: str) -> str:
    """A text in quotes of its own where it looks like no value or has some."""
    return json.dumps(text, ensure_ascii=False) if _needs_quotes(text) else text


def unquoted(text: str) -> str:
    """The text that `quoted` wrote."""
    if text[:1] == text[-1:] == '"' and len(text) > 1:
        try:
            inner = json.loads(text)
        except ValueError:
            return text
        return inner if _needs_quotes(inner) else text
    return text


def _acts(text: str) -> bool:
    if not _ACTIVE.match(text):
        return False
    bare = text.lstrip("'")
    return len(bare) > _LONGEST_NUMBER or not _IS_NUMBER.fullmatch(bare)


def _needs_quotes(text: str) -> bool:
    return text in NO_VALUE or (len(text) > 1 and text[0] == text[-1] == '"')
