"""The file formats that `ingest` knows, told apart by content."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from bt_lake.ingest.formats.reading import head_of
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.ingest.sheets.hints import Hints


class Format(Protocol):
    def matches(self, path: Path, head: bytes) -> bool: ...

    def read(self, path: Path) -> Iterator[Run | BadRow]: ...


class Hinted(Protocol):
    """A format of files that do not say everything: in which zone, which date comes first."""

    def read(self, path: Path, hints: Hints) -> Iterator[Run | BadRow]: ...


# Formats with a mark of their own come before those that are told by any of many names.
_PLATFORMS = ("tradingview", "metatrader", "trade_list")
_NAMES = ("freqtrade", "lean", *_PLATFORMS, "documents", "rows")


def recognise(path: Path) -> Format | None:
    """The format of a file, None where it is no result of a backtest."""
    from bt_lake.ingest.formats import documents

    head = head_of(path)
    if documents.begins(head):
        return documents
    for name in _NAMES if head else ():
        format = _format(name)
        if format.matches(path, head):
            return format
    return None


def reader(path: Path, hints: Hints) -> Iterator[Run | BadRow] | None:
    """What a file holds, read with what its user says of it; None where it is no result."""
    said = "trade_list" if hints.trades else "return_files" if hints.returns else None
    format = _format(said) if said else recognise(path)
    if format is None:
        return None
    if said or any(format is _format(name) for name in _PLATFORMS):
        return cast(Hinted, format).read(path, hints)
    return format.read(path)


def _format(name: str) -> Format:
    return cast(Format, import_module(f"bt_lake.ingest.formats.{name}"))
