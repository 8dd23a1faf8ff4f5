"""What the protocol asks of a file system, tried in a scratch folder, not taken on trust."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bt_lake.warehouse.files import fsync_file, fsync_folder

_SLOW_MS = 50.0


def abilities(folder: Path) -> dict[str, str]:
    """Each thing that is needed: "ok", or what went wrong with it. Leaves nothing behind."""
    try:
        scratch = Path(tempfile.mkdtemp(prefix=".bt-lake-doctor-", dir=folder))
    except OSError as error:
        return {"write": _reason(error)}
    try:
        return {"write": "ok", **{name: _tried(act, scratch) for name, act in _ACTS.items()}}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _tried(act: Callable[[Path], str], scratch: Path) -> str:
    try:
        return act(scratch) or "ok"
    except OSError as error:
        return _reason(error)


def _reason(error: OSError) -> str:
    return f"fails: {error.strerror or error}"


def _link(scratch: Path) -> str:
    """A commit is a hard link that never replaces."""
    one, two = _file(scratch / "linked"), scratch / "name"
    os.link(one, two)
    try:
        os.link(_file(scratch / "other"), two)
    except FileExistsError:
        return ""
    return "fails: a hard link replaces a file that is there"


def _rename(scratch: Path) -> str:
    one = _file(scratch / "before", b"new")
    os.replace(one, _file(scratch / "after", b"old"))
    return "" if (scratch / "after").read_bytes() == b"new" else "fails: it did not replace"


def _exclusive(scratch: Path) -> str:
    taken = _file(scratch / "taken")
    try:
        os.close(os.open(taken, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except FileExistsError:
        return ""
    return "fails: O_EXCL opens a file that is there"


def _fsync(scratch: Path) -> str:
    took = []
    for number in range(5):
        file = _file(scratch / f"flushed{number}")
        start = time.perf_counter()
        fsync_file(file)
        fsync_folder(scratch)
        took.append(1000 * (time.perf_counter() - start))
    middle = sorted(took)[2]
    return f"ok, {middle:.1f} ms for a file and its folder{' (slow)' * (middle > _SLOW_MS)}"


def _lock(scratch: Path) -> str:
    with open(_file(scratch / "lock"), "r+b") as one, open(scratch / "lock", "r+b") as two:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(one.fileno(), msvcrt.LK_NBLCK, 1)
            try:
                msvcrt.locking(two.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError:
                return ""
        else:
            import fcntl

            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return ""
    return "fails: two hold one lock"


def _times(scratch: Path) -> str:
    """Readers tell by a folder's time that something new is in it."""
    before = os.stat(scratch).st_mtime_ns
    time.sleep(0.06)
    _file(scratch / "newer")
    after = os.stat(scratch).st_mtime_ns
    return "" if after > before else "ok, to the second: readers look at folders each time"


def _file(path: Path, content: bytes = b"x") -> Path:
    path.write_bytes(content)
    return path


_ACTS: dict[str, Callable[[Path], str]] = {
    "hard link": _link,
    "rename": _rename,
    "exclusive": _exclusive,
    "fsync": _fsync,
    "lock": _lock,
    "folder times": _times,
}
