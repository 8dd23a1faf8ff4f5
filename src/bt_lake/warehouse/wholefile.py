"""Files that the user names to be written."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bt_lake.warehouse.errors import CannotWrite


def unfinished(path: Path) -> Path:
    """Where a file is written until it is whole: of this thread alone, whoever else writes it."""
    writer = f"{os.getpid()}-{threading.get_native_id()}"
    return path.with_name(f".{path.name}.{writer}.part")


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A regular file is replaced when all of it is written; a device or pipe is written to."""
    direct = path.exists() and not path.is_file()
    target = path if direct else unfinished(path)
    try:
        with open(target, "wb") as file:
            yield file
        if not direct:
            target.replace(path)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}") from None
    finally:
        if not direct:
            target.unlink(missing_ok=True)
