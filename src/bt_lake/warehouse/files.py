"""Durable files: write, fsync, publish under a name that nobody has yet."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bt_lake.warehouse.errors import CannotWrite

_WINDOWS = sys.platform == "win32"
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


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
    fsync_folder(parent)


def write_durably(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def publish(staged: str | Path, final: str | Path) -> None:
    """Give a staged file its final name, or raise FileExistsError: a name is never replaced."""
    try:
        os.link(staged, final)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_without_replacing(staged, final)


def _rename_without_replacing(staged: str | Path, final: str | Path) -> None:
    """For file systems without hard links."""
    if _WINDOWS:
        os.rename(staged, final)
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    old, new, here = (
        os.fsencode(staged),
        os.fsencode(final),
        -2 if sys.platform == "darwin" else -100,
    )
    if sys.platform == "darwin":
        failed = libc.renamex_np(old, new, 4)
    else:
        failed = libc.renameat2(here, old, here, new, 1)
    if failed:
        number = ctypes.get_errno()
        if number == errno.EEXIST:
            raise FileExistsError(number, os.strerror(number), str(final))
        raise CannotWrite(
            f"{os.path.dirname(final)}: this file system has neither hard links nor a rename that "
            "does not replace, so no write to it would be safe. Put the lake on another disk."
        )


def remove(path: str | Path) -> bool:
    """Unlink a file; whether it was there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn the file system's refusals into one clear error."""
    try:
        yield
    except OSError as error:
        raise _refusal(what, error) from error


def _refusal(what: str, error: OSError) -> CannotWrite:
    remedy = {
        errno.ENOSPC: "the disk is full. Free some space and save again",
        errno.EDQUOT: "your disk quota is used up. Free some space and save again",
        errno.EROFS: "the disk is mounted read-only. Choose another lake with --lake or $BT_LAKE",
        errno.EACCES: "permission denied. Check who owns the folder, or choose another lake",
        errno.EPERM: "not permitted. Check who owns the folder, or choose another lake",
    }.get(error.errno or 0, error.strerror or str(error))
    place = error.filename if isinstance(error.filename, str) else ""
    return CannotWrite(f"{what}: {remedy}." + (f" ({place})" if place else ""))


@contextlib.contextmanager
def advisory_lock(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a lock that the system frees when the process ends; gives whether it was obtained."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        yield _lock(descriptor, wait)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, wait: bool) -> bool:
    if sys.platform == "win32":
        import msvcrt
        import time

        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
                return True
            except OSError:
                if not wait:
                    return False
                time.sleep(0.05)
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
