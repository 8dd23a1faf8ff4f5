"""Files that the user names to be written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from bt_lake.warehouse.errors import CannotWrite


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A regular file is replaced when all of it is written; a device or pipe is written to."""
    direct = path.exists() and not path.is_file()
    target = path if direct else path.with_name(f".{path.name}.{os.getpid()}.part")
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
