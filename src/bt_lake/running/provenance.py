"""What a run was made from: the code, the commit, the data."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from bt_lake.warehouse.errors import BadInput

_CHARACTERS = 32  # 128 bits, as params_hash
_CHUNK = 1 << 20


def code_hash(file: Path) -> str:
    """A hash of a source file; line ends do not count, they differ between checkouts."""
    return sha256(file.read_bytes().replace(b"\r\n", b"\n")).hexdigest()[:_CHARACTERS]


def project_root(folder: Path) -> Path | None:
    """The top of the git repository that a folder is in."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return None


def commit_of(folder: Path) -> dict[str, Any]:
    """The git commit of a folder, and whether tracked files differ from it."""
    if project_root(folder) is None or shutil.which("git") is None:
        return {}
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    if not commit or changes is None:
        return {}
    return {"git_commit": commit, "git_dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    # A repository may come from anybody, too: its configuration starts nothing.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *arguments]
    # Looking must not write: no refreshed index, no lock that a user's own git would meet.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def names_data(function: Callable[..., Any]) -> bool:
    """Whether the files that calls of the function read may be known."""
    return getattr(function, "data", None) is not None or "data" in parameters_of(function)


def data_hash(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str | None:
    """A hash of the files a call reads, where the function names them.

    It does so with an attribute `data`: a path, several, or a function that gives them from those
    of the call's arguments that it takes. Without one, an argument `data` that is a path counts.
    What the call leaves out is as the function has it.
    """
    defaults = {
        n: p.default for n, p in parameters_of(function).items() if p.default is not p.empty
    }
    given = {**defaults, **arguments}
    named = getattr(function, "data", None)
    if callable(named):
        named = _called(function, named, given)
    if named is not None:
        return _hash_of(tuple(_paths(function, named)))
    data = given.get("data")
    if isinstance(data, (str, os.PathLike)) and _is_readable(Path(data)):
        return _hash_of((Path(data),))
    return None


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # not every compiled function tells
        return {}


def _called(
    function: Callable[..., Any], named: Callable[..., Any], given: Mapping[str, Any]
) -> Any:
    """The files that a function of the call's arguments names."""
    try:
        wanted = inspect.signature(named).parameters
        return named(**{name: given[name] for name in wanted if name in given})
    except Exception as error:
        name = getattr(function, "__name__", function)
        told = f"{type(error).__name__}: {error}"
        raise BadInput(f"{name}.data cannot tell the files of a call: {told}") from error


def _is_readable(path: Path) -> bool:
    """A file or folder: a device has no end."""
    try:
        return path.is_file() or path.is_dir()
    except ValueError:
        return False


def _paths(function: Callable[..., Any], named: Any) -> Iterable[Path]:
    several = [named] if isinstance(named, (str, os.PathLike)) else named
    if not isinstance(several, Iterable):
        several = [several]
    for each in several:
        if not isinstance(each, (str, os.PathLike)):
            raise BadInput(
                f"{getattr(function, '__name__', function)}.data gives {each!r}, no path"
            )
        path = Path(each)
        if not path.exists():
            name = getattr(function, "__name__", function)
            raise BadInput(f"{name}.data names {path}, and there is no such file")
        yield path


def _hash_of(paths: tuple[Path, ...]) -> str:
    files = [file for path in paths for file in _files(path)]
    if len(files) == 1:
        return _file_hash(*_state(files[0]))
    whole = sha256()
    for file in files:
        whole.update(_file_hash(*_state(file)).encode())
    return whole.hexdigest()[:_CHARACTERS]


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _state(file: Path) -> tuple[Path, int, int]:
    seen = file.stat()
    return file.absolute(), seen.st_mtime_ns, seen.st_size


@cache
def _file_hash(file: Path, changed_ns: int, size: int) -> str:
    """Read once for a whole sweep."""
    whole = sha256()
    with open(file, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            whole.update(chunk)
    return whole.hexdigest()[:_CHARACTERS]
