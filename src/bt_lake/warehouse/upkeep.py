"""How a lake is kept: what stands unfolded, who is at work, what is left over, what room is."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import log
from bt_lake.warehouse.bounds import LOG_BYTES, read_bounded
from bt_lake.warehouse.clock import OFF_S, lake_time
from bt_lake.warehouse.commit import commits_on_disk
from bt_lake.warehouse.database import MANY_COMMITS
from bt_lake.warehouse.errors import Damaged, LakeError
from bt_lake.warehouse.ids import CHILDREN
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.locks import NAMES, holders

if TYPE_CHECKING:
    from bt_lake.warehouse.findings import Finding

_LAST_S = 253_402_300_799.0  # the last that a date can say
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


def findings(layout: Layout) -> Iterator[Finding]:
    """What an operator should know of before it hurts; nothing of it makes an answer wrong."""
    from bt_lake.warehouse.findings import Finding
    from bt_lake.warehouse.sharing import unlike

    if not layout.exists:
        return
    yield from unlike(layout)
    with contextlib.suppress(LakeError, OSError):
        found = upkeep(layout)
        if found.standing_commits >= MANY_COMMITS:
            what = "let that process go on or end it, then `bt-lake compact`"
            yield Finding("unfolded", "runs", why_unfolded(found), what, damage=False)
        yield from _ahead_of_time(layout)


def _ahead_of_time(layout: Layout) -> Iterator[Finding]:
    """Commits that were made later than now: some machine's clock is wrong."""
    from bt_lake.warehouse.findings import Finding

    latest = lake_time(layout) + OFF_S
    ahead = [name for name in commits_on_disk(layout) if int(name[2:14], 16) / 1000 > latest]
    if ahead:
        seconds = int(max(ahead)[2:14], 16) / 1000  # by a name that anybody may have given
        when = datetime.fromtimestamp(min(seconds, _LAST_S), UTC)
        yield Finding(
            "clock",
            "runs",
            f"{len(ahead):,} commits are from the future, the last of {when:%Y-%m-%d %H:%M} UTC: "
            "the clock of a machine that writes to the lake is ahead, and its runs come first "
            "among the newest until then",
            "set that machine's clock (NTP)",
            damage=False,
        )
    at = 0.0
    with contextlib.suppress(
        ValueError, OverflowError
    ):  # somebody else may have written anything there
        at = datetime.fromisoformat(log.newest(layout).at).timestamp()
    if at > latest:
        yield Finding(
            "clock",
            "_log",
            f"the newest epoch is from the future ({log.newest(layout).at})",
            "set the clock of the machine that maintains the lake (NTP)",
            damage=False,
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
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(stage):
            if entry.name not in _LOCKS and entry.is_file():
                with contextlib.suppress(FileNotFoundError):
                    yield round(time.time() - entry.stat().st_mtime, 1)


def _versions(layout: Layout) -> list[str]:
    """The versions of bt-lake that maintained the lake of late; older ones do not say."""
    found = set()
    for number in log.epochs(layout):
        with contextlib.suppress(OSError, ValueError, AttributeError, RecursionError, Damaged):
            raw = json.loads(read_bounded(log.log_path(layout, number), LOG_BYTES))
            found.add(str(raw.get("written_by", "not said")))
    return sorted(found)
