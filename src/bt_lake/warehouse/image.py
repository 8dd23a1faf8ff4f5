"""A lake in an object store as it stands there, damage and all, brought into a folder to look at.

A copy of it for readers would not do: what has rotted or is lost must be there as it is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bt_lake.warehouse import log
from bt_lake.warehouse.errors import CannotRead, Conflict, LakeError, NotFound
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.findings import Finding
from bt_lake.warehouse.ids import CHILDREN, uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.objects import Objects, There, each_of
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.rot import Progress
from bt_lake.warehouse.schema import TABLES

_TRIES = 8
_STALE_S = 86_400.0
# More than the footers of most files; of others the rest is asked for.
_TAIL = 64 * 1024
_FURNITURE = ("lake.json", "lake.sql")


@dataclass(slots=True)
class Image:
    layout: Layout
    there: dict[str, There]
    # What has no place in a folder of a lake, and objects that the store does not give.
    odd: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def image(
    objects: Objects,
    kept: Path,
    *,
    whole: bool,
    ahead_s: float = 0.0,
    progress: Progress | None = None,
) -> Iterator[Image]:
    """All of it, or (unless `whole`) of curves and trades what a look at names and footers needs.

    Below `kept`, for as long as it is used. Times are this machine's, so far ahead of the store's.
    """
    _drop_stale(kept)
    root = kept / f"image-{uuid7().hex}"
    with explained(f"cannot bring {objects.url} to {root}, to look at it"):
        try:
            yield _brought(objects, root, whole, ahead_s, progress)
        finally:
            shutil.rmtree(root, ignore_errors=True)


def _drop_stale(kept: Path) -> None:
    """Those of processes that were killed."""
    for left in kept.glob("image-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _brought(
    objects: Objects, root: Path, whole: bool, ahead_s: float, progress: Progress | None
) -> Image:
    for _ in range(_TRIES):
        shutil.rmtree(root, ignore_errors=True)
        there = _at_one_moment(objects)
        if there is None:
            continue
        there = {name: each._replace(at=each.at + ahead_s) for name, each in there.items()}
        found = Image(Layout(root, is_image=True), there)
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            _bring(objects, found, whole, progress)
            return found
    raise Conflict(f"{objects.url} changed again and again while it was looked at. Try again.")


def _at_one_moment(objects: Objects) -> dict[str, There] | None:
    """What is there by the read rule; None where a newer log came meanwhile."""
    before = _logs(objects)
    # Every event that is listed finds its run, every run its curve.
    commits = {**objects.listed("events"), **objects.listed("runs")}
    there = objects.listed()
    if not {"lake.json", *before, *commits} & there.keys():
        raise NotFound(f"no lake at {objects.url}, or a copy of one that did not come to its end")
    if _logs(objects) != before:
        return None
    late = {name for name in there if name.startswith(("runs/", "events/"))} - commits.keys()
    return {name: each for name, each in there.items() if name not in late}


def _logs(objects: Objects) -> list[str]:
    return sorted(filter(log.is_log, objects.listed("_log")))


def _bring(objects: Objects, found: Image, whole: bool, progress: Progress | None) -> None:
    root = found.layout.root
    placed = {name for name in found.there if _has_place(name)}
    found.odd = sorted(set(found.there) - placed)
    for folder in found.layout.folders:
        folder.mkdir(parents=True, exist_ok=True)
    logs = sorted(filter(log.is_log, placed))
    for name in logs[-1:]:
        _one(objects, found, name, tail=False)
    state = _state(found.layout)
    months = {name.split("/")[1] for name in placed | state.named if name.startswith((*TABLES,))}
    for month in months:  # a store has no folders that could be away
        for table in TABLES:
            (root / table / month).mkdir(exist_ok=True)
    total = sum(found.there[name].bytes for name in placed)
    done = files = 0
    counting = threading.Lock()

    def one(name: str) -> None:
        nonlocal done, files
        if not whole and (name in logs or state.has_removed(name)):
            _put_down(root / name, b"", found.there[name].at)
        else:
            tail = not whole and _is_live_child(name, state, found.there)
            _one(objects, found, name, tail=tail)
        with counting:
            done, files = done + found.there[name].bytes, files + 1
            if progress:
                progress(done, total, files)

    sizes = {name: found.there[name].bytes for name in placed}
    for _ in each_of(one, sorted(placed.difference(logs[-1:])), sizes):
        pass


def _state(layout: Layout) -> log.State:
    """That of the newest log; a log that is damaged names nothing."""
    try:
        return log.newest(layout)
    except (LakeError, OSError):
        return log.State.empty()


def _is_live_child(name: str, state: log.State, there: dict[str, There]) -> bool:
    file = data_file(name)
    if file is None or file.table not in CHILDREN:
        return False
    if file.commit is not None:
        return f"runs/{name.partition('/')[2]}" in there
    return any(add.path == name for add in state.adds)


def _one(objects: Objects, found: Image, name: str, *, tail: bool) -> None:
    there, path = found.there[name], found.layout.root / name
    try:
        if not tail or there.bytes <= _TAIL:
            _put_down(path, objects.read(name), there.at)
            return
        end = objects.read_end(name, there.bytes, _TAIL)
        footer = int.from_bytes(end[-8:-4], "little") + 8
        if _TAIL < footer <= there.bytes:
            end = objects.read_end(name, there.bytes, footer)
        _put_down(path, end, there.at, of=there.bytes)
    except CannotRead as error:
        objects.listed("_log")  # or the store gives nothing at all
        found.refused[name] = str(error)


def _put_down(path: Path, data: bytes, at: float, of: int = 0) -> None:
    """A file of the object's time, and of its length where this is but the end of it."""
    with open(path, "wb") as file:
        if of:
            file.truncate(of)
            file.seek(of - len(data))
        file.write(data)
    os.utime(path, (at, at))


def _has_place(name: str) -> bool:
    """Whether an object is one that a folder of a lake could have, wherever its name comes from."""
    folder, _, last = name.rpartition("/")
    if not last or last in (".", "..") or set(last) & set('\\:"*?<>|\0'):
        return False
    table = folder.partition("/")[0]
    return (
        name in _FURNITURE
        or folder in ("_log", "_seed")
        or (table in TABLES and data_file(f"{folder}/c-{'0' * 32}.parquet") is not None)
    )


def as_finding(name: str, why: str) -> Finding:
    return Finding(
        "unreachable",
        name,
        f"cannot be read: {why}",
        "let the store give it to you: your rights, its class of storage (an archive must be "
        "asked to bring it back). Nothing is changed: the object may be whole",
    )
