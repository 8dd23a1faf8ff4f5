"""The zip of a freqtrade backtest: members are read up to a limit, nothing is unpacked to disk."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bt_lake.warehouse.bounds import DOCUMENT_BYTES
from bt_lake.warehouse.errors import BadInput

MOST_BYTES = DOCUMENT_BYTES
SIGNATURE = b"PK\x03\x04"
REMEDY = "copy it again from where the backtest ran, or run it anew"


class Archive:
    """Members by their name after the stem: `of("config.json")` is `<stem>_config.json`."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())
        results = [name for name in self._names if name.endswith(".json")]
        # every other name begins with that of the results
        self.main = min(results, key=lambda name: (len(name), name), default="")
        self._stem = self.main.removesuffix(".json")

    @property
    def is_of_freqtrade(self) -> bool:
        """Told by its name, or by the members that belong to the results."""
        beside = any(name.startswith(f"{self._stem}_") for name in self._names)
        return bool(self.main) and (beside or Path(self.main).name.startswith("backtest-result"))

    def results(self) -> bytes:
        if not self.main:
            raise BadInput("no backtest results in this zip")
        return self._read(self.main)

    def of(self, name: str) -> bytes | None:
        member = f"{self._stem}_{name}"
        return self._read(member) if member in self._names else None

    def _read(self, member: str) -> bytes:
        with self._archive.open(member) as file:
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise BadInput(f"{member} unpacks to more than {MOST_BYTES >> 20} MiB; not read on")
        return content


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """An archive whose damage is told as BadInput."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield Archive(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error) as error:
        raise BadInput(f"the zip is cut off or damaged ({error}); {REMEDY}") from None
    except (NotImplementedError, RuntimeError) as error:  # unknown compression, encryption
        raise BadInput(f"the zip cannot be unpacked: {error}") from None
    except OSError as error:
        raise BadInput(f"cannot be read ({error.strerror or error})") from None


def looks_like_one(path: Path, head: bytes) -> bool:
    """Told by the members, or by the first of them where the zip is cut off."""
    if not head.startswith(SIGNATURE):
        return False
    try:
        with opened(path) as archive:
            return archive.is_of_freqtrade
    except BadInput:
        length = int.from_bytes(head[26:28], "little")
        return head[30 : 30 + length].endswith(b".json")


def wallet_of(content: bytes | None) -> Any:
    """The wallet table, or None where freqtrade did not keep one."""
    if content is None:
        return None
    import pyarrow as pa
    from pyarrow import feather

    try:
        return feather.read_table(pa.BufferReader(content))
    except (pa.ArrowException, OSError, MemoryError) as error:
        raise BadInput(f"its wallet is cut off or damaged ({error}); {REMEDY}") from None
