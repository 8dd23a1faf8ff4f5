"""What writing needs on any disk: steps, flushes, and the system's refusals explained."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bt_lake.warehouse.errors import CannotWrite
from bt_lake.warehouse.sharing import is_shared, owner, share_folder

_WINDOWS = sys.platform == "win32"


def _nothing(step: str) -> None:
    """What happens between two steps of a write: nothing, unless a test kills the process here."""


on_step: Callable[[str], None] = _nothing


def step(name: str) -> None:
    on_step(name)


def fsync_file(path: str | Path) -> None:
    # Windows flushes only handles that may write.
    descriptor = os.open(path, os.O_RDWR if _WINDOWS else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(path: str | Path) -> None:
    """Make new names in a folder durable; Windows does so by itself and has no call for it."""
    if not _WINDOWS:
        fsync_file(path)


def make_folder(path: str | Path) -> None:
    """Create a folder and every missing parent, durably."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    make_folder(parent)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
        if is_shared(parent):
            share_folder(path)
    fsync_folder(parent)


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn the file system's refusals into one clear error."""
    try:
        yield
    except OSError as error:
        raise _refusal(what, error) from error


def _refusal(what: str, error: OSError) -> CannotWrite:
    place = _refusing(error)
    return CannotWrite(f"{what}: {reason_of(error)}." + (f" ({place})" if place else ""))


def reason_of(error: OSError) -> str:
    """What the system refused and what to do, in words."""
    return {
        errno.ENOSPC: "the disk is full. Free some space and try again",
        errno.EDQUOT: "your disk quota is used up. Free some space and try again",
        errno.EROFS: "the disk is mounted read-only. Choose another lake with --lake or $BT_LAKE",
        errno.EACCES: "permission denied. Ask its owner, or choose another lake",
        errno.EPERM: "not permitted. Ask its owner, or choose another lake",
        errno.EMFILE: "this process has too many files open. Raise `ulimit -n`, or close some",
        errno.ENFILE: "this machine has too many files open",
        errno.EIO: "the disk failed to read or write. Look after the disk",
    }.get(error.errno or 0, error.strerror or str(error))


def _refusing(error: OSError) -> str:
    """The file that was refused; where permission is missing, the folder behind it, and whose."""
    if not isinstance(error.filename, str | os.PathLike):
        return ""
    place = os.fspath(error.filename)
    if error.errno not in (errno.EACCES, errno.EPERM):
        return place
    folder = os.path.dirname(place)
    while folder and not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    if folder and not os.access(folder, os.W_OK | os.X_OK):
        place = folder
    try:
        own = os.stat(place)
    except OSError:
        return place
    return f"{place} belongs to {owner(own)}, {stat.filemode(own.st_mode)}"
