"""Texts in so many columns of a terminal: filled up, folded, cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_WIDTHLESS = ("Mn", "Me", "Cf")


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text in so many columns, to their left or right."""
    pad = " " * (width - columns_of(text))
    return pad + text if right else text + pad


def folded(text: str, width: int) -> list[str]:
    """The text in lines of at most so many columns, broken between words where there are any."""
    return packed(re.findall(r"(?:^|(?<=\S))\s*+\S+", text), width)


def packed(words: Iterable[str], width: int) -> list[str]:
    """Words, each with the space before it, in lines of at most so many columns."""
    lines = [""]
    for word in words:
        if columns_of(lines[-1] + word) <= width:
            lines[-1] += word
            continue
        rest = word.lstrip()
        if lines[-1]:
            lines.append("")
        while columns_of(rest) > width:
            lines[-1] = _fitting(rest, width)
            rest = rest[len(lines[-1]) :]
            lines.append("")
        lines[-1] = rest
    return lines


def shortened(text: str, width: int) -> str:
    """The text in at most so many columns, an ellipsis where something is missing."""
    return text if columns_of(text) <= width else _fitting(text, width - 1) + "…"


def _fitting(text: str, width: int) -> str:
    """As many of the first characters as fit, at least one."""
    used = 0
    for place, char in enumerate(text):
        used += columns_of(char)
        if used > width:
            return text[: max(place, 1)]
    return text


def columns_of(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.category(c) in _WIDTHLESS
        else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )
