"""A lake in an object store as questions see it: the files they need, kept in a folder.

Files of a lake never change, so what is here need not be read again. Runs and events are brought
before a question, curves and trades when one first needs them.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from bt_lake.warehouse.digest import digest_of
from bt_lake.warehouse.errors import Conflict
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.ids import children_of
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.lifting import SEEDS, Remote, prove, rank, read_card, remote, write_whole
from bt_lake.warehouse.objects import Objects
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.schema import TABLES

_FRESH_S = 2.0  # so long nobody looks for what is new
_TRIES = 8
_AT_ONCE = 16
_EAGER = ("runs", "events")


def folder_of(url: str) -> Path:
    """Where the files of a lake in a store are kept: below $BT_LAKE_CACHE, or the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    kept = os.environ.get("BT_LAKE_CACHE") or os.path.join(home, "bt-lake")
    return Path(os.path.abspath(kept), digest_of(url.encode())[:16])


class Mirror:
    """The folder that stands for the lake; any number of processes may use one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.root = folder_of(url)
        self._objects = Objects(url)
        self._now: Remote | None = None
        self._looked = 0.0

    def refresh(self) -> None:
        """Bring what is new of runs and events, and let go of what was replaced."""
        if self._now is not None and time.monotonic() - self._looked < _FRESH_S:
            return
        self._try(self._bring)

    def fetch(self, said: str = "") -> None:
        """Bring what is missing of the tables that an error names, or of all."""
        tables = [t for t in ("equity", "trades", *_EAGER) if not said or f"/{t}/" in said]
        self._try(lambda: self._fetch(tables))

    def _try(self, bring: Callable[[], None]) -> None:
        with explained(f"cannot keep files of {self.url} in {self.root}"):
            for _ in range(_TRIES):
                with suppress(FileNotFoundError):  # replaced meanwhile
                    bring()
                    return
                self._now = None
        raise Conflict(f"{self.url} changed again and again while it was read. Try again.")

    def _fetch(self, tables: Collection[str]) -> None:
        if self._now is None or not self._get(self._named(tables)):
            self._bring()  # the folder may have the log of a process that looked later
            self._get(self._named(tables))

    def _named(self, tables: Collection[str]) -> list[str]:
        assert self._now is not None
        return [name for name in self._now.names if name.partition("/")[0] in tables]

    def _bring(self) -> None:
        # Whatever is kept was in the store before this look at it: if it is not there now, it went.
        kept = self._kept()
        now = remote(self._objects, self._now)
        if self._now is None:
            self._begin()
        elif (now.log_name, now.names) == (self._now.log_name, self._now.names):
            self._looked = time.monotonic()
            return
        eager = sorted(filter(_is_eager, now.names), key=rank)
        folded = [name for name in eager if "/m-" in name]
        # As a lake changes: what maintenance wrote, its log, then commits, events last.
        self._now = now
        self._get(folded)
        if not (self.root / now.log_name).is_file():
            write_whole(self.root / now.log_name, now.log_text)
        self._get([name for name in eager if name not in folded])
        for name in kept.difference(now.names, [now.log_name]):
            (self.root / name).unlink(missing_ok=True)  # who reads it still looks again
        self._looked = time.monotonic()

    def _begin(self) -> None:
        card = read_card(self._objects)
        layout = Layout(self.root)
        if layout.exists and layout.card.read_bytes() != card:
            shutil.rmtree(self.root)  # of another lake, which had this address before
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in layout.folders:
            folder.mkdir(exist_ok=True)
        self._get([*SEEDS, "lake.sql"])
        if not layout.exists:
            write_whole(layout.card, card)

    def _get(self, names: list[str]) -> int:
        """How many were missing, and are here now."""
        missing = [name for name in names if not (self.root / name).is_file()]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return len([*pool.map(self._one, missing)])

    def _one(self, name: str) -> None:
        data = self._objects.read(name)
        digest = self._now.digests.get(name) if self._now is not None else None
        prove(name, data, digest, f"{self.url}/{name}")
        write_whole(self.root / name, data)

    def _kept(self) -> set[str]:
        layout = Layout(self.root)
        if not layout.exists:
            return set()
        logs = {f"_log/{name}" for name in os.listdir(layout.log) if name.endswith(".json")}
        files = {layout.relative(path) for table in TABLES for path in layout.files(table)}
        return logs.union(filter(data_file, files))


def _is_eager(name: str) -> bool:
    """What must be here before a question is asked: what the folder is listed for."""
    file = data_file(name)
    assert file is not None
    return file.table in _EAGER or (file.commit is not None and children_of(file.commit) is None)
