"""Parquet files of others: what they claim is looked at before anything of it is unpacked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse import bounds

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@contextmanager
def opened(path: Path) -> Iterator[pq.ParquetFile]:
    """A file that claims no more than is read. Its texts come as dictionaries: see `dense`."""
    import pyarrow.parquet as pq

    _check_footer(path)
    metadata = pq.read_metadata(path)
    bounds.check(str(path), metadata.num_columns, bounds.COLUMNS, "columns")
    bounds.check(str(path), _claimed(metadata), bounds.CELLS, "values")
    columns = [metadata.schema.column(place) for place in range(metadata.num_columns)]
    texts = [c.path for c in columns if c.physical_type == "BYTE_ARRAY" and "." not in c.path]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        yield file


def dense(rows: Any, path: Path) -> Any:
    """A table or batch with its texts as they are, if they are no more than is read."""
    import pyarrow as pa

    size = 0
    columns = []
    for column in rows.columns:
        if pa.types.is_dictionary(column.type):
            size += _unpacked_size(column)
            bounds.check(str(path), size, bounds.TEXT_BYTES, "bytes of text")
            column = column.cast(column.type.value_type)
        columns.append(column)
    return type(rows).from_arrays(columns, names=rows.schema.names)


def _check_footer(path: Path) -> None:
    with open(path, "rb") as file:
        if file.seek(0, os.SEEK_END) >= 12:
            file.seek(-8, os.SEEK_END)
            size = int.from_bytes(file.read(4), "little")
            bounds.check(f"{path}: footer", size, bounds.FOOTER_BYTES, "bytes")


def _claimed(metadata: pq.FileMetaData) -> int:
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return sum(
        max(group.column(place).num_values, group.num_rows)
        for group in groups
        for place in range(group.num_columns)
    )


def _unpacked_size(column: pa.Array | pa.ChunkedArray) -> int:
    import pyarrow.compute as pc

    chunks = getattr(column, "chunks", [column])
    lengths = (pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in chunks)
    return sum(pc.sum(pc.cast(each, "int64")).as_py() or 0 for each in lengths)
