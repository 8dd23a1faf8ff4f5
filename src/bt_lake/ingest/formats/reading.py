"""Reading files that may be huge, compressed, damaged, or still being written."""

from __future__ import annotations

import gzip
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from bt_lake.warehouse.bounds import DOCUMENT_BYTES
from bt_lake.warehouse.errors import BadInput, NotFound

T = TypeVar("T")
U = TypeVar("U")
# One line, or one document, may be this long: a gzip bomb ends here.
MOST_BYTES = DOCUMENT_BYTES
HEAD_BYTES = 64 << 10
# So many items are made before they are asked for, unless they are large.
_AHEAD, _AHEAD_BYTES = 8, 32 << 20
_GZIP = b"\x1f\x8b"


class Line(NamedTuple):
    number: int  # from 1
    text: bytes
    position: int  # bytes of the file that are read so far


def lines(path: Path) -> Iterator[Line]:
    """The lines of a plain or gzipped file, one at a time."""
    with steady(path), explained(path), open(path, "rb") as raw:
        yield from lines_of(raw, str(path))


def lines_of(raw: BinaryIO, name: str) -> Iterator[Line]:
    file = _unpacked(raw)
    number = 0
    while text := file.readline(MOST_BYTES + 1):
        number += 1
        _check_size(len(text), f"{name}:{number}")
        yield Line(number, text, raw.tell() if raw.seekable() else 0)


def content(path: Path) -> bytes:
    """A whole file, unpacked, if it is no longer than a document may be."""
    with steady(path), explained(path), open(path, "rb") as raw:
        data = _unpacked(raw).read(MOST_BYTES + 1)
    _check_size(len(data), str(path))
    return data


def head_of(path: Path) -> bytes:
    """The first bytes of a file, unpacked; what is damaged already there counts as no content."""
    try:
        with explained(path), open(path, "rb") as raw:
            return _unpacked(raw).read(HEAD_BYTES)
    except BadInput:
        return b""


@contextmanager
def steady(path: Path) -> Iterator[None]:
    """Refuse a file that changes while it is read."""
    before = _state(path)
    yield
    if _state(path) != before:
        raise BadInput(f"{path}: changed while it was read; ingest it when its writer is done")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """The reasons why a file cannot be read, in one line."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: the gzip data is cut off or damaged ({error})") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from None


def ahead(items: Iterator[T], size: Callable[[T], int], work: Callable[[T], U]) -> Iterator[U]:
    """What the work makes of each item, in order; threads do it, while the caller does its own."""
    end: Any = object()
    change = Condition()
    waiting = 0  # bytes of what is there and not taken
    is_over = False

    def begin() -> Any:
        nonlocal waiting
        with change:
            change.wait_for(lambda: waiting < _AHEAD_BYTES or is_over)
        item = end if is_over else next(items, end)
        if item is end:
            return end
        with change:
            waiting += size(item)
        return size(item), workers.submit(work, item)

    reader, workers = ThreadPoolExecutor(1), ThreadPoolExecutor(2)
    try:
        coming = deque(reader.submit(begin) for _ in range(_AHEAD))
        while (begun := coming.popleft().result()) is not end:
            taken, result = begun
            made = result.result()
            with change:
                waiting -= taken
                change.notify()
            coming.append(reader.submit(begin))
            yield made
    finally:
        with change:
            is_over = True
            change.notify()
        reader.shutdown(cancel_futures=True)
        workers.shutdown(cancel_futures=True)


def _unpacked(raw: BinaryIO) -> BinaryIO:
    peek = raw.peek(2)[:2]  # type: ignore[attr-defined]
    return cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if peek == _GZIP else raw


def _check_size(size: int, place: str) -> None:
    if size > MOST_BYTES:
        raise BadInput(f"{place}: longer than {MOST_BYTES >> 20} MiB, too long for a run document")


def _state(path: Path) -> tuple[int, int, int]:
    try:
        state = os.stat(path)
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from None
    return state.st_size, state.st_mtime_ns, state.st_ino
