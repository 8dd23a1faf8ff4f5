"""What runs print: it goes on to stderr, and the last of it is kept with the run."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

KEPT_BYTES = 65_536
_PIECE = 1 << 20
_LARGEST = 1 << 26  # of the file between: what is printed while it is emptied in a run may be lost


class Printed:
    """The output of a worker: a file, so that neither waits for the other, whatever prints."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+b", buffering=0)  # noqa: SIM115
        self._appended = _always_at_the_end(self._file.fileno())
        self._passed = 0
        self.tail = b""

    @property
    def stderr(self) -> int | None:
        """What the worker writes to; on Windows it prints to our own, and nothing is kept."""
        return self._file.fileno() if self._appended else None

    def pass_on(self) -> None:
        """Give stderr what came since."""
        if not self._appended:
            return
        while piece := os.pread(self._file.fileno(), _PIECE, self._passed):
            self._passed += len(piece)
            self.tail = (self.tail + piece)[-KEPT_BYTES:]
            _to_stderr(piece)
        if self._passed > _LARGEST:
            self._empty()

    def take(self) -> str | None:
        """What the run printed that has just ended; the next one begins with nothing."""
        self.pass_on()
        text, self.tail = _text(self.tail), b""
        if self._passed:
            self._empty()
        return text

    def _empty(self) -> None:
        os.ftruncate(self._file.fileno(), 0)
        self._passed = 0

    def close(self) -> None:
        self._file.close()


def _always_at_the_end(descriptor: int) -> bool:
    """Whoever writes to it does so behind what is there, also when it was emptied."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
    return True


def _to_stderr(piece: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more
        while piece:
            piece = piece[os.write(2, piece) :]


def _text(tail: bytes) -> str | None:
    text = tail.decode("utf-8", "replace").replace("\0", "")
    return text or None


class _Tee:
    """A stream of Python's whose texts are kept as well."""

    def __init__(self, stream: Any, kept: list[str]) -> None:
        self._stream, self._kept, self._size = stream, kept, 0

    def write(self, text: str) -> Any:
        self._kept.append(text)
        self._size += len(text)
        if self._size > 4 * KEPT_BYTES:
            self._kept[:] = ["".join(self._kept)[-KEPT_BYTES:]]
            self._size = KEPT_BYTES
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Kept:
    """What a call in this process printed, once it has ended."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    @property
    def text(self) -> str | None:
        return _text("".join(self.parts).encode("utf-8", "replace")[-KEPT_BYTES:])


@contextlib.contextmanager
def kept() -> Iterator[Kept]:
    """Keep what Python prints meanwhile; other programs and compiled code go by it."""
    said, out, err = Kept(), sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Tee(out, said.parts), _Tee(err, said.parts)
    try:
        yield said
    finally:
        sys.stdout, sys.stderr = out, err
