"""Which files an ingest reads, in an order that is always the same."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bt_lake.ingest.formats.lakes import is_lake
from bt_lake.ingest.settling import is_left_behind
from bt_lake.warehouse.errors import BadInput, NotFound

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Source:
    path: Path
    named: bool  # given by name, not found in a folder: it must be of a known format
    size: int = 0
    modified_ns: int | None = None
    is_lake: bool = False

    @property
    def is_stdin(self) -> bool:
        return str(self.path) == STDIN


def sources(paths: Iterable[str | os.PathLike[str]], own: Path) -> list[Source]:
    """The files and lakes below the paths; the own lake, hidden files and drafts are left out."""
    found: dict[Path, Source] = {}
    for path in paths:
        if not os.fspath(path):
            raise BadInput("'' names no file and no folder; write . for this folder")
        for source in _sources(Path(path), own):
            found.setdefault(source.path, source)
    return list(found.values())


def _sources(path: Path, own: Path) -> Iterator[Source]:
    if str(path) == STDIN:
        yield Source(path, named=True)
    elif path.is_dir():
        if is_lake(path) and path.resolve() == own.resolve():
            raise BadInput(f"{path} is this lake itself; give the folder of another")
        yield from _below(path, own)
    elif source := _file(path, named=True):
        yield source
    else:
        raise NotFound(f"{path}: no such file or folder; a pipe is read from -")


def _below(folder: Path, own: Path) -> Iterator[Source]:
    for parent, folders, names in os.walk(folder, onerror=_refuse):
        here = Path(parent)
        if is_lake(here):
            folders.clear()
            if here.resolve() != own.resolve():
                yield Source(here, named=False, is_lake=True)
            continue
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for name in sorted(name for name in names if not (_hidden(name) or is_left_behind(name))):
            if source := _file(here / name, named=False):
                yield source


def _file(path: Path, *, named: bool) -> Source | None:
    """A regular file; None for a pipe, a device, or what has just been deleted."""
    try:
        state = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(state.st_mode):
        return None
    return Source(path, named, state.st_size, state.st_mtime_ns)


def _hidden(name: str) -> bool:
    return name.startswith((".", "_"))


def _refuse(error: OSError) -> NoReturn:
    raise BadInput(f"{error.filename}: cannot be read ({error.strerror})") from None
