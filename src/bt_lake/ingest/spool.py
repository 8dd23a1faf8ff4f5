"""Frames that wait, on disk if they are large, until their file has been read to its end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.frames import Frames

if TYPE_CHECKING:
    import pyarrow as pa


# What may wait in memory: a disk that holds more costs a tenth of an ingest.
_MOST_BYTES = 128 << 20


class Spool:
    """A first-in first-out of frames in a folder of its own."""

    def __init__(self, parent: Path | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ingest-", dir=parent)
        self._waiting: list[Frames | None] = []  # None stands for those on disk
        self._bytes = 0

    def put(self, frames: Frames) -> None:
        tables = {"runs": frames.runs, **frames.children()}
        self._bytes += sum(table.nbytes for table in tables.values())
        if self._bytes <= _MOST_BYTES:
            self._waiting.append(frames)
            return
        for name, table in tables.items():
            _write(self._path(len(self._waiting), name), table)
        self._waiting.append(None)

    def take_all(self) -> Iterator[Frames]:
        waiting, self._waiting = self._waiting[::-1], []
        for number in range(len(waiting)):
            yield waiting.pop() or Frames(
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
