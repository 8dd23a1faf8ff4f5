"""A lake for a group: what is made in a shared folder is shared, whatever the umask."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bt_lake.warehouse.findings import Finding
    from bt_lake.warehouse.layout import Layout

_FOLDER = stat.S_ISGID | stat.S_IRWXG
_MARKS = stat.S_ISGID | stat.S_IWGRP
_WINDOWS = os.name == "nt"


def is_shared(folder: str | int | Path) -> bool:
    """Whether a folder is its group's: they may write, and what is made in it is theirs, too."""
    return not _WINDOWS and os.stat(folder).st_mode & _MARKS == _MARKS


def share_folder(folder: str | int | Path) -> None:
    os.chmod(folder, stat.S_IMODE(os.stat(folder).st_mode) | _FOLDER)


def share_file(descriptor: int) -> None:
    """Give the group what the owner may do with a file."""
    mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    wanted = mode | (mode & 0o600) >> 3
    if wanted != mode:
        with contextlib.suppress(PermissionError):  # another's: it was shared when it was made
            os.fchmod(descriptor, wanted)


def share(layout: Layout) -> list[Path]:
    """Give the whole lake to its group; what belongs to others, who must do so, is returned."""
    return [
        path
        for parent, _, names in os.walk(layout.root)
        for path in [Path(parent), *(Path(parent, name) for name in names)]
        if not _given(path)
    ]


def _given(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            share_file(descriptor)
            return bool(os.fstat(descriptor).st_mode & stat.S_IRGRP)
        with contextlib.suppress(PermissionError):
            share_folder(descriptor)
        return is_shared(descriptor)
    finally:
        os.close(descriptor)


def unlike(layout: Layout) -> Iterator[Finding]:
    """Folders and files that not everybody can use who can use the lake's own folder."""
    from bt_lake.warehouse.findings import Finding

    if _WINDOWS:
        return
    root = os.stat(layout.root)
    again = "`bt-lake init --shared`, as its owner, gives it to the group"
    if root.st_mode & _MARKS == stat.S_ISGID and is_shared(layout.root.parent):
        said = f"the group may write the folder around the lake, but not the lake{_of(root)}"
        yield Finding("permissions", ".", said, again, damage=False)
    for parent, folders, names in os.walk(layout.root):
        folders.sort()
        for name in folders:
            path = Path(parent, name)
            with contextlib.suppress(FileNotFoundError):
                own = os.stat(path, follow_symlinks=False)
                if (own.st_mode & _MARKS, own.st_gid) != (root.st_mode & _MARKS, root.st_gid):
                    said = f"not everybody who may write the lake may write this folder{_of(own)}"
                    yield Finding("permissions", layout.relative(path), said, again, damage=False)
        if root.st_mode & _MARKS == _MARKS:
            yield from _unreadable(layout, Path(parent), names, root.st_gid, again)


def _unreadable(
    layout: Layout, parent: Path, names: list[str], group: int, remedy: str
) -> Iterator[Finding]:
    if parent == layout.stage:
        return
    for name in sorted(names):
        with contextlib.suppress(FileNotFoundError):
            own = os.stat(parent / name, follow_symlinks=False)
            if not own.st_mode & stat.S_IRGRP or own.st_gid != group:
                said = f"not everybody who may read the lake may read this file{_of(own)}"
                yield Finding(
                    "permissions", layout.relative(parent / name), said, remedy, damage=False
                )


def _of(own: os.stat_result) -> str:
    return f" (it belongs to {owner(own)}, {stat.filemode(own.st_mode)})"


def owner(own: os.stat_result) -> str:
    """The user and group of a file, as names where there are some."""
    try:
        import grp
        import pwd
    except ImportError:
        return str(own.st_uid)
    user, group = str(own.st_uid), str(own.st_gid)
    with contextlib.suppress(KeyError):
        user = pwd.getpwuid(own.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(own.st_gid).gr_name
    return f"{user}:{group}"
