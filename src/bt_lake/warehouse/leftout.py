"""Live files that may not be read: readers go on without them, and say so with every answer."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from bt_lake.warehouse.errors import LeftOut
from bt_lake.warehouse.findings import unreachable
from bt_lake.warehouse.warning import warn

_REFUSED = [os.strerror(number) for number in (errno.EACCES, errno.EPERM, errno.EIO)]
_TAIL = 64 * 1024


def is_refusal(text: str) -> bool:
    """Whether the system refused a file, which may be whole."""
    return any(said in text for said in _REFUSED)


def refused(root: Path, paths: Iterable[str], text: str = "") -> Iterator[tuple[str, str]]:
    """Those of the files that cannot be read, and why; `text` is an error that may name some."""
    for path in paths:
        try:
            with open(root / path, "rb") as file:
                file.read(1)
                file.seek(-min(os.fstat(file.fileno()).st_size, _TAIL), os.SEEK_END)
                file.read()
        except FileNotFoundError:
            continue  # absence is another thing
        except OSError as error:
            yield path, unreachable(path, error).message
        else:
            if path in text:
                yield path, f"cannot be read: {text}"


def say_left_out(root: Path, left_out: dict[str, str]) -> None:
    """Say it with every answer, in the name of who asked."""
    first, why = next(iter(left_out.items()))
    more = f", and {len(left_out) - 1:,} more files are not there" if len(left_out) > 1 else ""
    text = (
        f"{root}/{first} {why}. The answer is without what is in it{more}; `bt-lake check` says "
        "what to do"
    )
    warn(text, LeftOut, again=True)
