"""How much is kept of lakes in object stores: what was used longest ago goes first.

Only curves and trades go. Who needs one again brings it again, and who was about to read it, too.
All else is what the folder is listed for: without it the lake would seem to have less.
"""

from __future__ import annotations

import math
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bt_lake.warehouse.ids import CHILDREN, children_of
from bt_lake.warehouse.layout import KEPT_OF
from bt_lake.warehouse.log import is_log
from bt_lake.warehouse.paths import data_file

_FOLDER = re.compile(r"[0-9a-f]{16}")
_IN_USE_S = 60.0  # what was used so lately stays: somebody may be reading it
_MARKED_EVERY_S = 10.0
_LOOKED_EVERY_S = 60.0  # others bring files, too
# Who began to write a file so long ago was killed; what is staged may wait for other files.
_ABANDONED_S = 3600.0
_STAGED_S = 86_400.0


class _Kept(NamedTuple):
    used_at: float
    size: int
    path: Path
    may_go: bool


class Room:
    """The folder of all lakes, as this process last saw it, and what it has brought since."""

    def __init__(self, folder: Path, most: float) -> None:
        self._folder = folder
        self._most = most
        self._held = 0.0
        self._looked = -_LOOKED_EVERY_S

    def make(self, coming: int) -> None:
        """Before so many bytes come: what a question brings, it keeps."""
        over = self._held + coming > self._most
        if over or time.monotonic() - self._looked > _LOOKED_EVERY_S:
            self._held = trim(self._folder, self._most - coming, self._most / 16)
            self._looked = time.monotonic()
        self._held += coming


def is_kept(path: Path) -> bool:
    """Whether a file is there; it is used now."""
    with suppress(OSError):
        there = os.stat(path)
        if time.time() - there.st_atime > _MARKED_EVERY_S:
            os.utime(path, ns=(time.time_ns(), there.st_mtime_ns))
        return stat.S_ISREG(there.st_mode)
    return False


def trim(folder: Path, most: float, more: float = 0.0) -> int:
    """If there are more bytes, remove what may go, and some more; gives how many are left."""
    found = [kept for lake in _lakes(folder) for kept in _files(lake)]
    held = sum(kept.size for kept in found)
    if held > most:
        oldest_first = sorted(kept for kept in found if kept.may_go)
        latest = time.time() - _IN_USE_S
        for kept in oldest_first:
            if held <= most - more or kept.used_at > latest:
                break
            with suppress(OSError):  # another process was faster, or Windows: it is read
                kept.path.unlink()
                held -= kept.size
    return held


def _lakes(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        for entry in os.scandir(folder):
            if _FOLDER.fullmatch(entry.name) and os.path.isfile(f"{entry.path}{os.sep}{KEPT_OF}"):
                yield Path(entry.path)


def _files(lake: Path) -> Iterator[_Kept]:
    """What is kept of a lake; what was left unfinished by who was killed goes at once."""
    logs = [name for name in _names(lake / "_log") if is_log(f"_log/{name}")]
    epoch = int(max(logs, default="0")[:8])
    for where, _, names in os.walk(lake):
        for name in names:
            path = Path(where, name)
            with suppress(OSError):  # it went
                there = path.lstat()
                told = path.relative_to(lake).as_posix()
                if time.time() - there.st_mtime > _unfinished_s(told):
                    path.unlink()
                    continue
                yield _Kept(there.st_atime, there.st_size, path, _may_go(told, epoch))


def _unfinished_s(name: str) -> float:
    """How long a file may be unfinished; an image is dropped as a whole, by who makes another."""
    if name.endswith(".part"):
        return _ABANDONED_S
    staged = name.startswith("_stage/") and not name.startswith("_stage/image-")
    return _STAGED_S if staged and not name.endswith(".lock") else math.inf


def _names(folder: Path) -> list[str]:
    with suppress(OSError):
        return os.listdir(folder)
    return []


def _may_go(name: str, epoch: int) -> bool:
    """Not where the folder tells what a commit has, nor what is about to be published."""
    if name.startswith("_part/"):
        return True
    file = data_file(name)
    if file is None or file.table not in CHILDREN:
        return False
    if file.commit is not None:
        return children_of(file.commit) is not None
    return (file.epoch or 0) <= epoch
