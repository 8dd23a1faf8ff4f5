"""The rows of one run as a Parquet file, put together here: pyarrow takes 12 µs for each column.

What depends on the columns alone comes from an empty file that pyarrow writes once. Values are
plain and uncompressed: the next compaction encodes them well, and reads them by `manyruns.py`,
which knows no other form than this. Numbers in the comments are those of parquet.thrift, whose
compact form this writes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bt_lake._version import __version__
from bt_lake.warehouse.schema import schema_of

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

# From here on pyarrow is as quick, and it cuts pages.
_MANY_TEXTS = 256
_MANY_BYTES = 1 << 24
_TYPES = {"INT64": 2, "DOUBLE": 5, "BYTE_ARRAY": 6}
_PLAIN, _BY_DICTIONARY = b"\x00", b"\x10"
# Encodings of a chunk, which names levels' first.
_ALL_PLAIN, _HAS_DICTIONARY = b"\x19\x25\x06\x00", b"\x19\x35\x06\x00\x10"
# What follows the schema in the metadata of a file without rows: no rows, no groups of rows.
_NO_ROWS = b"\x16\x00\x19\x0c"


class Leaf(NamedTuple):
    """A column as Parquet has it; a map is two of them."""

    defined: int  # its greatest level of definition
    repeated: int  # and of repetition
    is_text: bool
    about: bytes  # how the metadata of its chunk begins: type, encodings, path, no compression


class Template(NamedTuple):
    schema: bytes  # how the footer begins
    end: bytes  # and how it ends
    columns: list[list[Leaf]]
    has_texts: bool  # beside run_id


def encoded(name: str, table: pa.Table, marks: Mapping[str, str]) -> bytes | None:
    """The file; None where the rows are not of one run, or of a size that pyarrow is better at."""
    count = len(table)
    if not count or (name == "runs" and count > 1):
        return None
    if table.get_total_buffer_size() > _MANY_BYTES:
        return None
    columns = {
        column: values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
        for column, values in zip(table.column_names, table.columns, strict=True)
    }
    shape = template(name, tuple(columns))
    run_id = _one_of(columns["run_id"])
    if run_id is None or (shape.has_texts and count > _MANY_TEXTS):
        return None
    pages, chunks, at = [b"PAR1"], [], 4
    for (column, values), leaves in zip(columns.items(), shape.columns, strict=True):
        if column == "run_id":
            page, chunk = _of_run(run_id, count, leaves[0], at)
            pages.append(page)
            chunks.append(chunk)
            at += len(page)
            continue
        for leaf, slots, body in _bodies(values, leaves):
            page = _data_page(slots, body, _PLAIN)
            pages.append(page)
            chunks.append(_chunk(leaf.about, slots, len(page), at))
            at += len(page)
    footer = _footer(shape, count, chunks, at - 4, marks)
    return b"".join((*pages, footer, len(footer).to_bytes(4, "little"), b"PAR1"))


@lru_cache(maxsize=64)
def template(name: str, columns: tuple[str, ...]) -> Template:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.ParquetWriter(sink, schema_of(name, columns), store_schema=False).close()
    file = sink.getvalue()
    data = file.to_pybytes()
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") : -8]
    found: dict[str, list[Leaf]] = {column: [] for column in columns}
    shape = pq.read_metadata(pa.BufferReader(file)).schema
    for place in range(len(shape)):
        leaf = shape.column(place)
        path = leaf.path.split(".")
        kind = _TYPES[leaf.physical_type]
        names = b"".join(_text(part.encode()) for part in path)
        found[path[0]].append(
            Leaf(
                leaf.max_definition_level,
                leaf.max_repetition_level,
                kind == _TYPES["BYTE_ARRAY"],
                b"\x26\x00\x1c\x15%b%b\x19%b%b\x15\x00"
                % (_int(kind), _ALL_PLAIN, bytes([len(path) << 4 | 8]), names),
            )
        )
    leaves = [*found.values()]
    has_texts = any(leaf.is_text for each in leaves for leaf in each if each is not found["run_id"])
    orders = _list(12, [b"\x1c\x00\x00"] * len(shape))
    end = b"\x18%b\x19%b\x00" % (_text(b"bt-lake version " + __version__.encode()), orders)
    return Template(footer[: footer.index(_NO_ROWS)], end, leaves, has_texts)


def _one_of(ids: pa.StringArray) -> bytes | None:
    """The id that all of these are."""
    first: bytes = ids[0].as_py().encode()
    if len(ids) == 1:
        return first
    _, places, data = ids.buffers()
    ends = np.frombuffer(places, np.int32)[ids.offset : ids.offset + len(ids) + 1]
    whole = data.slice(ends[0], ends[-1] - ends[0]).to_pybytes()
    return (
        first if (ends[1:] - ends[:-1] == len(first)).all() and whole == first * len(ids) else None
    )


def _of_run(run_id: bytes, count: int, leaf: Leaf, at: int) -> tuple[bytes, bytes]:
    """The pages of `run_id` and what is said of them, the least and greatest value included."""
    value = len(run_id).to_bytes(4, "little") + run_id
    # null_count, max_value, min_value
    statistics = b"\x36\x00\x28%b\x18%b\x00" % (_text(run_id), _text(run_id))
    if count == 1:
        page = _data_page(1, value, _PLAIN)
        return page, _chunk(leaf.about, 1, len(page), at, b"\x3c" + statistics)
    dictionary = _page(b"\x04", value, b"\x3c\x15\x02\x15\x00\x00")
    rows = _data_page(count, b"\x01" + _varint(count << 1) + b"\x00", _BY_DICTIONARY)
    about = leaf.about.replace(_ALL_PLAIN, _HAS_DICTIONARY, 1)
    rest = b"\x26%b\x1c%b" % (_int(at), statistics)
    page = dictionary + rows
    return page, _chunk(about, count, len(page), at + len(dictionary), rest)


def _bodies(values: pa.Array, leaves: list[Leaf]) -> Iterator[tuple[Leaf, int, bytes]]:
    """Of each leaf of a column how many places it has, and its levels and values."""
    if not leaves[0].repeated:
        (leaf,) = leaves
        known = _known(values)
        levels = one_level(1, len(values)) if known is None else _packed(known, 1)
        yield leaf, len(values), levels * leaf.defined + _plain(values, known, leaf.is_text)
        return
    # Only `runs` has lists and maps, and of one run there is one.
    first, last = np.frombuffer(values.buffers()[1], np.int32)[values.offset :][:2].tolist()
    inner = [values.values] if len(leaves) == 1 else [values.keys, values.items]
    for leaf, items in zip(leaves, (each[first:last] for each in inner), strict=True):
        known, slots = _known(items), max(len(items), 1)
        again = np.ones(slots, np.uint8)
        again[0] = 0
        if known is not None:
            levels = _packed(leaf.defined - 1 + known, 2)
        else:  # what is there but empty has a place and no value
            levels = one_level(leaf.defined if len(items) else 1, slots)
        body = _packed(again, 1) + levels + _plain(items, known, leaf.is_text)
        yield leaf, slots, body


def _known(values: pa.Array) -> NDArray[np.uint8] | None:
    """1 for each value, 0 for NULL; None where there is no NULL."""
    if not values.null_count:
        return None
    bits = np.frombuffer(values.buffers()[0], np.uint8)
    return np.unpackbits(bits, bitorder="little")[values.offset :][: len(values)]


def _plain(values: pa.Array, known: NDArray[np.uint8] | None, is_text: bool) -> bytes:
    if is_text:
        texts = [text.encode() for text in values.to_pylist() if text is not None]
        return b"".join([len(text).to_bytes(4, "little") + text for text in texts])
    data: bytes = values.buffers()[1].slice(8 * values.offset, 8 * len(values)).to_pybytes()
    return data if known is None else np.frombuffer(data, np.uint64)[known != 0].tobytes()


@lru_cache(maxsize=64)
def one_level(level: int, count: int) -> bytes:
    """The same level so many times."""
    return _sized(_varint(count << 1) + bytes([level]))


def _packed(levels: NDArray[np.uint8], width: int) -> bytes:
    """Levels of this many bits, eight of them together."""
    groups = -(-len(levels) // 8)
    padded = np.zeros(groups * 8, np.uint8)
    padded[: len(levels)] = levels
    bits = padded[:, None] >> np.arange(width, dtype=np.uint8) & 1
    return _sized(_varint(groups << 1 | 1) + np.packbits(bits, bitorder="little").tobytes())


def _sized(levels: bytes) -> bytes:
    return len(levels).to_bytes(4, "little") + levels


def _data_page(slots: int, body: bytes, encoding: bytes) -> bytes:
    # num_values, encoding of the values and of both levels
    header = b"\x1c\x15%b\x15%b\x15\x06\x15\x06\x00" % (_int(slots), encoding)
    return _page(b"\x00", body, header)


def _page(kind: bytes, body: bytes, header: bytes) -> bytes:
    size, crc = _int(len(body)), zlib.crc32(body)
    signed = _varint(crc << 1 if crc < 1 << 31 else ((1 << 32) - crc << 1) - 1)
    # type, both sizes, crc
    return b"\x15%b\x15%b\x15%b\x15%b%b\x00%b" % (kind, size, size, signed, header, body)


def _chunk(about: bytes, slots: int, size: int, at: int, rest: bytes = b"") -> bytes:
    # data_page_offset
    return b"%b\x26%b%b\x00\x00" % (_sized_chunk(about, slots, size), _int(at), rest)


@lru_cache(maxsize=4096)
def _sized_chunk(about: bytes, slots: int, size: int) -> bytes:
    # num_values, both sizes
    return b"%b\x16%b\x16%b\x16%b" % (about, _int(slots), _int(size), _int(size))


def _footer(
    shape: Template, count: int, chunks: list[bytes], size: int, marks: Mapping[str, str]
) -> bytes:
    pairs = [b"\x18%b\x18%b\x00" % (_text(k.encode()), _text(v.encode())) for k, v in marks.items()]
    rows = _int(count)
    # of the one group of rows its columns, size and rows; then the marks, created_by, column_orders
    return b"%b\x16%b\x19\x1c\x19%b\x16%b\x16%b\x00\x19%b%b" % (
        shape.schema, rows, _list(12, chunks), _int(size), rows, _list(12, pairs), shape.end,
    )  # fmt: skip


def _list(kind: int, items: list[bytes]) -> bytes:
    count = len(items)
    head = bytes([count << 4 | kind]) if count < 15 else bytes([0xF0 | kind]) + _varint(count)
    return head + b"".join(items)


def _text(text: bytes) -> bytes:
    return _varint(len(text)) + text


@lru_cache(maxsize=4096)
def _int(number: int) -> bytes:
    """A number of none below zero, as Thrift has signed ones."""
    return _varint(number << 1)


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    if number >> 28 and not number >> 35:  # most checksums
        low = number & 127 | 128, number >> 7 & 127 | 128, number >> 14 & 127 | 128
        return bytes((*low, number >> 21 & 127 | 128, number >> 28))
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)
