"""Files that are still being written, or that an editor or a copy left behind."""

from __future__ import annotations

import os
import time
from fnmatch import fnmatchcase
from pathlib import Path

# A file whose end is missing and that changed this short ago has a writer.
SETTLED_S = 10.0
LAST_LINE_HAS_NO_END = (
    "its last line has no end, so it may be cut off; end it with a newline, or name the file "
    "itself to take it as it is"
)
_NOT_RESULTS = ("*~", "#*#", "*.tmp", "*.temp", "*.part", "*.partial", "*.bak", "*.swp", "*.swo",
                "*.crdownload", "*.download", "*.opdownload", "*.filepart")  # fmt: skip
_TAIL = 256
_BLANK = b"\xef\xbb\xbf \t\r\n"
_OTHERS = (b"PAR1", b"\x1f\x8b", b"PK", b"\xd0\xcf")  # whose readers tell that they are cut


def is_left_behind(name: str) -> bool:
    """Whether a file's name says that it is a draft of another."""
    return any(fnmatchcase(name.lower(), pattern) for pattern in _NOT_RESULTS)


def is_cut(path: Path) -> bool:
    """Whether the end of a table or document is missing: a cut number reads as another number."""
    head, tail = _ends_of(path)
    if head.startswith(b"PAR1"):
        return not tail.endswith(b"PAR1")
    if head.lstrip(_BLANK).startswith((b"{", b"[")):
        return not tail.rstrip().endswith((b"}", b"]"))
    return is_table(path) and not tail.endswith((b"\n", b"\r"))


def is_table(path: Path) -> bool:
    """Whether a file is plain lines of values: nothing in such a one says where it ends."""
    head, _ = _ends_of(path)
    begins = head.lstrip(_BLANK)
    return bool(head) and b"\0" not in head and not begins.startswith((*_OTHERS, b"{", b"[", b"<"))


def _ends_of(path: Path) -> tuple[bytes, bytes]:
    try:
        with open(path, "rb") as file:
            head = file.read(_TAIL)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
            return head, file.read(_TAIL)
    except OSError:
        return b"", b""


def has_a_writer(path: Path) -> bool:
    """Whether a file is being written right now, by the look of it."""
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return False
    return age < SETTLED_S and is_cut(path)
