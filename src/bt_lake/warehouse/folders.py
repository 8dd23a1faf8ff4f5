"""The folders of a lake, held open: who makes, links, renames or unlinks a file there does it here.

A lake may come from anybody. So each folder is opened from the one above it and never through a
symbolic link: nothing is written or unlinked outside the lake. Only its root may be one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bt_lake.warehouse.errors import CannotWrite, Damaged
from bt_lake.warehouse.files import make_folder
from bt_lake.warehouse.layout import Layout

_WINDOWS = sys.platform == "win32"
# Windows has no descriptors of folders: there each is looked at before it is used.
_BY_DESCRIPTOR = not _WINDOWS
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_NO_BLOCK = getattr(os, "O_NONBLOCK", 0)
_AS_IT_IS = {"follow_symlinks": False} if os.link in os.supports_follow_symlinks else {}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_REPARSE_LINKS = {0xA000000C, 0xA0000003}  # symbolic links and junctions of Windows

# Folders whose names are surely on disk; the system has flushed what is older.
_sure: set[tuple[str, str]] = set()
_LATELY_S = 3600.0


class Folders:
    """Names are relative to the lake's root and separated by `/`."""

    def __init__(self, root: str | Path) -> None:
        self._root = os.fspath(root)
        self._held: dict[str, int | None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for descriptor in self._held.values():
            if descriptor is not None:
                os.close(descriptor)
        self._held.clear()

    def make_folder(self, name: str) -> None:
        """Create a folder and every missing one above it, durably."""
        try:
            self._folder(name)
        except FileNotFoundError:
            above = name.rpartition("/")[0]
            if above:
                self.make_folder(above)
            with self._at(name) as (last, folder), contextlib.suppress(FileExistsError):
                os.mkdir(last, dir_fd=folder)
            self.flush_folder(above)
        else:
            self._make_sure_of(name)

    def _make_sure_of(self, name: str) -> None:
        """Whoever made a folder lately may have died before its name was durable."""
        if (self._root, name) not in _sure:
            above = name.rpartition("/")[0]
            if time.time() - os.stat(f"{self._root}{os.sep}{above}").st_mtime < _LATELY_S:
                self.flush_folder(above)
            _sure.add((self._root, name))

    def create(self, name: str) -> IO[bytes]:
        """A new file, open for writing."""
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _BINARY
        with self._at(name) as (last, folder):
            return os.fdopen(os.open(last, how, 0o666, dir_fd=folder), "wb")

    def write(self, name: str, data: bytes) -> None:
        """A new file with this content, durable."""
        try:
            with self.create(name) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno != errno.EEXIST:
                with contextlib.suppress(OSError):  # a full disk needs no half files
                    self.remove(name)
            raise

    def publish(self, staged: str, final: str) -> None:
        """Give a staged file its final name, or raise FileExistsError: a name is never replaced."""
        with self._at(staged) as (old, old_folder), self._at(final) as (new, new_folder):
            try:
                os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, **_AS_IT_IS)
            except FileExistsError:
                raise
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                _rename_without_replacing(old, old_folder, new, new_folder)

    def copy(self, name: str, target: str) -> None:
        """A second name for a file, or a copy where there are no hard links; durable either way."""
        with self._at(name) as (old, old_folder), self._at(target) as (new, new_folder):
            if not stat.S_ISREG(self._status(old, old_folder).st_mode):
                raise Damaged(f"{self._root}/{name} is not a file but a link or something else.")
            with contextlib.suppress(OSError):
                os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, **_AS_IT_IS)
                return
            how = os.O_RDONLY | _NO_FOLLOW | _BINARY
            with (
                os.fdopen(os.open(old, how, dir_fd=old_folder), "rb") as source,
                self.create(target) as sink,
            ):
                shutil.copyfileobj(source, sink, 1 << 20)
                sink.flush()
                os.fsync(sink.fileno())

    def rename(self, name: str, target: str) -> None:
        """Move a file within the lake; a link is moved as what it is."""
        with self._at(name) as (old, old_folder), self._at(target) as (new, new_folder):
            os.rename(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder)

    def remove(self, name: str) -> bool:
        """Unlink a file; whether it was there."""
        try:
            with self._at(name) as (last, folder):
                os.unlink(last, dir_fd=folder)
        except FileNotFoundError:
            return False
        return True

    def remove_tree(self, name: str) -> None:
        """Remove a folder and all in it; links in it go, what they point to stays."""
        with self._at(name) as (last, folder):
            shutil.rmtree(last, dir_fd=folder)

    def exists(self, name: str) -> bool:
        """Whether anything has the name, a link that leads nowhere included."""
        try:
            with self._at(name) as (last, folder):
                self._status(last, folder)
        except FileNotFoundError:
            return False
        return True

    def flush_file(self, name: str) -> None:
        # Windows flushes only handles that may write.
        how = (os.O_RDWR if _WINDOWS else os.O_RDONLY) | _NO_FOLLOW
        with self._at(name) as (last, folder):
            descriptor = os.open(last, how, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def flush_folder(self, name: str) -> None:
        """Make new names in a folder durable; Windows does so by itself and has no call for it."""
        descriptor = self._folder(name)
        if descriptor is not None:
            os.fsync(descriptor)

    def open_lock(self, name: str) -> int:
        how = os.O_RDWR | os.O_CREAT | _NO_FOLLOW | _NO_BLOCK
        with self._at(name) as (last, folder):
            return os.open(last, how, 0o666, dir_fd=folder)

    def path(self, name: str) -> Path:
        """For libraries that write to paths: the whole one, looked at for links."""
        with self._at(name) as (last, folder), contextlib.suppress(FileNotFoundError):
            if _is_link(self._status(last, folder)):
                raise _a_link(f"{self._root}{os.sep}{name}")
        return Path(self._root, name)

    def _status(self, last: str, folder: int | None) -> os.stat_result:
        return os.stat(last, dir_fd=folder, follow_symlinks=False)

    @contextlib.contextmanager
    def _at(self, name: str) -> Iterator[tuple[str, int | None]]:
        """What the system's calls take for a name: the last part of it and the folder it is in."""
        above, _, last = name.rpartition("/")
        if last in ("", ".", "..") or "\0" in last:
            raise Damaged(f"{name!a} is no name in a lake.")
        folder = self._folder(above)
        try:
            yield (f"{self._root}{os.sep}{name}" if folder is None else last), folder
        except OSError as error:
            if error.filename is not None:
                error.filename = f"{self._root}{os.sep}{name}"
            if error.errno == errno.ELOOP:
                raise _a_link(error.filename) from None
            raise

    def _folder(self, name: str) -> int | None:
        if name not in self._held:
            self._held[name] = self._open(name)
        return self._held[name]

    def _open(self, name: str) -> int | None:
        if not name:
            return os.open(self._root, os.O_RDONLY | os.O_DIRECTORY) if _BY_DESCRIPTOR else None
        with self._at(name) as (last, folder):
            if folder is None:
                status = self._status(last, None)
                if _is_link(status) or not stat.S_ISDIR(status.st_mode):
                    raise _a_link(last)
                return None
            try:
                return os.open(last, os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW, dir_fd=folder)
            except NotADirectoryError:
                raise _a_link(f"{self._root}{os.sep}{name}") from None


def _is_link(status: os.stat_result) -> bool:
    return stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) in _REPARSE_LINKS


def _a_link(path: object) -> Damaged:
    return Damaged(
        f"{path} is a link, or not the folder it should be. bt-lake writes and unlinks nothing "
        "through links inside a lake: put the folder itself there (the lake as a whole may be "
        "behind a link). `bt-lake check` names them all."
    )


def _rename_without_replacing(
    old: str, old_folder: int | None, new: str, new_folder: int | None
) -> None:
    """For file systems without hard links."""
    if _WINDOWS:
        os.rename(old, new)
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    is_mac = sys.platform == "darwin"
    here = -2 if is_mac else -100
    rename, exclusively = (libc.renameatx_np, 4) if is_mac else (libc.renameat2, 1)
    failed = rename(
        here if old_folder is None else old_folder,
        os.fsencode(old),
        here if new_folder is None else new_folder,
        os.fsencode(new),
        exclusively,
    )
    if failed:
        number = ctypes.get_errno()
        if number == errno.EEXIST:
            raise FileExistsError(number, os.strerror(number), new)
        raise CannotWrite(
            f"{new}: this file system has neither hard links nor a rename that does not replace, "
            "so no write to it would be safe. Put the lake on another disk."
        )


@contextlib.contextmanager
def advisory_lock(layout: Layout, name: str, *, wait: bool) -> Iterator[bool]:
    """Hold a lock that the system frees when the process ends; gives whether it was obtained."""
    make_folder(layout.root)
    with Folders(layout.root) as folders:
        folders.make_folder("_stage")
        descriptor = folders.open_lock(f"_stage/{name}.lock")
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
