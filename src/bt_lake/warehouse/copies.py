"""Copies of a lake: which there are, what belongs to each, and that they are what they were."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from bt_lake.warehouse.errors import BadInput, Damaged, NotFound
from bt_lake.warehouse.paths import named

CARD = "backups.json"
FILES = "backup.json"
_NAME = re.compile(r"(\d{6,})-\d{8}T\d{6}Z")
_AROUND = re.compile(r"_log/\d{8}\.json|_seed/[a-z]+\.parquet|lake\.(json|sql)")
_PIECE = 1 << 20
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
Progress = Callable[[int, int, int], None]  # bytes done, bytes in all, files


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of a backup or a restore."""

    path: Path
    files: int
    bytes: int  # copied now
    reused: int = 0  # files that an earlier backup, or an earlier try, had
    mended: list[str] = field(default_factory=list)  # copies that had rotted and were made again
    pruned: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of a backup."""

    path: str
    bytes: int
    digest: str


def folder_of(target: str | os.PathLike[str]) -> Path:
    """The folder that was meant; object stores are refused."""
    text = os.fspath(target)
    if "://" in text:
        raise BadInput(
            f"{text}: backups go to a folder. Back up to one, and copy that folder to the store "
            "with the store's own tool; a finished backup does not change any more."
        )
    return Path(os.path.abspath(Path(text).expanduser()))


def backups(target: Path) -> list[Path]:
    """The backups in a folder, the oldest first."""
    found = [name for name in os.listdir(target) if _NAME.fullmatch(name)]
    return [target / name for name in sorted(found, key=lambda name: int(name.split("-")[0]))]


def newest(target: Path) -> Path:
    """The newest backup in a folder of backups; a backup itself is meant as it is."""
    if not (target / CARD).is_file():
        return target
    found = backups(target)
    if not found:
        raise NotFound(f"no whole backup in {target} yet: run `bt-lake backup {target}` again.")
    return found[-1]


def number_of(backup: Path) -> int:
    return int(backup.name.split("-")[0])


def listed(backup: Path) -> list[Listed]:
    """The files of a backup, as they were when it was made."""
    try:
        raw = json.loads((backup / FILES).read_bytes())
        files = [
            Listed(_inside(each["path"]), int(each["bytes"]), str(each["digest"]))
            for each in raw["files"]
        ]
    except FileNotFoundError:
        raise NotFound(f"{backup} is no backup: it has no {FILES}.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{backup / FILES} cannot be read ({error}). Take another backup.") from None
    return files


def _inside(path: object) -> str:
    """A name in a lake; a list may have been written by anybody."""
    return path if isinstance(path, str) and _AROUND.fullmatch(path) else named(path)


def rotten(backup: Path) -> list[str]:
    """The files of a backup that are not what they were."""
    return [
        each.path
        for each in listed(backup)
        if not (backup / each.path).is_file() or digest_of(backup / each.path) != each.digest
    ]


def digest_of(path: Path) -> str:
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _opened(path: Path) -> BufferedReader:
    """A file to read, not what a link in its place leads to."""
    return open(os.open(path, os.O_RDONLY | _NO_FOLLOW), "rb")


def copy_file(source: Path, final: Path) -> str:
    """Copy a file, flushed and read again; gives the digest of what is there now."""
    staged = final.with_name(f".{final.name}.part")
    with _opened(source) as read, open(staged, "wb") as written:
        read_digest = _copied(read, written)
        written.flush()
        os.fsync(written.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(written.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    found = digest_of(staged)
    if found != read_digest:
        raise Damaged(f"{final} reads back other than it was written: this disk cannot be trusted.")
    os.replace(staged, final)
    return found


def _copied(source: BinaryIO, target: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := source.read(_PIECE):
        digest.update(piece)
        target.write(piece)
    return digest.hexdigest()[:32]


def write_text(path: Path, text: str) -> None:
    staged = path.with_name(f".{path.name}.part")
    with open(staged, "wb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    os.replace(staged, path)


def files_below(folder: Path) -> Iterator[str]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name).relative_to(folder).as_posix()
