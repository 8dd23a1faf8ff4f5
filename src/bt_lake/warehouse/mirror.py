"""A lake in an object store as this machine sees it: the files it needs, kept in a folder.

Files of a lake never change, so what is here need not be read again. Runs and events are brought
before a question, curves and trades when one first needs them. What is written goes to the store
first (`far.py`), and stays here.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import claims
from bt_lake.warehouse.digest import digest_of
from bt_lake.warehouse.errors import Conflict, NotFound
from bt_lake.warehouse.far import FarFolders
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.ids import children_of
from bt_lake.warehouse.keeping import Room, is_kept, trim
from bt_lake.warehouse.layout import KEPT_OF, Layout
from bt_lake.warehouse.lifting import (
    SEEDS,
    Remote,
    is_what_was_written,
    newest_state,
    prove,
    rank,
    read_card,
    remote,
    write_whole,
)
from bt_lake.warehouse.log import State, is_log
from bt_lake.warehouse.objects import AT_ONCE, Objects, each_of
from bt_lake.warehouse.parts import FOLDER, LARGE_BYTES, NAME, Parts, stem
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.settings import cache_bytes

if TYPE_CHECKING:
    import pyarrow as pa

_FRESH_S = 2.0  # so long nobody looks for what is new
_TRIES = 8
_EAGER = ("runs", "events")
_NAMED = re.compile(
    r"(?:(?<![a-z])[a-z]+/month=[0-9-]{7}/[cm]-[0-9a-f-]+|_part/m-[0-9a-f-]+\.[0-9]+)\.parquet"
)


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
        self._looking = threading.RLock()
        self._claimed = False
        self._unsure: set[str] = set()
        self._room = Room(self.root.parent, cache_bytes())
        self._by_name: set[str] = set()  # what questions have asked for so
        self._turn = threading.local()

    # As readers need it

    def refresh(self, *, now: bool = False) -> None:
        """Bring what is new of runs and events, and let go of what was replaced."""
        fresh = time.monotonic() - self._looked < _FRESH_S
        if now or self._now is None or not fresh:
            self._try(lambda: self._bring(likely_known=not now))

    def fetch_for_a_few(self, names: Iterable[str], run_ids: Iterable[str]) -> list[str]:
        """Bring what may hold some runs, for a question that reads no more; gives what to read."""
        wanted, ordered = {*names}, sorted(run_ids)
        instead: dict[str, list[str]] = {}
        missing = {name for name in wanted if not is_kept(self.root / name)}
        if missing:
            self._try(lambda: instead.update(self._fetch_parts(missing, ordered)))
            whole = missing - instead.keys()
            if whole:
                self._try(lambda: self._fetch(lambda name: name in whole))
        read = [part for name in sorted(wanted) for part in instead.get(name, [name])]
        self._by_name |= {*read}
        return read

    def _fetch_parts(self, names: set[str], run_ids: Sequence[str]) -> dict[str, list[str]]:
        """Of the large files among these what may hold the runs, where that is less."""
        if self._now is None:
            self._bring()
        assert self._now is not None
        large = [a for a in self._now.state.adds if a.path in names and a.bytes >= LARGE_BYTES]
        parts = Parts(self._objects, self.root, self._keep, self._bring_parts)
        found = {add.path: parts.holding(add, run_ids) for add in large}
        return {path: some for path, some in found.items() if some is not None}

    def _bring_parts(self, size: int, acts: Sequence[Callable[[], None]]) -> None:
        if acts:
            self._room.make(size)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for _ in pool.map(lambda act: act(), acts):
                    pass

    def fetch(self, said: str = "") -> None:
        """Bring what is missing of the tables that an error names, or of all.

        A question that had asked for the file itself does so again.
        """
        named, self._by_name = self._by_name, set()
        if any(name in named for name in _NAMED.findall(said)):
            return
        tables = [t for t in ("equity", "trades", *_EAGER) if not said or f"/{t}/" in said]
        self._try(lambda: self._fetch(lambda name: name.partition("/")[0] in tables))

    def drop_rotten(self, said: str) -> bool:
        """Let go of files that an error names, if they are not what was brought."""
        digests = self._now.digests if self._now is not None else {}
        dropped = False
        for name in _NAMED.findall(said):
            path = self.root / name
            with suppress(FileNotFoundError):
                if not is_what_was_written(name, path, digests.get(name)):
                    path.unlink()
                    dropped = True
        return dropped

    def fetch_commits(self) -> None:
        """Bring whatever stands unfolded, as the store has it now, for who folds it."""
        self.refresh(now=True)
        self._try(lambda: self._fetch(lambda name: "/c-" in name))

    def fetch_files(self, names: Iterable[str]) -> None:
        """Bring some that a log names, as far as they are there."""
        wanted = {*names}
        self._try(lambda: self._fetch(lambda name: name in wanted))

    def _try(self, bring: Callable[[], None]) -> None:
        with self._looking, explained(f"cannot keep files of {self.url} in {self.root}"):
            for _ in range(_TRIES):
                with suppress(FileNotFoundError):  # replaced meanwhile
                    bring()
                    return
                self._now = None
        raise Conflict(f"{self.url} changed again and again while it was read. Try again.")

    def _fetch(self, wanted: Callable[[str], bool]) -> None:
        with suppress(FileNotFoundError):  # replaced since the last look
            if self._now is not None and self._get(self._missing(wanted), self._now):
                return
        self._bring()  # the folder may have the log of a process that looked later
        assert self._now is not None
        self._get(self._missing(wanted), self._now, lost_too=True)

    def _missing(self, wanted: Callable[[str], bool]) -> list[str]:
        names = self._now.names if self._now is not None else []
        return [name for name in names if wanted(name) and not is_kept(self.root / name)]

    def _bring(self, *, likely_known: bool = False) -> None:
        # Whatever is kept was in the store before this look at it: if it is not there now, it went.
        kept = self._kept()
        with ThreadPoolExecutor(1) as pool:
            card = pool.submit(read_card, self._objects) if self._now is None else None
            now = remote(self._objects, self._now, likely_known=likely_known)
        if card is not None:
            self._begin(card)
            self._room.make(0)  # the bound may be less than it was
        eager = sorted((n for n in now.names if n not in kept and _is_eager(n)), key=rank)
        folded = [name for name in eager if "/m-" in name]
        # As a lake changes: what maintenance wrote, its log, then commits, events last.
        self._get(folded, now)
        if not (self.root / now.log_name).is_file():
            write_whole(self.root / now.log_name, now.log_text)
        self._get([name for name in eager if name not in folded], now)
        for name in kept.difference(now.names, [now.log_name]):
            if not _is_ahead(name, now):
                (self.root / name).unlink(missing_ok=True)  # who reads it still looks again
        if self._now is None or self._now.log_name != now.log_name:
            self._drop_parts(now)
        self._now = now
        self._looked = time.monotonic()

    def _drop_parts(self, now: Remote) -> None:
        live = {*map(stem, now.state.adds)}
        for path in (self.root / FOLDER).glob("*"):
            found = NAME.fullmatch(f"{FOLDER}/{path.name}")
            if found and found[1] not in live and int(found[2]) <= now.state.epoch:
                path.unlink(missing_ok=True)

    def _begin(self, asked: Future[bytes]) -> None:
        layout = Layout(self.root)
        kept = layout.card.read_bytes() if layout.exists else None
        try:
            card = asked.result()
        except NotFound:
            if kept is not None:
                shutil.rmtree(self.root)  # of a lake that was there
            raise
        if kept not in (None, card):
            shutil.rmtree(self.root)  # of another lake, which had this address before
        self._make_folders()
        missing = [n for n in [*SEEDS, "lake.sql"] if not (self.root / n).is_file()]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._one, missing))
        if not layout.exists:
            write_whole(layout.card, card)

    def _make_folders(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in Layout(self.root).folders:
            folder.mkdir(exist_ok=True)
        write_whole(self.root / KEPT_OF, self.url.encode())

    def _get(self, names: list[str], now: Remote, *, lost_too: bool = False) -> int:
        """How many were brought; raises FileNotFoundError where one went, unless it may be lost."""
        digests = now.digests
        if names:
            coming = {*names}
            self._room.make(sum(add.bytes for add in now.state.adds if add.path in coming))

        def one(name: str) -> None:
            with suppress(*[FileNotFoundError] * lost_too):  # who asks for it will see
                self._one(name, digests.get(name))

        return len([*each_of(one, names, now.sizes)]) if names else 0

    def _one(self, name: str, digest: str | None = None) -> None:
        data = self._objects.read(name)
        prove(name, data, digest, f"{self.url}/{name}")
        self._keep(name, data)

    def _keep(self, name: str, data: bytes) -> None:
        try:
            write_whole(self.root / name, data)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            trim(self.root.parent, 0)
            write_whole(self.root / name, data)

    def _kept(self) -> set[str]:
        layout = Layout(self.root)
        if not layout.exists:
            return set()
        logs = set(filter(is_log, (f"_log/{name}" for name in os.listdir(layout.log))))
        files = {layout.relative(path) for table in TABLES for path in layout.files(table)}
        return logs.union(filter(data_file, files))

    def is_there(self) -> bool:
        """Look for a lake that was not there when this was opened."""
        with suppress(NotFound):
            self.refresh()
            return True
        return False

    # As writers need it

    def folders_open(self) -> FarFolders:
        return FarFolders(self.root, self._objects, self._unsure)

    def found(self, *, exists: bool) -> None:
        """Before a lake is made there; it may be there by now."""
        if not exists:
            claims.to_found(self._objects)
            with suppress(NotFound):
                self.refresh(now=True)
            self._make_folders()

    def claim(self, wait_s: float) -> None:
        """Before the first write: no copy of a folder may go there any more."""
        if not self._claimed:
            claims.to_write(self._objects, self._lake_id, wait_s)
            self._claimed = True

    def newest(self) -> State:
        """The newest epoch, as the store has it now."""
        return newest_state(self._objects)

    def forget(self, names: Iterable[str]) -> None:
        """Let go of what has been put anew, and look again."""
        for name in names:
            (self.root / name).unlink(missing_ok=True)
        self._now = None

    def epochs(self) -> list[int]:
        return sorted(int(name[5:13]) for name in self._objects.sizes("_log") if is_log(name))

    def published_at(self, log_name: str) -> float:
        return self._objects.changed_at(log_name)

    def time(self) -> float:
        """The store's, which is one for all machines."""
        return self._objects.touch(f"_stage/{self._lake_id}")

    @property
    def _lake_id(self) -> str:
        return Layout(self.root).read_card().lake_id

    def has_commit(self, path: str) -> bool:
        """Whether a commit's file was there at the last look, live or not."""
        return self._now is not None and path in self._now.listed

    def is_unsure(self, name: str) -> bool:
        """Whether it was asked for and not answered: it may be there, or appear yet."""
        return name in self._unsure

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whoever looks now commits in the epoch that follows on this look, or looks again.

        Gives whether it is not within another turn, whose look it shares.
        """
        if self.in_turn:
            yield False
            return
        with self._looking:
            self.refresh(now=True)
            assert self._now is not None
            self._turn.epoch = self._now.state.epoch
        try:
            yield True
        finally:
            self._turn.epoch = None

    @property
    def in_turn(self) -> bool:
        return getattr(self._turn, "epoch", None) is not None

    def commit(self, layout: Layout, tables: Mapping[str, pa.Table]) -> None:
        """Put rows into the epoch of this turn."""
        from bt_lake.warehouse.turns import commit

        commit(layout, self._turn.epoch, tables)
        self._turn.epoch += 1


def _is_eager(name: str) -> bool:
    """What must be here before a question is asked: what the folder is listed for."""
    file = data_file(name)
    assert file is not None
    return file.table in _EAGER or (file.commit is not None and children_of(file.commit) is None)


def _is_ahead(name: str, now: Remote) -> bool:
    """Whether a process of this machine is about to publish the epoch of this file."""
    file = data_file(name)
    return file is not None and (file.epoch or 0) > now.state.epoch
