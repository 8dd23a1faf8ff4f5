"""Of a large file in an object store, the groups of rows that may hold some runs.

Each is kept as a Parquet file of its own, so that nobody can take for rows what was not brought.
The digest of a file proves nothing of its parts: the object must have the length that the log says
and stay the same one, and a part the rows that the footer says.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.keeping import is_kept
from bt_lake.warehouse.log import Added
from bt_lake.warehouse.objects import Objects

if TYPE_CHECKING:
    import pyarrow.parquet as pq

LARGE_BYTES = 4 << 20  # what is smaller comes whole: one request, and proved
FOLDER = "_part"
NAME = re.compile(rf"({FOLDER}/m-([0-9]{{8}})-[0-9a-f]{{32}})\.(?:footer|[0-9]+\.parquet)")
_TAIL_BYTES = 128 << 10  # few footers are longer
_END = b"PAR1"
# Brings these groups of rows, of so many bytes.
Bring = Callable[[int, Sequence[Callable[[], None]]], None]


class _Group(NamedTuple):
    number: int
    start: int
    end: int


class Parts:
    """Those of one lake; `keep` puts a file into the folder that stands for it."""

    def __init__(
        self, objects: Objects, root: Path, keep: Callable[[str, bytes], None], bring: Bring
    ) -> None:
        self._objects = objects
        self._root = root
        self._keep = keep
        self._bring = bring

    def holding(self, add: Added, run_ids: Sequence[str]) -> list[str] | None:
        """The parts that have these sorted runs, brought here; None if the file is as good."""
        mark, footer = self._footer(add)
        wanted = [*_groups(footer, run_ids)]
        if 2 * sum(group.end - group.start for group in wanted) > add.bytes:
            return None
        names = {group: f"{stem(add)}.{group.number}.parquet" for group in wanted}
        missing = [group for group in wanted if not is_kept(self._root / names[group])]

        def read(groups: Sequence[_Group]) -> None:
            start, end = groups[0].start, groups[-1].end
            data = self._read(add, start, end - start, mark)
            for group in groups:
                rows = _rows(footer, group, data[group.start - start : group.end - start])
                self._keep(names[group], rows)

        size = sum(group.end - group.start for group in missing)
        self._bring(size, [partial(read, some) for some in _neighbours(missing)])
        return [*names.values()]

    def _footer(self, add: Added) -> tuple[str, pq.FileMetaData]:
        """What tells the object from another that takes its name, and the footer."""
        name = f"{stem(add)}.footer"
        if not is_kept(self._root / name):
            tail, mark = self._objects.read_range(
                add.path, max(add.bytes - _TAIL_BYTES, 0), min(add.bytes, _TAIL_BYTES), add.bytes
            )
            size = int.from_bytes(tail[-8:-4], "little") + 8
            if not tail.endswith(_END) or size > add.bytes:
                raise Damaged(f"{self._objects.url}/{add.path} has no footer of a Parquet file")
            if size > len(tail):
                tail = self._read(add, add.bytes - size, size, mark)
            self._keep(name, mark.encode() + b"\n" + tail[-size:])
        told, _, footer = (self._root / name).read_bytes().partition(b"\n")
        try:
            return told.decode(), _parsed(footer, f"{self._objects.url}/{add.path}")
        except Damaged:
            (self._root / name).unlink(missing_ok=True)  # it may be what is kept that has rotted
            raise

    def _read(self, add: Added, start: int, length: int, mark: str) -> bytes:
        return self._objects.read_range(add.path, start, length, add.bytes, mark)[0]


def stem(add: Added) -> str:
    """How the names of a file's parts begin."""
    return f"{FOLDER}/{os.path.basename(add.path).removesuffix('.parquet')}"


def _parsed(footer: bytes, where: str) -> pq.FileMetaData:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(pa.BufferReader(_END + footer))
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{where} has no footer of a Parquet file ({error})") from None


def _groups(footer: pq.FileMetaData, run_ids: Sequence[str]) -> Iterator[_Group]:
    """Those that may hold some of the runs, by what the footer says of each."""
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        columns = [group.column(place) for place in range(group.num_columns)]
        of_runs = next((c.statistics for c in columns if c.path_in_schema == "run_id"), None)
        if of_runs is not None and of_runs.has_min_max:
            place = bisect_left(run_ids, of_runs.min)
            if place == len(run_ids) or run_ids[place] > of_runs.max:
                continue
        starts = [c.dictionary_page_offset or c.data_page_offset for c in columns]
        ends = [s + c.total_compressed_size for s, c in zip(starts, columns, strict=True)]
        yield _Group(number, min(starts), max(ends))


def _neighbours(groups: Sequence[_Group]) -> list[list[_Group]]:
    """Groups that lie one after another are read in one go."""
    placed = groupby(enumerate(groups), lambda each: each[1].number - each[0])
    return [[group for _, group in some] for _, some in placed]


def _rows(footer: pq.FileMetaData, group: _Group, data: bytes) -> bytes:
    """A Parquet file of the rows of one group, with the columns and field ids as they were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    window = pa.PythonFile(_Window(data, group), mode="r")
    rows = pq.ParquetFile(window, metadata=footer, pre_buffer=False).read_row_group(
        group.number, use_threads=False
    )
    assert len(rows) == footer.row_group(group.number).num_rows
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", store_schema=False)
    made: bytes = sink.getvalue().to_pybytes()
    return made


class _Window:
    """A file of which some bytes are here; no other can be read."""

    closed = False

    def __init__(self, data: bytes, group: _Group) -> None:
        self._data = data
        self._start, self._end = group.start, group.end
        self._at = 0

    def read(self, count: int = -1) -> bytes:
        at = self._at - self._start
        if at < 0 or count < 0 or self._at + count > self._end:
            raise OSError(f"{count} bytes at {self._at} were not brought")
        self._at += count
        return self._data[at : at + count]

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """There is nothing to close."""
