"""The file formats that `ingest` knows, told apart by content."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from bt_lake.ingest.formats.reading import head_of
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run


class Format(Protocol):
    def matches(self, path: Path, head: bytes) -> bool: ...

    def read(self, path: Path) -> Iterator[Run | BadRow]: ...


# Formats with a mark of their own come before those that are told by any of many names.
_NAMES = ("freqtrade", "lean", "documents", "rows")


def recognise(path: Path) -> Format | None:
    """The format of a file, None where it is no result of a backtest."""
    from bt_lake.ingest.formats import documents

    head = head_of(path)
    if documents.begins(head):
        return documents
    for name in _NAMES if head else ():
        format = cast(Format, import_module(f"bt_lake.ingest.formats.{name}"))
        if format.matches(path, head):
            return format
    return None
