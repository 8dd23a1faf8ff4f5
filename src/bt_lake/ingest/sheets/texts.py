"""Bytes of a file that a person may have saved anew -> text."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(rb"charset\s*=\s*+[\"']?+\s*+([A-Za-z0-9_-]{1,20})", re.IGNORECASE)
# Three letters of the upper half in a row: Cyrillic words are made of them, accents stand alone.
_CYRILLIC = re.compile(rb"[\xc0-\xff]{3}")
_KNOWN = {"windows-1251": "cp1251", "cp1251": "cp1251", "windows-1252": "cp1252"}


def decode(data: bytes, *, whole: bool = True) -> str:
    """The text; `whole` is False for the first part of a file, which may end within a letter."""
    name = _encoding(data)
    decoder = codecs.getincrementaldecoder(name)("replace" if name != "utf-8" else "strict")
    try:
        return decoder.decode(data, whole)
    except UnicodeDecodeError:
        return data.decode(_legacy(data), "replace")


def _encoding(data: bytes) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    start = data[:200]
    if start.count(0) * 3 > len(start) > 1:
        return "utf-16-be" if start[:1] == b"\0" else "utf-16-le"
    return "utf-8"


def _legacy(data: bytes) -> str:
    said = _CHARSET.search(data[:4096])
    named = _KNOWN.get(said.group(1).decode().lower()) if said else None
    return named or ("cp1251" if _CYRILLIC.search(data[:200_000]) else "cp1252")
