"""Compaction: many small files become few large ones, by itself and on request."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from bisect import bisect_left
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from bt_lake.warehouse import log
from bt_lake.warehouse.commit import commits_on_disk
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.maintenance import LiveFile, Task, carry_out, maintenance_lock, opened, run
from bt_lake.warehouse.rewrite import MAX_ROWS
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.warning import warn

# An append looks, one time in LOOK_EVERY, whether FOLD_AT commits have piled up.
FOLD_AT = 256
LOOK_EVERY = 32
# So many that whoever folds cannot keep up: the others leave the processor alone for a moment.
CROWDED = 1024
PAUSE_SECONDS = 0.25
# FAN_IN files of one tier (a power of FAN_IN in rows) become one of the next.
FAN_IN = 16
# While its caller waits, an append begins no piece of work after this time, and pieces are small:
# FOLD_AT commits whose files are smaller than LARGE_BYTES, or MERGE_BYTES of a tier. What is left
# is for the next one.
FOLD_SECONDS = 0.5
MOST_AT_ONCE = 8
LARGE_BYTES = 256 * 1024
MERGE_BYTES = 16 * 1024 * 1024
# A full compaction leaves files of this size alone.
FULL_BYTES = 64 * 1024 * 1024


def fold_if_due(layout: Layout, *, look_every: int | None = None) -> None:
    """After an append: fold small commits when too many have piled up, unless somebody else does.

    The append is durable already, so nothing that goes wrong here is an error of the caller.
    """
    from bt_lake.warehouse.engine import Error

    if os.urandom(1)[0] % (look_every or LOOK_EVERY):
        return
    try:
        standing = _standing_commits(layout)
        if layout.origin is not None and standing < FOLD_AT and _full_tier(log.newest(layout)):
            fold(layout)  # there a look and its commit are an epoch
        if standing >= FOLD_AT and not fold(layout) and standing >= CROWDED:
            time.sleep(min(1.0, PAUSE_SECONDS * standing / CROWDED))
    except (LakeError, Error, OSError) as error:
        _warn(f"the run is saved, but compaction failed: {error} Run `bt-lake compact`.")


def _warn(text: str) -> None:
    """Even where warnings are errors: the save that is behind us is none."""
    try:
        warn(text)
    except UserWarning:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warn(text)


def _standing_commits(layout: Layout) -> int:
    """How many commits stand; at most so many where they are few, which needs no log."""
    on_disk = commits_on_disk(layout)
    if len(on_disk) < FOLD_AT:
        return len(on_disk)
    return len(on_disk - _removed_commits(log.newest_path(layout)))


@lru_cache(maxsize=2)
def _removed_commits(log_file: Path) -> frozenset[str]:
    """Names of commits that may linger. A log never changes, and many saves look at the same."""
    removed = log.read(log_file).removed
    return frozenset(os.path.basename(path) for path in removed if "/c-" in path)


def fold(layout: Layout) -> bool:
    """For a moment, turn small commits into larger files, and those into larger ones."""
    with maintenance_lock(layout, wait=False) as held:
        if not held:
            return False
        with opened(layout, views=False) as database:
            ends = time.monotonic() + FOLD_SECONDS
            changed = carry_out(layout, database, lambda task: _fold_commits(task, ends))
            while time.monotonic() < ends and _full_tier(log.newest(layout)):
                database.take_snapshot()
                if not carry_out(layout, database, _merge_a_tier):
                    break
                changed = True
        return changed


def _fold_commits(task: Task, ends: float) -> None:
    """Make one file a table of FOLD_AT commits, and so on while there are as many and time."""
    commits = task.oldest_commits(MOST_AT_ONCE * FOLD_AT)
    for start in range(0, len(commits), FOLD_AT):
        some = commits[start : start + FOLD_AT]
        if start and (len(some) < FOLD_AT or time.monotonic() >= ends):
            return
        _fold(task, [file for files in some for file in files])


def _fold(task: Task, files: list[LiveFile]) -> None:
    for table in TABLES:
        small = [f.path for f in files if f.table == table and f.bytes < LARGE_BYTES]
        if small:
            task.rewriter.write(table, small, are_fresh=True)
            task.drops |= set(small)
    for file in files:
        if file.bytes >= LARGE_BYTES:
            task.take_over(file)


def _merge_a_tier(task: Task) -> None:
    tier = _full_tier(task.state)
    if task.layout.origin is not None:
        task.layout.origin.fetch_files(file.path for file in tier)
    tier = [file for file in tier if task.is_whole(file.path)]
    if len(tier) > 1:
        paths = [file.path for file in tier]
        task.rewriter.write(tier[0].table, paths, folded=tier[0].folded)
        task.drops |= set(paths)


def _full_tier(state: log.State) -> list[log.Added]:
    """FAN_IN files of maintenance of like size, if there are as many; the smallest of them."""
    tiers: dict[tuple[str, int, bool], list[log.Added]] = defaultdict(list)
    for file in state.adds:
        tiers[file.table, _tier(file.rows), file.folded].append(file)
    for _, files in sorted(tiers.items()):
        group = sorted(files, key=lambda file: file.bytes)[:FAN_IN]
        if len(group) == FAN_IN and sum(file.bytes for file in group) <= MERGE_BYTES:
            return group
    return []


def _tier(rows: int) -> int:
    """The power of FAN_IN below a number of rows."""
    return (rows.bit_length() - 1) // (FAN_IN.bit_length() - 1)


def compact(layout: Layout, *, grace_s: float | None = None) -> bool:
    """Fold events into their runs, drop the curves of deleted runs, merge everything small.

    Gives whether there was anything to do.
    """
    with maintenance_lock(layout, wait=True):
        changed = run(layout, _compact_all, grace_s=grace_s)
        state = log.newest(layout)
        if layout.origin is not None:
            layout.origin.refresh(now=True)
        if log.overdue(layout, state):
            with contextlib.suppress(log.Lost):  # then somebody else is at it
                log.advance(layout, state, adds=[], drops=set(), most=None)
            changed = True
        return changed


def _compact_all(task: Task) -> None:
    rotten = _left_alone(task)
    pending = any(not file.folded for file in task.files("events"))
    if pending:
        _note_concerned_runs(task)
    # Events of a run whose row stays as it is cannot go into it.
    tables = ("equity", "trades", "runs", *(["events"] * (not rotten)))
    pending = pending and not rotten
    for table in tables:
        files = [file for file in task.files(table) if file.path not in rotten]
        touched = _touched(files, task) if pending and table != "events" else set()
        if pending and table == "events":
            touched = {file.path for file in files if not file.folded}
        chosen = [file for file in files if file.path in touched or not _is_full(file)]
        if len(chosen) < 2 and not any(f.path in touched or f.commit_id for f in chosen):
            continue
        paths = [file.path for file in chosen]
        task.rewriter.write(
            table,
            paths,
            with_events=pending and table == "runs",
            without="hidden_runs" if pending and table in ("equity", "trades") else "",
            folded=table == "events",
        )
        task.drops |= set(paths)


def _left_alone(task: Task) -> set[str]:
    """Files that have not the bytes that were written: who rewrote one would hide it for good."""
    rotten = {file.path for file in task.live if not task.is_whole(file.path)}
    commits = {file.commit_id for file in task.live if file.path in rotten and file.commit_id}
    if rotten:
        _warn(
            f"{len(rotten)} files have not the bytes that were written, the first is "
            f"{min(rotten)}; they and pending events stay as they are. `bt-lake check --deep` says "
            "what to do."
        )
    return rotten | {file.path for file in task.live if file.commit_id in commits}


def _is_full(file: LiveFile) -> bool:
    return file.bytes >= FULL_BYTES or file.rows >= MAX_ROWS[file.table] // 2


def _note_concerned_runs(task: Task) -> None:
    """Remember which runs the pending events concern, and which of them are deleted now."""
    task.connection.execute(
        """
        create or replace temp table concerned as select distinct run_id from lake_pending_events;
        create or replace temp table hidden_runs as
          select run_id from trials
          where deleted_at is not null and run_id in (select run_id from concerned)
        """
    )


def _touched(files: list[LiveFile], task: Task) -> set[str]:
    """Files that may hold a run some pending event concerns."""
    ids = [row[0] for row in task.connection.execute("from concerned order by all").fetchall()]

    def concerned(file: LiveFile) -> bool:
        if file.min_run_id is None or file.max_run_id is None:
            return True
        first = bisect_left(ids, file.min_run_id)
        return first < len(ids) and ids[first] <= file.max_run_id

    return {file.path for file in files if concerned(file)}
