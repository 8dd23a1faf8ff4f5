"""Many files that `onerun` put together, read at once: DuckDB takes 0.3 ms for each of them.

What this version wrote is known by the beginning and the end of its footer, and its pages follow
each other without a gap. A file of which anything else is true, or whose bytes are not those of its
digest any more, is left to DuckDB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bt_lake.warehouse import onerun
from bt_lake.warehouse.arrays import array, of_numpy
from bt_lake.warehouse.bounds import MIB, read_bounded
from bt_lake.warehouse.digest import digest_in, is_whole
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.onerun import Leaf
from bt_lake.warehouse.schema import schema_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_MOST_BYTES = MIB
_NUMBER = rb"[\x80-\xff]{0,4}[\x00-\x7f]"
# Of a page both sizes, the same without compression, its checksum, and how many places it has.
_PAGE = re.compile(
    rb"\x15\x00\x15(%b)\x15\1\x15%b\x1c\x15(%b)\x15\x00\x15\x06\x15\x06\x00\x00"
    % (_NUMBER, _NUMBER, _NUMBER)
)
_HEAD = re.compile(_NUMBER)
# Of a dictionary with one value its sizes, and the page that says how often.
_ONE_VALUE = re.compile(
    rb"\x15\x04\x15(%b)\x15\1\x15%b\x3c\x15\x02\x15\x00\x00\x00" % (_NUMBER, _NUMBER)
)
_REPEATED = re.compile(
    rb"\x15\x00\x15%b\x15%b\x15%b\x1c\x15(%b)\x15\x10\x15\x06\x15\x06\x00\x00\x01\1\x00"
    % (_NUMBER, _NUMBER, _NUMBER, _NUMBER)
)


_ID = Leaf(defined=0, repeated=0, is_text=True, about=b"")


class _Odd(Exception):
    """A file is not as `onerun` writes it."""


class _Page(NamedTuple):
    places: int  # an empty list has one
    known: NDArray[np.bool_] | None  # which of them have a value; None where all have
    values: Any  # of those: the bytes of numbers, or a list of texts
    is_empty: bool  # a list


def read(table: str, files: Sequence[Path]) -> tuple[list[pa.Table], list[Path]]:
    """The rows of those files that `onerun` wrote, and the other files."""
    groups: dict[tuple[str, ...], _Group] = {}
    others = []
    for file in files:
        try:
            data = read_bounded(file, _MOST_BYTES)
            if not is_whole(data, digest_in(data) or ""):
                raise _Odd
            columns = _columns_of(table, data, groups)
            group = groups.get(columns) or _Group(table, columns)
            group.add(data)
            groups[columns] = group
        except FileNotFoundError:
            raise
        except (_Odd, OSError, Damaged):  # DuckDB says what is wrong, if anything is
            others.append(file)
    return [group.rows() for group in groups.values()], others


def _columns_of(table: str, data: bytes, seen: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """The columns of a file, which mostly are those of one before it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for columns in seen:
        if _is_of(table, columns, data):
            return columns
    try:
        columns = tuple(pq.read_schema(pa.BufferReader(data)).names)
        if _is_of(table, columns, data):
            return columns
    except (pa.ArrowException, OSError, ValueError, KeyError):
        pass
    raise _Odd


def _is_of(table: str, columns: tuple[str, ...], data: bytes) -> bool:
    shape = onerun.template(table, columns)
    return data.startswith(shape.schema, _footer(data)) and data.endswith(shape.end, 0, -8)


def _footer(data: bytes) -> int:
    """Where it begins."""
    return len(data) - 8 - int.from_bytes(data[-8:-4], "little")


class _Group:
    """Files with the same columns."""

    def __init__(self, table: str, columns: tuple[str, ...]) -> None:
        self._schema = schema_of(table, columns)
        self._leaves = onerun.template(table, columns).columns
        self._counts: list[int] = []
        self._ids: list[str] = []
        # Of each column for each file what it has in its leaves.
        self._pages: list[list[list[_Page]]] = [[] for _ in columns]

    def add(self, data: bytes) -> None:
        """Take in a file, or nothing of it."""
        at, count, run_id, found = 4, -1, "", []
        for name, leaves in zip(self._schema.names, self._leaves, strict=True):
            pages = []
            if name == "run_id":
                run_id, places, at = _id(data, at)
                count = places if count < 0 else count
            for leaf in leaves if name != "run_id" else ():
                page, at = _page(data, at, leaf)
                if len(leaves) == 2 and leaf.is_text and len({*page.values}) < len(page.values):
                    raise _Odd  # a name twice
                pages.append(page)
                places = count if leaf.repeated else page.places
                count = places if count < 0 else count
            if places != count or count > len(data):
                raise _Odd
            found.append(pages)
        if at != _footer(data):
            raise _Odd
        self._counts.append(count)
        self._ids.append(run_id)
        for kept, pages in zip(self._pages, found, strict=True):
            kept.append(pages)

    def rows(self) -> pa.Table:
        import pyarrow as pa

        arrays = map(self._array, self._schema, self._leaves, self._pages)
        return pa.Table.from_arrays([*arrays], schema=self._schema)

    def _array(self, field: pa.Field, leaves: list[Leaf], files: list[list[_Page]]) -> pa.Array:
        import pyarrow as pa

        if field.name == "run_id":
            places = np.repeat(np.arange(len(self._ids)), self._counts)
            return array(self._ids, field.type).take(pa.array(places))
        if len(leaves) == 2:
            maps = (map(_items, pages) for pages in files)
            return array([dict(zip(*each, strict=True)) for each in maps], field.type)
        pages = [page for (page,) in files]
        if leaves[0].repeated:
            return array([*map(_items, pages)], field.type)
        if leaves[0].is_text:
            return array([*chain.from_iterable(map(_spread, pages))], field.type)
        return _numbers(field.type, pages)


def _id(data: bytes, at: int) -> tuple[str, int, int]:
    """The id of the run, how many rows have it, and where the next page begins."""
    one = _ONE_VALUE.match(data, at)
    if one is None:
        page, at = _page(data, at, _ID)
        return _the_one(page.values), page.places, at
    start, size = one.end(), _number(one[1])
    rows = _REPEATED.match(data, start + size)
    if rows is None:
        raise _Odd
    return _the_one(_texts(data[start : start + size])), _number(rows[1]), rows.end()


def _the_one(texts: list[str]) -> str:
    if len(texts) != 1:
        raise _Odd
    return texts[0]


def _page(data: bytes, at: int, leaf: Leaf) -> tuple[_Page, int]:
    """What a page holds, and where the next one begins."""
    header = _PAGE.match(data, at)
    if header is None:
        raise _Odd
    count, start = _number(header[2]), header.end()
    end = start + _number(header[1])
    known, is_empty = None, False
    if leaf.repeated:  # all places are of one row
        start += 4 + int.from_bytes(data[start : start + 4], "little")
    all_there = onerun.one_level(leaf.defined, count) if leaf.defined else b""
    if data.startswith(all_there, start):
        start += len(all_there)
    else:
        levels, start = _levels(data, start, count, leaf.defined)
        known = levels == leaf.defined
        is_empty = bool(leaf.repeated and levels[0] == 1)
    there = count if known is None else int(known.sum())
    values: Any = data[start:end]
    if leaf.is_text:
        values = _texts(values)
    if len(values) != (there if leaf.is_text else 8 * there) or (is_empty and count > 1):
        raise _Odd
    return _Page(count, known, values, is_empty), end


@lru_cache(maxsize=4096)
def _number(text: bytes) -> int:
    """What Thrift has of a number of none below zero."""
    return _varint(text) >> 1


def _varint(text: bytes) -> int:
    return sum((byte & 127) << 7 * place for place, byte in enumerate(text))


def _levels(data: bytes, at: int, count: int, most: int) -> tuple[NDArray[np.uint8], int]:
    """The levels of definition of so many places, and where the values begin."""
    stop = at + 4 + int.from_bytes(data[at : at + 4], "little")
    head = _HEAD.match(data, at + 4, stop)
    if head is None:
        raise _Odd
    number, body = _varint(head[0]), np.frombuffer(data[head.end() : stop], np.uint8)
    if number == 2 and count == len(body) == 1:
        return body, stop
    width = most.bit_length()
    bits = np.unpackbits(body, bitorder="little")
    if not number & 1 or len(bits) != (number >> 1) * 8 * width or len(bits) < count * width:
        raise _Odd
    each = bits[: count * width].reshape(count, width) << np.arange(width, dtype=np.uint8)
    return each.sum(axis=1, dtype=np.uint8), stop


def _texts(body: bytes) -> list[str]:
    texts, at = [], 0
    try:
        while at < len(body):
            start = at + 4
            at = start + int.from_bytes(body[at:start], "little")
            texts.append(body[start:at].decode())
    except UnicodeDecodeError:
        raise _Odd from None
    if at != len(body):
        raise _Odd
    return texts


def _spread(page: _Page) -> list[str | None]:
    """The texts of a page, None where there is none."""
    values = iter(page.values)
    if page.known is None:
        return [*values]
    return [next(values) if known else None for known in page.known.tolist()]


def _items(page: _Page) -> list[Any]:
    """The texts or numbers of the list of one row."""
    if page.is_empty:
        return []
    if isinstance(page.values, list):
        return _spread(page)
    numbers = np.frombuffer(page.values, np.float64).tolist()
    return _spread(page._replace(values=numbers))


def _numbers(kind: pa.DataType, pages: list[_Page]) -> pa.Array:
    joined = np.frombuffer(b"".join([page.values for page in pages]), np.int64)
    if all(page.known is None for page in pages):
        return of_numpy(joined, kind)
    known = np.concatenate(
        [np.ones(page.places, bool) if page.known is None else page.known for page in pages]
    )
    numbers = np.zeros(len(known), np.int64)
    numbers[known] = joined
    return of_numpy(numbers, kind, ~known)
