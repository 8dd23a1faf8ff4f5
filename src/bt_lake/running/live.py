"""Who runs what right now: a small file in the lake for each, which goes with its process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bt_lake.warehouse.bounds import read_bounded
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.locks import Holder

_FOLDER = "_running"
_NAME = re.compile(r"[0-9a-f]{32}\.json")
_EVERY_S = 0.5
_SILENT_S = 60.0  # of another machine, whose processes cannot be looked at
_MOST_BYTES = 65_536
LINES = 10  # of the log, each of so many characters at most
_WIDTH = 300


@dataclass(frozen=True)
class Running:
    """A sweep or a call under way."""

    pid: int
    user: str
    host: str
    since: str
    entrypoint: str
    sweep: str | None = None
    total: int = 1
    done: int = 0  # by this process
    in_lake: int = 0  # by whomever
    failed: int = 0
    per_s: float = 0.0
    seconds_left: float | None = None
    metric: str | None = None
    best: float | None = None
    best_params: Mapping[str, Any] | None = None
    log: list[str] = field(default_factory=list)  # the last lines that its runs printed


class Live:
    """The file of one process; it is written now and then, and removed at the end."""

    def __init__(self, layout: Layout, entrypoint: str, sweep: str | None) -> None:
        self._layout = layout
        self._holder = Holder.me()
        self._known = {"entrypoint": entrypoint, "sweep": sweep}
        self._name = f"{uuid7().hex}.json"
        self._told = 0.0
        self._path: Path | None = None

    @property
    def due(self) -> bool:
        """Not if it was said just now; no lake, no word."""
        return time.monotonic() - self._told >= _EVERY_S and self._layout.exists

    @property
    def path(self) -> str | None:
        """The file, once something was said."""
        return None if self._path is None else str(self._path)

    def tell(self, printed: bytes = b"", **how: Any) -> None:
        """Say how far it is."""
        self._told = time.monotonic()
        told = {
            **asdict(self._holder), **self._known, **how, "log": lines(printed), "at": time.time()
        }  # fmt: skip
        with contextlib.suppress(OSError, LakeError):  # it is a courtesy
            self._write(json.dumps(told, default=str).encode())

    def _write(self, text: bytes) -> None:
        if self._path is None:
            with Folders(self._layout.root) as folders:
                folders.make_folder(_FOLDER)
                self._path = folders.path(f"{_FOLDER}/{self._name}")
        new = self._path.with_suffix(".new")
        new.write_bytes(text)
        os.replace(new, self._path)

    def end(self) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()


def lines(printed: bytes) -> list[str]:
    text = printed[-LINES * _WIDTH :].decode("utf-8", "replace")
    return [line[-_WIDTH:] for line in re.split(r"[\r\n]+", text) if line.strip()][-LINES:]


def running(layout: Layout) -> list[Running]:
    """What is under way in the lake, who began first first; what dead processes left is removed."""
    layout.check_format()
    folder = layout.root / _FOLDER
    names = sorted(os.listdir(folder)) if folder.is_dir() and not folder.is_symlink() else []
    found = [_read(folder / name) for name in names if _NAME.fullmatch(name)]
    return [each for each in found if each is not None]


def _read(path: Path) -> Running | None:
    try:
        said = json.loads(read_bounded(path, _MOST_BYTES))
        holder = Holder(**{name: said[name] for name in asdict(Holder())})
        known = {name: said[name] for name in Running.__dataclass_fields__ if name in said}
        here = holder.host == Holder.me().host
        if here and holder.state:
            return Running(**known)
        if not here and abs(time.time() - float(said["at"])) < _SILENT_S:
            return Running(**known)
    except (OSError, LakeError):
        return None
    except (ValueError, TypeError, LookupError, AttributeError):
        return None  # of no process of ours
    with contextlib.suppress(OSError):
        if here:
            path.unlink()
    return None
