"""What programs asked of a lake: a line of JSON for each call, in a file for each server.

Kept beside the tables, as it is no data of runs: a call must cost a line, and change no answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from bt_lake.warehouse.bounds import read_bounded
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.locks import Holder

FOLDER = "_calls"
_NAME = re.compile(r"[0-9a-f]{32}\.jsonl")
_MOST_BYTES = 64 << 20
_LONGEST = 500  # characters of what was asked


@dataclass(frozen=True, slots=True)
class Call:
    at: datetime
    who: str
    what: str
    asked: str
    said: str  # "" where it went well


class Journal:
    """The file of one server; where the lake may not be written to there is none."""

    def __init__(self, layout: Layout) -> None:
        self._file: IO[bytes] | None = None
        self.why_not = ""
        holder = Holder.me()
        self._where = f"{holder.user}@{holder.host}"
        try:
            layout.check_in_folder("of calls it keeps no journal")
            layout.check_writable()
            with Folders(layout.root) as folders:
                folders.make_folder(FOLDER)
                self._file = folders.create(f"{FOLDER}/{uuid7().hex}.jsonl")
        except (OSError, LakeError) as error:
            self.why_not = str(error)

    def write(self, client: str, what: str, asked: Mapping[str, Any], said: str = "") -> None:
        """A line at once, so that it is there when this process is killed."""
        if self._file is None:
            return
        told = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "who": f"{client} ({self._where})",
            "what": what,
            "asked": json.dumps(asked, default=str)[:_LONGEST],
            "said": said[:_LONGEST],
        }
        with contextlib.suppress(OSError):  # a full disk ends no question
            os.write(self._file.fileno(), json.dumps(told).encode() + b"\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def calls(layout: Layout, n: int) -> list[Call]:
    """The newest `n`, the newest first; lines that are none are passed over."""
    folder = layout.root / FOLDER
    found: list[Call] = []
    if folder.is_dir() and not folder.is_symlink():
        for name in sorted(filter(_NAME.fullmatch, os.listdir(folder)), reverse=True):
            found += _of_file(layout, name)
    return sorted(found, key=lambda call: call.at, reverse=True)[:n]


def _of_file(layout: Layout, name: str) -> Iterator[Call]:
    try:
        lines = read_bounded(layout.root / FOLDER / name, _MOST_BYTES).splitlines()
    except (OSError, LakeError):
        return
    for line in lines:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            told = json.loads(line)
            at = datetime.fromisoformat(told["at"])
            texts = (str(told[key]) for key in ("who", "what", "asked", "said"))
            yield Call(at.astimezone(UTC), *texts)
