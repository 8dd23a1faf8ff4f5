"""The log of epochs: each file is the whole state that one act of maintenance left behind."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bt_lake._version import __version__
from bt_lake.warehouse.bounds import LOG_BYTES, read_bounded
from bt_lake.warehouse.clock import lake_time
from bt_lake.warehouse.digest import BLANK, is_digest, is_whole, sealed
from bt_lake.warehouse.errors import CannotRead, CannotWrite, Damaged, Unconfirmed
from bt_lake.warehouse.files import step
from bt_lake.warehouse.ids import CHILDREN, children_of, uuid7
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.paths import commits_file, data_file, named

KEPT_EPOCHS = 16
MOST_EPOCHS = 100_000_000  # a log's name has eight digits
GRACE_S = 60.0
# An append that compacts unlinks some files; it does not wait until a burst of them is gone.
UNLINKED_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Added:
    """A live file that maintenance wrote."""

    table: str
    path: str
    rows: int
    bytes: int
    min_run_id: str | None
    max_run_id: str | None
    # Of an events file: its events are in the rows of `runs` already.
    folded: bool = False
    # Of all its bytes; older versions did not write it.
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    epoch: int
    at: str
    grace_s: float
    adds: tuple[Added, ...] = ()
    # Path -> a Unix time at which its removal was known. The epoch that removes a file cannot know
    # when it will be published, so it writes None and the next epoch the time. Where a commit's
    # `runs` file is named, its children are removed with it, but for those in `unseen`: they were
    # not there when the commit was folded, and if they turn up, nobody else has their rows.
    removed: dict[str, float | None] = field(default_factory=dict)
    unseen: frozenset[str] = frozenset()
    # The greatest id of a commit that maintenance has taken in: one that is no greater and stands
    # may be one of those, come back from a backup.
    folded_to: str = ""
    # Commits of which no row is left, because all were forgotten or replaced: nothing else would
    # tell if one came back. They stay in `removed` for good.
    forgotten: frozenset[str] = frozenset()

    @staticmethod
    def empty() -> State:
        return State(0, datetime.now(UTC).isoformat(timespec="seconds"), GRACE_S)

    @property
    def named(self) -> set[str]:
        """The files that are live, and those that were."""
        return {add.path for add in self.adds} | self.removed.keys()

    def has_removed(self, path: str) -> bool:
        with_its_commit = goes_with_its_commit(path, self.removed) and path not in self.unseen
        return path in self.removed or with_its_commit

    def children(self, path: str) -> list[str]:
        """What is removed with a file: the children of a commit, where this is its `runs` file."""
        return [child for child in _children(path) if child not in self.unseen]

    def to_json(self) -> str:
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        adds = [{name: getattr(add, name) for name in _ADDED} for add in self.adds]
        parts |= {"adds": adds, "unseen": sorted(self.unseen), "forgotten": sorted(self.forgotten)}
        parts |= {"written_by": f"bt-lake {__version__}", "digest": BLANK}
        return sealed(json.dumps(parts, separators=(",", ":")).encode()).decode()


_NAME = re.compile(r"[0-9]{8}\.json")
_ADDED = [part.name for part in fields(Added)]


class Lost(Exception):
    """Another process wrote the next epoch first."""


def epochs(layout: Layout) -> list[int]:
    return sorted(int(name[:8]) for name in os.listdir(layout.log) if _NAME.fullmatch(name))


def log_name(epoch: int) -> str:
    return f"_log/{epoch:08d}.json"


def is_log(name: str) -> bool:
    """Whether a path relative to the lake is that of a log."""
    return name.startswith("_log/") and _NAME.fullmatch(name, 5) is not None


def log_path(layout: Layout, epoch: int) -> Path:
    return layout.root / log_name(epoch)


def newest_path(layout: Layout) -> Path:
    numbers = epochs(layout)
    if not numbers:
        raise Damaged(
            f"{layout.log} is empty: the log of the lake is lost. Restore _log from a backup; "
            "`bt-lake check --repair` can rebuild it from the files that are left."
        )
    return log_path(layout, numbers[-1])


def newest(layout: Layout) -> State:
    """The newest state; a log file that vanished under the reader is looked up again."""
    for _ in range(100):
        with contextlib.suppress(FileNotFoundError):
            return read(newest_path(layout))
    raise Damaged(f"{layout.log} changes faster than it can be read.")


def read(path: Path) -> State:
    state = parse(read_bounded(path, LOG_BYTES), str(path))
    if path.name != os.path.basename(log_name(state.epoch)):
        raise _unreadable(str(path), f"it says of itself that it is epoch {state.epoch}")
    return state


def parse(text: bytes, name: str) -> State:
    try:
        raw = json.loads(text)
        _prove(text, raw)
        return _state(raw)
    except (Damaged, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, why: object) -> Damaged:
    return Damaged(
        f"{name} is not a readable log ({why}). Restore it from a backup, or run "
        "`bt-lake check --repair`."
    )


def _state(raw: dict[str, Any]) -> State:
    return State(
        epoch=_count(raw["epoch"]),
        at=str(raw["at"]),
        grace_s=_seconds(raw["grace_s"]),
        adds=tuple(_added(add) for add in raw["adds"]),
        removed={
            named(path): None if at is None else _seconds(at) for path, at in raw["removed"].items()
        },
        unseen=frozenset(commits_file(path, CHILDREN) for path in raw.get("unseen", ())),
        folded_to=_commit_id(raw.get("folded_to", "")),
        forgotten=frozenset(commits_file(path, ("runs",)) for path in raw.get("forgotten", ())),
    )


def _commit_id(value: object) -> str:
    if value == "" or is_digest(value):  # 32 hexadecimal digits, too
        return str(value)
    raise ValueError(f"{value!a:.40} is no id of a commit")


def _prove(text: bytes, raw: dict[str, Any]) -> None:
    """Logs of older versions have neither key; one without the other is no such log."""
    if ("digest" in raw) != ("written_by" in raw):
        raise ValueError("it lacks digest or written_by")
    if "digest" in raw and not is_whole(text, str(raw["digest"])):
        raise ValueError("its digest is not that of its text")


def _added(raw: dict[str, Any]) -> Added:
    """Keys that a later version may have added are passed over."""
    file = data_file(named(raw["path"]))
    if file is None or file.epoch is None or file.table != raw["table"]:
        raise Damaged(f"names {raw['path']} as a live file of maintenance of {raw['table']!a:.20}")
    low, high = (_run_id(raw.get(name)) for name in ("min_run_id", "max_run_id"))
    rows, size = _count(raw["rows"]), _count(raw["bytes"])
    folded, digest = raw.get("folded") is True, raw.get("digest")
    if digest is not None and not is_digest(digest):
        raise ValueError(f"{digest!a:.40} is no digest")
    return Added(file.table, raw["path"], rows, size, low, high, folded, digest)


def _run_id(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{value!a:.40} is no run_id")


def _count(value: object) -> int:
    if isinstance(value, int) and 0 <= value < 1 << 63:
        return int(value)
    raise ValueError(f"{value!a:.40} is no count")


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and 0 <= value < 1e15:
        return float(value)
    raise ValueError(f"{value!a:.40} is no time")


def advance(
    layout: Layout,
    state: State,
    *,
    adds: list[Added],
    drops: set[str],
    grace_s: float | None = None,
    most: int | None = UNLINKED_AT_ONCE,
    strikes: Container[str] = (),
    forgets: Iterable[str] = (),
) -> State:
    """Create the epoch after `state`, or raise Lost. `drops` are paths that stop being live.

    `strikes` stop being live, too, but are not to be unlinked: they are lost, and may turn up.
    `forgets` are commits that must never be live again.
    """
    forgotten = state.forgotten.union(forgets)
    now = lake_time(layout) if state.removed or forgotten else 0.0
    gone = _unlink(layout, state, overdue(layout, state, now)[:most])
    removed: dict[str, float | None] = {
        path: now if at is None else min(at, now)  # a clock may have gone back
        for path, at in state.removed.items()
        if path not in gone
    }
    removed |= {path: removed.get(path, now) for path in sorted(forgotten)}
    removed |= {path: None for path in sorted(drops) if not goes_with_its_commit(path, drops)}
    unseen = {child for path in drops for child in _children(path)} - drops
    following = State(
        epoch=state.epoch + 1,
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        grace_s=GRACE_S if grace_s is None else grace_s,
        adds=(
            *(add for add in state.adds if add.path not in drops and add.path not in strikes),
            *adds,
        ),
        removed=removed,
        folded_to=max([state.folded_to, *filter(None, map(_commit_of, drops))]),
        forgotten=forgotten,
        unseen=frozenset(
            child for child in state.unseen | unseen if goes_with_its_commit(child, removed)
        ),
    )
    write(layout, following)
    with _done_already(layout):
        _prune(layout, following)
    return following


@contextlib.contextmanager
def _done_already(layout: Layout) -> Iterator[None]:
    """What the system refuses after a log has its name does not undo what the log says."""
    try:
        yield
    except OSError as error:
        raise Unconfirmed(
            f"{layout.root}: this is done, but the disk did not confirm that it would survive a "
            f"power cut, or something was left behind ({error}). Look after the disk."
        ) from error
    except CannotRead as error:
        raise Unconfirmed(
            f"{layout.address}: this was written, but it could not be looked whether others were "
            f"faster ({error}). Look at the lake before you do it again."
        ) from error


def _prune(layout: Layout, following: State) -> None:
    there = epochs(layout) if layout.origin is None else layout.origin.epochs()
    with layout.folders_open() as folders:
        # Others this far ahead have used and pruned the number before we took it.
        if there[-1] - following.epoch >= KEPT_EPOCHS:
            with contextlib.suppress(CannotWrite):  # of a store: it is not the newest
                folders.remove(log_name(following.epoch))
            raise Lost
        with contextlib.suppress(CannotWrite):  # of a store: the next one prunes them
            for number in there:
                if number <= following.epoch - KEPT_EPOCHS:
                    folders.remove(log_name(number))
    step("log.pruned")


def _commit_of(path: str) -> str | None:
    file = data_file(path)
    return file and file.commit


def goes_with_its_commit(path: str, removed: Container[str]) -> bool:
    """Whether the file is a child of a commit that is removed."""
    table, _, rest = path.partition("/")
    return table in CHILDREN and f"runs/{rest}" in removed


def _children(path: str) -> list[str]:
    """Where the children of a commit are or may be, if this is its `runs` file."""
    table, _, rest = path.partition("/")
    if table != "runs" or "/c-" not in rest:
        return []
    known = children_of(rest[-40:-8])
    return [f"{child}/{rest}" for child in (CHILDREN if known is None else known)]


def write(layout: Layout, state: State) -> None:
    """Create the log of an epoch, or raise Lost: it exists whole or not at all."""
    if state.epoch >= MOST_EPOCHS:
        raise Damaged(f"{layout.log}: the numbers of epochs are used up, which no lake does.")
    staged = layout.staged(f"{uuid7().hex}.log")
    with layout.folders_open() as folders:
        folders.write(staged, state.to_json().encode())
        step("log.staged")
        try:
            folders.publish(staged, log_name(state.epoch))
        except FileExistsError:
            raise Lost from None
        finally:
            with contextlib.suppress(OSError):
                folders.remove(staged)
        step("log.published")
        with _done_already(layout):
            folders.flush_folder("_log")


def overdue(layout: Layout, state: State, now: float | None = None) -> list[str]:
    """Files that were removed longer ago than the grace period; to ask for a time takes a while."""
    if not state.removed:
        return []
    now = lake_time(layout) if now is None else now
    since = min(now, _published(layout, state)) if None in state.removed.values() else now
    ages = {path: now - (since if at is None else at) for path, at in state.removed.items()}
    late = sorted(path for path, age in ages.items() if age >= state.grace_s)
    return [path for path in late if path not in state.forgotten or _is_there(layout, path)]


def _is_there(layout: Layout, path: str) -> bool:
    """Whether a commit's file is there, live or not."""
    if layout.origin is not None:
        return layout.origin.has_commit(path)
    return os.path.lexists(layout.root / path)


def _published(layout: Layout, state: State) -> float:
    """A time at which the log had its name: its link count has changed since it was written."""
    try:
        if layout.origin is not None:
            return layout.origin.published_at(log_name(state.epoch))
        return os.stat(log_path(layout, state.epoch)).st_ctime if os.name == "posix" else math.inf
    except FileNotFoundError:
        return math.inf


def _unlink(layout: Layout, state: State, overdue: list[str]) -> set[str]:
    """Unlink removed files; gives the paths that are gone for good."""
    gone = set()
    with layout.folders_open() as folders:
        folders.remove_far([child for path in overdue for child in state.children(path)])
        folders.remove_far(overdue)
        for path in overdue:
            with contextlib.suppress(PermissionError):  # Windows: somebody still reads it
                for each in (*state.children(path), path):
                    folders.remove(each)
                gone.add(path)
            step("unlink.one")
        for folder in {
            os.path.dirname(each) for path in gone for each in (*state.children(path), path)
        }:
            with contextlib.suppress(FileNotFoundError):
                folders.flush_folder(folder)
    return gone
