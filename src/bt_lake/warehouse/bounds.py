"""How much is read of what others wrote: one table, from which code, documents and tests take it.

A lake, a result file or a store may come from anybody, and a few kilobytes may claim to be much.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bt_lake.warehouse.errors import BadInput, Damaged

MIB = 1 << 20

LOG_BYTES = 256 * MIB
CARD_BYTES = MIB
DOCUMENT_BYTES = 256 * MIB
SOURCE_BYTES = 16 * MIB
FOOTER_BYTES = 64 * MIB
COLUMNS = 10_000
CELLS = 250_000_000
TEXT_BYTES = 1024 * MIB
ROWS = 100_000_000
STORE_VALUE_BYTES = 256 * MIB
PAGE_BYTES = 64 * MIB
ARRAY_BYTES = 4096 * MIB


class Bound(NamedTuple):
    what: str
    most: int
    unit: str
    why: str


BOUNDS = (
    Bound("a log of a lake", LOG_BYTES, "bytes", "a million files in the grace period fit"),
    Bound(
        "`lake.json`, `lake.sql`, a lock",
        CARD_BYTES,
        "bytes",
        "a few hundred bytes, and 60 KB of SQL",
    ),
    Bound("a run document or a line of NDJSON, unpacked", DOCUMENT_BYTES, "bytes", "gzip bombs"),
    Bound("a member of a zip, unpacked", DOCUMENT_BYTES, "bytes", "zip bombs"),
    Bound("a source file that a run names", SOURCE_BYTES, "bytes", "it is parsed whole"),
    Bound(
        "a file of an MLflow folder",
        DOCUMENT_BYTES,
        "bytes",
        "YAML is flat lines: an alias is text",
    ),
    Bound("the footer of a Parquet file", FOOTER_BYTES, "bytes", "it is parsed whole"),
    Bound("columns of a Parquet or CSV file", COLUMNS, "columns", ""),
    Bound("rows of a curve or of trades", ROWS, "rows", "sixty years of minutes, thrice"),
    Bound(
        "values that a Parquet file claims", CELLS, "values", "runs of equal values take no room"
    ),
    Bound(
        "texts of a Parquet file, unpacked", TEXT_BYTES, "bytes", "one long text may stand for all"
    ),
    Bound("a value of a SQLite file", STORE_VALUE_BYTES, "bytes", "a view may make up any"),
    Bound("rows of a SQLite table or view", ROWS, "rows", "a view may never end"),
    Bound(
        "an array of a Zarr store, and a chunk of it",
        ARRAY_BYTES,
        "bytes",
        "what is not stored is filled in",
    ),
)


def line(bound: Bound) -> str:
    """As the documents show it."""
    most = f"{bound.most // MIB:,} MiB" if bound.unit == "bytes" else f"{bound.most:,} {bound.unit}"
    return f"| {bound.what} | {most} | {bound.why} |"


def read_bounded(path: Path, most: int) -> bytes:
    """A regular file that is no longer than it may be: not a pipe, not a device."""
    check_regular(path, most)
    with open(path, "rb") as file:
        return file.read(most)


def check_regular(path: Path, most: int) -> None:
    state = os.stat(path)
    if not stat.S_ISREG(state.st_mode):
        raise Damaged(f"{path} is not a file.")
    if state.st_size > most:
        raise Damaged(f"{path} has {state.st_size:,} bytes; at most {most:,} are read.")


def check(what: str, count: int, most: int, unit: str) -> None:
    if count > most:
        raise BadInput(f"{what}: {count:,} {unit}; at most {most:,} are read")


def product(numbers: Iterable[int]) -> int:
    whole = 1
    for number in numbers:
        whole *= number
    return whole
