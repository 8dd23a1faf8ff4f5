"""The folders of a lake, held open: who makes, links, renames or unlinks a file there does it here.

A lake may come from anybody. So each folder is opened from the one above it and never through a
symbolic link: nothing is written or unlinked outside the lake. Only its root may be one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bt_lake.warehouse.errors import CannotWrite, Damaged
from bt_lake.warehouse.flushing import flush
from bt_lake.warehouse.sharing import is_shared, share_file, share_folder

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
        self.close()

    def close(self) -> None:
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
                self._share(name, folder)
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

    def _share(self, name: str, above: int | None) -> None:
        """A new folder in one that is its group's is the group's, too."""
        if above is not None and is_shared(above):
            descriptor = self._folder(name)
            if descriptor is not None:
                share_folder(descriptor)

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
            if new_folder is not None and is_shared(new_folder):
                self._give_to_group(old, old_folder)
            try:
                os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, **_AS_IT_IS)
            except FileExistsError:
                raise
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                _rename_without_replacing(old, old_folder, new, new_folder)

    def publish_all(
        self, pairs: Sequence[tuple[str, str]], each: Callable[[], None] = lambda: None
    ) -> None:
        """Several that need no order; `each` is called after every one."""
        for staged, final in pairs:
            self.publish(staged, final)
            each()

    def _give_to_group(self, last: str, folder: int | None) -> None:
        descriptor = os.open(last, os.O_RDONLY | _NO_FOLLOW | _NO_BLOCK, dir_fd=folder)
        try:
            share_file(descriptor)
        finally:
            os.close(descriptor)

    def link(self, name: str, target: str) -> None:
        """A second name for a file."""
        with self._at(name) as (old, old_folder), self._at(target) as (new, new_folder):
            os.link(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder, **_AS_IT_IS)

    def copy(self, name: str, target: str) -> None:
        """A second name for a file, or a copy where there are no hard links; durable either way."""
        from shutil import copyfileobj  # which loads three compressors

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
                copyfileobj(source, sink, 1 << 20)
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

    def remove_far(self, names: Sequence[str]) -> None:
        """Of what is going to be removed: all at once, where each would be a request."""

    def remove_tree(self, name: str) -> None:
        """Remove a folder and all in it; links in it go, what they point to stays."""
        from shutil import rmtree

        with self._at(name) as (last, folder):
            rmtree(last, dir_fd=folder)

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
        self.flush_folders([name])

    def flush_folders(self, names: Iterable[str]) -> None:
        """Make new names in folders durable; Windows does so by itself and has no call for it."""
        flush([folder for name in names if (folder := self._folder(name)) is not None])

    def open_lock(self, name: str) -> int:
        """The file of a lock, made if need be; open for writing, where this user may write it."""
        how = _NO_FOLLOW | _NO_BLOCK
        with self._at(name) as (last, folder):
            try:
                descriptor = os.open(last, os.O_RDWR | os.O_CREAT | how, 0o666, dir_fd=folder)
            except PermissionError as refused:
                try:
                    return os.open(last, os.O_RDONLY | how, dir_fd=folder)
                except FileNotFoundError:  # it could not be made
                    raise refused from None
            if folder is not None and is_shared(folder):
                share_file(descriptor)
            return descriptor

    def replace(self, name: str, target: str) -> None:
        """Put a lock's file in the place of another."""
        with self._at(name) as (old, old_folder), self._at(target) as (new, new_folder):
            os.replace(old, new, src_dir_fd=old_folder, dst_dir_fd=new_folder)

    def is_file_of(self, descriptor: int, name: str) -> bool:
        """Whether the name still means the file that is open."""
        try:
            with self._at(name) as (last, folder):
                return os.path.samestat(self._status(last, folder), os.fstat(descriptor))
        except FileNotFoundError:
            return False

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
            if error.filename is not None and not os.path.isabs(error.filename):
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
