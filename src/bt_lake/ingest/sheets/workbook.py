"""Workbooks (.xlsx), bounded before a library unpacks them."""

from __future__ import annotations

import html
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from bt_lake.warehouse.errors import BadInput, MissingExtra

Sheets = dict[str, list[list[Any]]]
MOST_BYTES = 256 << 20
MOST_CELLS = 20_000_000
_TEXT = re.compile(rb"<t(?:\s[^<>]*)?>([^<]*)</t>")
_CELL = re.compile(rb'<c\s[^<>]*?r="([A-Z]{1,3})(\d{1,7})"')
_LOOKED_AT = 4 << 20
_DAMAGE = (
    OSError,
    EOFError,
    RuntimeError,  # an encrypted member
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def is_one(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def strings(path: Path) -> set[str]:
    """Some of the texts of a workbook, enough to tell what it is; none where it is no workbook."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if "xl/workbook.xml" not in names:
                return set()
            parts = ("xl/sharedStrings.xml", "xl/worksheets/")
            found: set[str] = set()
            for name in [name for name in names if name.startswith(parts)][:20]:
                with archive.open(name) as file:
                    texts = _TEXT.findall(file.read(_LOOKED_AT))
                found.update(html.unescape(text.decode("utf-8", "replace")) for text in texts)
            return found
    except (*_DAMAGE, ValueError):
        return set()


def read(path: Path) -> Sheets:
    """Every sheet by its name, as rows of cells."""
    _check(path)
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise MissingExtra.needs("a workbook (.xlsx)", "excel") from None
    try:
        book = CalamineWorkbook.from_path(str(path))
        return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except CalamineError as error:
        raise BadInput(f"the workbook is damaged ({error})") from None


def _check(path: Path) -> None:
    """Refuse what inflates beyond a bound, whatever its own list of contents says."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                raise BadInput(f"the workbook unpacks to more than {MOST_BYTES >> 20} MiB")
            for member in archive.infolist():
                data = archive.read(member)  # no more than it says, and its sum must agree
                if member.filename.startswith("xl/worksheets/") and data:
                    _check_extent(data, member.filename)
    except _DAMAGE as error:
        raise BadInput(f"the workbook is cut off or damaged ({error})") from None


def _check_extent(data: bytes, name: str) -> None:
    """A cell far out costs a library all cells before it."""
    column = row = 1
    for letters, number in _CELL.findall(data):
        row = max(row, int(number))
        column = max(column, _number_of(letters))
    if row * column > MOST_CELLS:
        raise BadInput(f"{name}: {row:,} rows of {column:,} columns are more than a report has")


def _number_of(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
