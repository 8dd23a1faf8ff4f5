"""A lake copied to an object store, and down again: interruptible, and nothing is lost by it.

The names are those of a lake. Each object is put whole, only where there is none; children first,
then runs, then events, then the log, the card last. So whoever reads meanwhile sees the lake of
before, or that of now.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from bt_lake.warehouse import claims, log
from bt_lake.warehouse.backup import held
from bt_lake.warehouse.copies import Copied, Progress, files_below
from bt_lake.warehouse.digest import digest_in, digest_of, digest_of_file, is_whole
from bt_lake.warehouse.errors import BadInput, Conflict, Damaged, NotFound
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.ids import CHILDREN, children_of
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.objects import Objects, each_of
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.wholefile import unfinished

_CARD = "lake.json"
SEEDS = [f"_seed/{table}.parquet" for table in ("runs", "equity", "trades", "events")]
_TRIES = 8
_RANKS = {"_seed": 0, "lake.sql": 0, "equity": 1, "trades": 1, "runs": 2, "events": 3, "_log": 4}


def up(layout: Layout, objects: Objects, progress: Progress | None = None) -> Copied:
    """Copy the lake as it is now; of an earlier copy what is there stays, what is replaced goes."""
    card = layout.read_card()
    there = objects.sizes()
    claims.to_copy(objects, there, card.lake_id)
    with held(layout) as snapshot:
        sizes = snapshot.sizes
        together = _Together(sizes, progress)

        def one(path: str) -> int:
            source, digest = snapshot.place(path), snapshot.digests.get(path)
            there_already = _is_there(objects, there, path, source)
            return 0 if there_already else _put(objects, path, source, digest)

        with ExitStack() as stack:
            for step, paths in groupby(sorted(sizes, key=rank), lambda path: rank(path)[0]):
                if step == _RANKS["_log"]:
                    stack.enter_context(claims.copying(objects))
                together.do(one, paths)
        _tidy(objects, there, sizes)
        return Copied(layout.root, len(sizes), together.copied, together.reused)


class _Together:
    """Some files at once: each waits for its answers far longer than for anything else."""

    def __init__(self, sizes: Mapping[str, int], progress: Progress | None) -> None:
        self._sizes, self._progress = sizes, progress
        self._total = sum(sizes.values())
        self._done = self._files = 0
        self.copied = self.reused = 0

    def do(self, one: Callable[[str], int], paths: Iterable[str]) -> None:
        """All of these before what comes after; `one` says how many bytes it copied."""
        for path, copied in each_of(one, paths, self._sizes):
            self.copied += copied
            self.reused += not copied
            self._done += self._sizes.get(path, 0)
            self._files += 1
            if self._progress:
                self._progress(self._done, self._total, self._files)


def _is_there(objects: Objects, there: Mapping[str, int], name: str, source: Path) -> bool:
    """Names of a lake never get another content, but for what another version writes."""
    if name == "lake.sql" and name in there and objects.read(name) != source.read_bytes():
        objects.remove([name])
        return False
    return there.get(name) == source.stat().st_size or (name == _CARD and name in there)


def _put(objects: Objects, name: str, source: Path, digest: str | None) -> int:
    """One object, read again: it must be what the lake wrote."""
    data = source.read_bytes()
    prove(name, data, digest, str(source))
    try:
        objects.create(name, data)
    except FileExistsError:
        raise Damaged(f"{objects.url}/{name} is there already, and is another file") from None
    if digest_of(objects.read(name)) != digest_of(data):
        raise Damaged(f"{objects.url}/{name} reads back other than it was written")
    return len(data)


def prove(name: str, data: bytes, digest: str | None, where: str) -> None:
    """Pass on nothing that has rotted: a file tells its own digest, or the log does."""
    own = digest_in(data) if data_file(name) is not None and digest is None else None
    if (digest and digest_of(data) != digest) or (own and not is_whole(data, own)):
        raise Damaged(f"{where} is not what was written: it has rotted. It was not copied.")


def rank(path: str) -> tuple[int, str]:
    return _RANKS.get(path.partition("/")[0], 5), path


def _tidy(objects: Objects, there: Mapping[str, int], live: Mapping[str, int]) -> None:
    """Remove what the lake had replaced before: of what was listed before the lake was looked at.

    What another copy puts meanwhile is not among that. A reader that misses an object looks again.
    """
    old = [name for name in there if name not in live]
    objects.remove([name for name in old if data_file(name) or name.startswith("_log/")])


@dataclass(frozen=True, slots=True)
class Remote:
    """A lake in a store at one moment: the newest log, and the objects that are live."""

    state: log.State
    log_name: str
    log_text: bytes
    names: list[str]
    # Commits' files that were there, removed ones too, with sizes.
    listed: Mapping[str, int] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """As far as they are known: not of the curves of commits."""
        return {**self.listed, **{add.path: add.bytes for add in self.state.adds}}

    @property
    def digests(self) -> dict[str, str | None]:
        return {add.path: add.digest for add in self.state.adds}


def remote(objects: Objects, known: Remote | None = None, *, likely_known: bool = False) -> Remote:
    """What is live, by the read rule: the log, then events, then runs, then what is theirs.

    If a newer log came meanwhile, what it replaced may have gone before it was listed: look again.
    The log that is `known` is not read again; if it is still the newest at the end, it was so at
    the beginning, which need not be asked where it is likely.
    """
    name = known.log_name if known and likely_known else _newest_log(objects)
    for _ in range(_TRIES):
        with suppress(FileNotFoundError), ThreadPoolExecutor(1) as pool:
            is_known = known is not None and known.log_name == name
            logged = None if is_known else pool.submit(_logged, objects, name)
            listed = _commits(objects)
            seen = known if logged is None else logged.result()
            assert seen is not None
            names = [*_standing(objects, seen.state, listed), *(a.path for a in seen.state.adds)]
            latest = _newest_log(objects)
            if latest == name:
                return replace(seen, names=names, listed=listed)
            name = latest
            continue
        name = _newest_log(objects)
    raise Conflict(f"{objects.url} changed again and again while it was looked at. Try again.")


def newest_state(objects: Objects) -> log.State:
    return _logged(objects, _newest_log(objects)).state


def _newest_log(objects: Objects) -> str:
    logs = [name for name in objects.sizes("_log") if log.is_log(name)]
    if not logs:
        raise NotFound(f"no lake at {objects.url}, or a copy of one that did not come to its end")
    return max(logs)


def _logged(objects: Objects, name: str) -> Remote:
    text = objects.read(name)
    return Remote(log.parse(text, f"{objects.url}/{name}"), name, text, [])


def _commits(objects: Objects) -> dict[str, int]:
    """Those of events, then those of runs: every event that is listed finds its run."""
    return {
        path: size
        for table in ("events", "runs")
        for path, size in objects.sizes(table).items()
        if (file := data_file(path)) and file.table == table and file.commit
    }


def _standing(objects: Objects, state: log.State, listed: Iterable[str]) -> Iterator[str]:
    for path in listed:
        if not state.has_removed(path):
            yield path
            if path.startswith("runs/"):
                yield from _children(path, path[-40:-8], objects)


def _children(path: str, commit: str, objects: Objects) -> list[str]:
    """Of a commit whose id does not say what it has, what is there."""
    known = children_of(commit)
    rest = path.partition("/")[2]
    if known is not None:
        return [f"{child}/{rest}" for child in known]
    names = [f"{child}/{rest}" for child in CHILDREN]
    return [name for name in names if name in objects.sizes(name.rpartition("/")[0])]


def down(objects: Objects, layout: Layout, progress: Progress | None = None) -> Copied:
    """Make the lake again in a folder that is empty, or has what an earlier try has left."""
    if layout.exists:
        raise BadInput(
            f"{layout.root} has a lake already; name an empty folder (`merge` takes one lake into "
            "another)"
        )
    card = read_card(objects)
    with explained(f"cannot copy to {layout.root}"):
        for _ in range(_TRIES):
            try:
                return _down(objects, layout, card, progress)
            except FileNotFoundError:
                continue  # another copy up came between
    raise Conflict(f"{objects.url} changed again and again while it was copied. Try again.")


def _down(objects: Objects, layout: Layout, card: bytes, progress: Progress | None) -> Copied:
    sizes = objects.sizes()
    now = remote(objects)
    names = [*SEEDS, *(["lake.sql"] if "lake.sql" in sizes else []), *sorted(now.names, key=rank)]
    _drop_others(layout, {*names, now.log_name})
    for folder in layout.folders:
        folder.mkdir(parents=True, exist_ok=True)

    def one(name: str) -> int:
        target, digest = layout.root / name, now.digests.get(name)
        if target.is_file() and is_what_was_written(name, target, digest):
            return 0
        data = now.log_text if name == now.log_name else objects.read(name)
        prove(name, data, digest, f"{objects.url}/{name}")
        write_whole(target, data)
        return len(data)

    wanted = [*names, now.log_name]
    together = _Together({name: sizes.get(name, 0) for name in wanted}, progress)
    together.do(one, wanted)
    write_whole(layout.card, card)
    return Copied(layout.root, len(wanted) + 1, together.copied + len(card), together.reused)


def _drop_others(layout: Layout, wanted: set[str]) -> None:
    """Of an earlier try: what has been replaced since. Nothing of anybody else's is touched."""
    for path in list(files_below(layout.root)) if layout.root.is_dir() else []:
        if path.rpartition("/")[2].startswith(".") and path.endswith(".part"):
            os.unlink(layout.root / path)
            continue
        ours = (
            data_file(path) or path.startswith(("_log/", "_seed/", "_stage/")) or path == "lake.sql"
        )
        if not ours:
            raise BadInput(f"{layout.root} is not empty: it has {path}; name another folder")
        if path not in wanted:
            os.unlink(layout.root / path)


def is_what_was_written(name: str, path: Path, digest: str | None) -> bool:
    if digest is not None:
        return digest_of_file(path) == digest
    data = path.read_bytes()
    own = digest_in(data)
    return data_file(name) is not None and own is not None and is_whole(data, own)


def write_whole(path: Path, data: bytes) -> None:
    """A file that is there whole or not at all, and durable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = unfinished(path)
    try:
        with open(staged, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(staged, path)
    finally:
        staged.unlink(missing_ok=True)


def read_card(objects: Objects) -> bytes:
    try:
        return objects.read(_CARD)
    except FileNotFoundError:
        raise NotFound(
            f"no lake at {objects.url}, or a copy of one that did not come to its end"
        ) from None
