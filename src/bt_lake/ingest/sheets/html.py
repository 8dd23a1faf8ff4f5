"""The rows of the tables of an HTML page, as texts; nothing else of it is looked at."""

from __future__ import annotations

import html
import re

# No part of these can begin within another: a page of openings without an end costs no time.
_ROW = re.compile(r"<tr\b[^<>]*>", re.IGNORECASE)
_CELL = re.compile(r"<t[dh]\b[^<>]*>", re.IGNORECASE)
_END = re.compile(r"</(?:t[dhr]|table)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def rows(text: str) -> list[list[str]]:
    return [[_plain(cell) for cell in _CELL.split(row)[1:]] for row in _ROW.split(text)[1:]]


def _plain(cell: str) -> str:
    cell = _END.split(cell, 1)[0]
    if "<" in cell:
        cell = _TAG.sub("", cell)
    return (html.unescape(cell) if "&" in cell else cell).strip()


def bold(text: str) -> list[str]:
    """What stands in bold outside of the tables' rows: the headings of a report."""
    head = _ROW.split(text, 1)[0]
    return [_plain(found) for found in re.findall(r"<b>([^<]*)</b>", head, re.IGNORECASE)]
