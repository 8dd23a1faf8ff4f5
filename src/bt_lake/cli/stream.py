"""stdout, or the file that stands in for it: the one place where data leaves."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from bt_lake.warehouse.errors import CannotWrite
from bt_lake.warehouse.wholefile import whole_file


class ReaderGone(Exception):
    """Whoever read stdout has seen enough."""


@contextlib.contextmanager
def stream(path: Path | None) -> Iterator[IO[bytes]]:
    """The file appears whole or not at all; a closed pipe ends the command quietly."""
    if path is not None:
        with whole_file(path) as file:
            yield file
        return
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is still buffered must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise ReaderGone from None
        raise CannotWrite(f"cannot write the answer: {error.strerror}") from None


def write(path: Path | None, pieces: Iterable[str]) -> None:
    with stream(path) as out:
        for piece in pieces:
            out.write(piece.encode("utf-8", "surrogateescape"))
