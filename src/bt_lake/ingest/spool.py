"""Frames that wait on disk until their file has been read to its end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.frames import Frames

if TYPE_CHECKING:
    import pyarrow as pa


class Spool:
    """A first-in first-out of frames in a folder of its own."""

    def __init__(self, parent: Path | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ingest-", dir=parent)
        self._count = 0

    def put(self, frames: Frames) -> None:
        for name, table in {"runs": frames.runs, **frames.children()}.items():
            _write(self._path(self._count, name), table)
        self._count += 1

    def take_all(self) -> Iterator[Frames]:
        for number in range(self._count):
            yield Frames(
                *(_read(self._path(number, name)) for name in ("runs", "equity", "trades"))
            )

    def close(self) -> None:
        self._folder.cleanup()

    def _path(self, number: int, name: str) -> Path:
        return Path(self._folder.name, f"{number:06d}-{name}.arrow")


def _write(path: Path, table: pa.Table) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> pa.Table | None:
    import pyarrow as pa

    if not path.exists():
        return None
    # Not mapped: a mapped file cannot be removed everywhere.
    with pa.OSFile(str(path)) as source:
        return pa.ipc.open_file(source).read_all()
