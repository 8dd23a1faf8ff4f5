"""How a lake is kept: what stands unfolded, who is at work, what is left over, what room is."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bt_lake.warehouse import log
from bt_lake.warehouse.commit import commits_on_disk
from bt_lake.warehouse.ids import CHILDREN
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.locks import NAMES, holders

# From this many on, questions become slow: somebody should see why nothing folds.
MANY_COMMITS = 2_000
_LOCKS = {f"{name}.lock" for name in (*NAMES, "takeover")}


@dataclass(frozen=True, slots=True)
class Working:
    """Who holds a lock."""

    lock: str
    pid: int
    user: str
    host: str
    since: str
    state: str


@dataclass(frozen=True, slots=True)
class Upkeep:
    standing_commits: int
    last_epoch_at: str
    at_work: list[Working]
    oldest_staged_s: float | None
    free_bytes: int
    free_inodes: int | None
    compaction_needs_bytes: int
    quarantined_files: int
    quarantined_bytes: int
    versions: list[str]


def upkeep(layout: Layout) -> Upkeep:
    state = log.newest(layout)
    standing = commits_on_disk(layout) - {os.path.basename(path) for path in state.removed}
    quarantined = list(_sizes(layout.root / "_quarantine"))
    staged = [age for age in _ages(layout.stage) if age is not None]
    free, inodes = room(layout.root)
    return Upkeep(
        standing_commits=len(standing),
        last_epoch_at=state.at,
        at_work=[
            Working(name, who.pid, who.user, who.host, who.since, who.state)
            for name, who in holders(layout).items()
        ],
        oldest_staged_s=max(staged, default=None),
        free_bytes=free,
        free_inodes=inodes,
        compaction_needs_bytes=_rewritten(layout, state, standing),
        quarantined_files=len(quarantined),
        quarantined_bytes=sum(quarantined),
        versions=_versions(layout),
    )


def why_unfolded(found: Upkeep) -> str:
    """That many commits stand, and who or what keeps them from being folded."""
    stand = f"{found.standing_commits:,} commits stand unfolded, which makes questions slow"
    for work in found.at_work:
        if work.lock == "maintenance":
            return (
                f"{stand}: pid {work.pid} of {work.user} on {work.host} holds maintenance since "
                f"{work.since}{', ' + work.state if work.state else ''}"
            )
    if found.free_bytes < found.compaction_needs_bytes:
        return f"{stand}: folding needs more room than the {found.free_bytes:,} bytes that are free"
    return f"{stand}; `bt-lake compact` folds them"


def room(folder: Path) -> tuple[int, int | None]:
    """Bytes and inodes that are free for this user; None where the file system counts no inodes."""
    if not hasattr(os, "statvfs"):
        import shutil

        return shutil.disk_usage(folder).free, None
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize, found.f_favail if found.f_files else None


def _rewritten(layout: Layout, state: log.State, standing: set[str]) -> int:
    """What `compact` writes anew before it can let go of anything."""
    from bt_lake.warehouse.compact import FULL_BYTES

    small = sum(add.bytes for add in state.adds if add.bytes < FULL_BYTES)
    return small + sum(
        size
        for table in ("runs", *CHILDREN, "events")
        for name, size in _named_sizes(layout.table(table))
        if name in standing or (table == "events" and name.startswith("c-"))
    )


def _named_sizes(table: Path) -> Iterator[tuple[str, int]]:
    with contextlib.suppress(FileNotFoundError):
        for month in os.scandir(table):
            if month.is_dir():
                for entry in os.scandir(month.path):
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.name, entry.stat().st_size


def _sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                yield os.stat(os.path.join(parent, name)).st_size


def _ages(stage: Path) -> Iterator[float | None]:
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(stage):
            if entry.name not in _LOCKS and entry.is_file():
                with contextlib.suppress(FileNotFoundError):
                    yield round(time.time() - entry.stat().st_mtime, 1)


def _versions(layout: Layout) -> list[str]:
    """The versions of bt-lake that maintained the lake of late; older ones do not say."""
    found = set()
    for number in log.epochs(layout):
        with contextlib.suppress(OSError, ValueError):
            raw = json.loads(log.log_path(layout, number).read_bytes())
            found.add(str(raw.get("written_by", "not said")))
    return sorted(found)
