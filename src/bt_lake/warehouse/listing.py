"""What lies in a lake's folders, in the order that a snapshot needs; or an error, if unknown."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from bt_lake.warehouse.bounds import LOG_BYTES, read_bounded
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.ids import CHILDREN
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.log import epochs, log_path, newest_path

_MONTH = re.compile(r"month=[0-9]{4}-[0-9]{2}")
_COMMIT = re.compile(r"c-[0-9a-f]{32}\.parquet")
_FOLDED_TO = re.compile(r'"folded_to": ?"([0-9a-f]{32})"')
_VERSION = -len(".parquet") - 32 + 12  # the digit of an id that tells whether it names children


@dataclass(frozen=True, slots=True)
class Listing:
    """The newest log and the commits that were there after it was read."""

    log: Path
    content: str
    events: list[str]
    commits: list[str]
    # Children that may belong to commits whose ids do not say what they have.
    found: list[str]
    began: float

    @classmethod
    def of(cls, layout: Layout) -> Listing:
        began = time.monotonic()
        log = newest_path(layout)
        content = read_bounded(log, LOG_BYTES).decode(errors="replace")
        # An event is appended after its run, and a child before its commit.
        events, commits = commits_of(layout, "events"), commits_of(layout, "runs")
        older = any(path[_VERSION] != "8" for path in commits)
        found = [path for child in CHILDREN for path in commits_of(layout, child)] if older else []
        return cls(log, content, events, commits, found, began)

    def without(self, paths: Collection[str]) -> Listing:
        """As if these files were removed, a commit's runs with all that is theirs."""
        if not paths:
            return self
        state = json.loads(self.content)
        state["adds"] = [add for add in state["adds"] if add["path"] not in paths]
        state["removed"] |= dict.fromkeys(paths)
        return replace(self, content=json.dumps(state))

    @property
    def may_have_returned(self) -> bool:
        """Whether a commit is no younger than one that maintenance has taken in."""
        found = _FOLDED_TO.search(self.content)
        return found is not None and any(
            path[-40:-8] <= found[1] for path in (*self.commits, *self.events)
        )

    def is_good(self, layout: Layout) -> bool:
        """Whether nothing of it can have been unlinked meanwhile."""
        newest = epochs(layout)[-1]
        first = int(self.log.stem)
        elapsed = time.monotonic() - self.began
        if layout.origin is not None:
            return newest == first  # what is kept of a store goes at once, not after its grace
        try:
            return newest == first or elapsed < min(
                _grace_s(log_path(layout, epoch)) for epoch in range(first, newest + 1)
            )
        except FileNotFoundError:
            return False  # pruned: that is long ago


@lru_cache(maxsize=64)
def _grace_s(log: Path) -> float:
    from bt_lake.warehouse.log import read

    return read(log).grace_s


def commits_of(layout: Layout, table: str) -> list[str]:
    """The commits' files of a table, as the log would name them."""
    folder = f"{layout.root}{os.sep}{table}"
    try:
        months = [month.name for month in os.scandir(folder) if _MONTH.fullmatch(month.name)]
    except FileNotFoundError:
        _must_be_empty(layout, table)
        return []
    return [
        f"{table}/{month}/{name}"
        for month in months
        for name in os.listdir(f"{folder}{os.sep}{month}")
        if _COMMIT.fullmatch(name)
    ]


def _must_be_empty(layout: Layout, table: str) -> None:
    """Copies may lack empty folders; but a lake with curves has runs somewhere."""
    if table == "runs":
        for child in CHILDREN:
            if os.path.isdir(layout.table(child)) and os.listdir(layout.table(child)):
                raise Damaged(
                    f"the folder {layout.table(table)} is not there. Bring it back from where it "
                    "went; `bt-lake check` says more."
                )
