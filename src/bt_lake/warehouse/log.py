"""The log of epochs: each file is the whole state that one act of maintenance left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Container
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.files import fsync_folder, publish, remove, step, write_durably
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout

KEPT_EPOCHS = 16
CHILDREN = ("equity", "trades")
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
        parts |= {"adds": adds, "unseen": sorted(self.unseen)}
        return json.dumps(parts, separators=(",", ":"))


_NAME = re.compile(r"\d{8}\.json")
_ADDED = [part.name for part in fields(Added)]


class Lost(Exception):
    """Another process wrote the next epoch first."""


def epochs(layout: Layout) -> list[int]:
    return sorted(int(name[:8]) for name in os.listdir(layout.log) if _NAME.fullmatch(name))


def log_path(layout: Layout, epoch: int) -> Path:
    return layout.log / f"{epoch:08d}.json"


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
    text = path.read_bytes()
    try:
        raw = json.loads(text)
        return State(
            epoch=int(raw["epoch"]),
            at=str(raw["at"]),
            grace_s=float(raw["grace_s"]),
            adds=tuple(_added(add) for add in raw["adds"]),
            removed={
                str(path): None if at is None else float(at) for path, at in raw["removed"].items()
            },
            unseen=frozenset(raw.get("unseen", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(
            f"{path} is not a readable log ({error}). Restore it from a backup, or run "
            "`bt-lake check --repair`."
        ) from None


def _added(raw: dict[str, Any]) -> Added:
    """Keys that a later version may have added are passed over."""
    return Added(**{name: raw[name] for name in _ADDED if name in raw})


def advance(
    layout: Layout,
    state: State,
    *,
    adds: list[Added],
    drops: set[str],
    grace_s: float | None = None,
) -> State:
    """Create the epoch after `state`, or raise Lost. `drops` are paths that stop being live."""
    now = time.time()
    gone = unlink_overdue(layout, state, now, most=UNLINKED_AT_ONCE)
    removed: dict[str, float | None] = {
        path: now if at is None else min(at, now)  # a clock may have gone back
        for path, at in state.removed.items()
        if path not in gone
    }
    removed |= {path: None for path in sorted(drops) if not goes_with_its_commit(path, drops)}
    unseen = {child for path in drops for child in _children(path)} - drops
    following = State(
        epoch=state.epoch + 1,
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        grace_s=state.grace_s if grace_s is None else grace_s,
        adds=(*(add for add in state.adds if add.path not in drops), *adds),
        removed=removed,
        unseen=frozenset(
            child for child in state.unseen | unseen if goes_with_its_commit(child, removed)
        ),
    )
    write(layout, following)
    # Others this far ahead have used and pruned the number before we took it.
    if epochs(layout)[-1] - following.epoch >= KEPT_EPOCHS:
        remove(log_path(layout, following.epoch))
        raise Lost
    for number in epochs(layout):
        if number <= following.epoch - KEPT_EPOCHS:
            remove(log_path(layout, number))
    step("log.pruned")
    return following


def goes_with_its_commit(path: str, removed: Container[str]) -> bool:
    """Whether the file is a child of a commit that is removed."""
    table, _, rest = path.partition("/")
    return table in CHILDREN and f"runs/{rest}" in removed


def _children(path: str) -> list[str]:
    """Where the children of a commit may be, if this is its `runs` file."""
    table, _, rest = path.partition("/")
    is_commit = table == "runs" and "/c-" in rest
    return [f"{child}/{rest}" for child in CHILDREN] if is_commit else []


def write(layout: Layout, state: State) -> None:
    """Create the log of an epoch, or raise Lost: it exists whole or not at all."""
    staged = layout.staged(f"{uuid7().hex}.log")
    write_durably(staged, state.to_json().encode())
    step("log.staged")
    try:
        publish(staged, log_path(layout, state.epoch))
    except FileExistsError:
        raise Lost from None
    finally:
        remove(staged)
    step("log.published")
    fsync_folder(layout.log)


def unlink_overdue(
    layout: Layout, state: State, now: float | None = None, *, most: int | None = None
) -> set[str]:
    """Unlink files removed longer ago than the grace period; the paths that are gone for good."""
    now = time.time() if now is None else now
    gone = set()
    ages = {path: 0.0 if at is None else now - at for path, at in state.removed.items()}
    for path in sorted(path for path, age in ages.items() if age >= state.grace_s)[:most]:
        with contextlib.suppress(PermissionError):  # Windows: somebody still reads it
            for each in (*state.children(path), path):
                remove(f"{layout.root}{os.sep}{each}")
            gone.add(path)
        step("unlink.one")
    for folder in {
        os.path.dirname(each) for path in gone for each in (*state.children(path), path)
    }:
        with contextlib.suppress(FileNotFoundError):
            fsync_folder(layout.root / folder)
    return gone
