"""Sees what a process does outside the folders it may touch: the sentinel of the hostile lakes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Event -> places of its paths, each with that of its folder's descriptor.
_CHANGING = {
    "os.remove": [(0, 1)],
    "os.rename": [(0, 2), (1, 3)],
    "os.link": [(0, 2), (1, 3)],
    "os.symlink": [(1, 2)],
    "os.mkdir": [(0, 2)],
    "os.rmdir": [(0, 1)],
    "os.truncate": [(0, None)],
    "os.chmod": [(0, 2)],
    "os.chown": [(0, 3)],
    "shutil.rmtree": [(0, 1)],
}
_STARTING = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
    "socket.connect",
    "ctypes.dlopen",
}


class Harm(AssertionError):
    """Something happened outside."""


class Sentinel:
    def __init__(self) -> None:
        self._may: tuple[str, ...] | None = None
        self.seen: list[str] = []
        sys.dont_write_bytecode = True  # what is imported late would be written outside
        for name in ("numpy", "pandas", "polars", "pyarrow.parquet"):  # these load libraries
            import_module(name)
        sys.addaudithook(self._hook)

    @contextmanager
    def watching(self, *may: Path) -> Iterator[None]:
        """Only these folders may be changed meanwhile, and nothing be started."""
        self.seen.clear()
        self._may = tuple(f"{os.path.realpath(folder)}{os.sep}" for folder in may)
        try:
            yield
        finally:
            self._may = None
        if self.seen:
            raise Harm("; ".join(self.seen))

    def _hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._may is None:
            return
        if event == "open":
            path, _, flags = arguments
            writes = isinstance(flags, int) and flags & _WRITING and not isinstance(path, int)
            # A bare name may be in a folder's descriptor, which Python does not tell: those are
            # seen by `seen_on_disk`, and by strace.
            if writes and os.sep in os.fsdecode(path):  # type: ignore[arg-type]
                self._look(event, path, None)
        elif event in _CHANGING:
            for place, folder in _CHANGING[event]:
                self._look(event, arguments[place], None if folder is None else arguments[folder])
        elif event in _STARTING and not (event == "ctypes.dlopen" and arguments[0] is None):
            self.seen.append(f"{event} {arguments!r:.300}")

    def _look(self, event: str, path: object, folder: object) -> None:
        if isinstance(path, int):
            return
        named = os.fsdecode(path)  # type: ignore[arg-type]
        if isinstance(folder, int) and folder >= 0:
            named = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), named)
        whole = os.path.join(
            os.path.realpath(os.path.dirname(named) or "."), os.path.basename(named)
        )
        if named != os.devnull and not f"{whole}{os.sep}".startswith(self._may or ()):
            self.seen.append(f"{event} {whole}")


def seen_on_disk(folder: Path) -> dict[str, object]:
    """All there is in a folder: two looks that are equal mean that nothing was changed in it."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        state = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (state.st_mode, state.st_mtime_ns, state.st_size, content)
    return found
