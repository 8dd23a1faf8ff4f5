"""A lake in an object store that answers after 50 ms: the real code, and waits.

python bench/far.py 10 1000 100000: up to 10,000 commits stand, more are folded as saves fold them
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from obstore.store import LocalStore

import bt_lake
from bt_lake.ingest.assemble import frames_of, ids_for
from bt_lake.ingest.gathering import gather
from bt_lake.ingest.saving import runs_of
from bt_lake.lake import Lake
from bt_lake.warehouse import commit, compact, objects

LATENCY_S = 0.05
A_PAGE = 1000  # so many names a store lists in a request
MOST_STANDING = 10_000
_lock = Lock()
asked = 0


def slow(method: Callable) -> Callable:
    def waits(*arguments):
        found = method(*arguments)
        pages = 1 + len(found) // A_PAGE if method.__name__ == "listed" else 1
        global asked
        with _lock:
            asked += pages
        time.sleep(LATENCY_S * pages)
        return found

    return waits


def took(what: str, act: Callable[[], object]) -> None:
    global asked
    asked, began = 0, time.perf_counter()
    act()
    print(f"  {what:<44} {time.perf_counter() - began:8.2f} s {asked:7,} requests", flush=True)


CURVE = [["2024-01-01", 100.0], ["2024-01-02", 101.0], ["2024-01-03", 102.0]]


def standing(lake: Lake, commits: int) -> None:
    for n in range(commits):
        made = gather(runs_of({"strategy": "s", "params": {"n": n}, "equity": CURVE}, {}))
        commit.append(lake.store.layout, frames_of(made, ids_for(made)))


def folded(lake: Lake, commits: int) -> None:
    """As so many saves leave a lake, which folds by 256, these by 16 and so on; made faster."""
    size = compact.FOLD_AT * compact.FAN_IN
    for some in (size, compact.FOLD_AT):
        while commits >= some:
            with lake.batch() as batch:
                for n in range(some):
                    batch.save(strategy="s", params={"n": commits - n}, equity=CURVE)
            compact.fold(lake.store.layout)
            commits -= some
    standing(lake, commits)


def measured(commits: int, folder: Path) -> None:
    os.environ["BT_LAKE_CACHE"] = str(folder / "cache")
    lake = bt_lake.open(folder / "lake")
    lake.create()
    compact.fold_if_due = lambda *_, **__: None  # that many are to stand
    if commits > MOST_STANDING:
        folded(lake, commits)
    else:
        standing(lake, commits)
    files = {table: len(found) for table, found in lake.live_files().items()}
    print(f"{commits:,} commits of one run with a curve; live files: {files}")
    url = "s3://bucket/lake"
    took("copy up", lambda: Lake.copy(lake.path, url))
    took("copy up again, nothing new", lambda: Lake.copy(lake.path, url))
    far: list[Lake] = []
    took("open, with nothing kept", lambda: far.append(bt_lake.open(url)))
    took("best, the first time", lambda: far[0].best("total_return"))
    took("best again", lambda: far[0].best("total_return"))
    took("one curve, the first time", lambda: far[0].equity(far[0].runs(n=1)["run_id"][0]))
    time.sleep(2.1)
    took("best later, nothing new", lambda: far[0].best("total_return"))
    lake.compact(grace_s=0.0)
    took("copy up, all folded into one file a table", lambda: Lake.copy(lake.path, url))
    os.environ["BT_LAKE_CACHE"] = str(folder / "other")
    took("open and best, with nothing kept", lambda: bt_lake.open(url).best("total_return"))
    other = bt_lake.open(url)
    run = {"strategy": "s", "equity": CURVE}
    saved: list[str] = []
    took("save there, the first", lambda: saved.append(other.save(**run, params={"n": -1})))
    took("save there, the next", lambda: other.save(**run, params={"n": -2}))
    trade = {"entry_at": "2024-01-01", "exit_at": "2024-01-02", "side": "long", "pnl": 1.0}
    both = {**run, "params": {"n": -4}, "trades": [trade]}
    took("save there a curve and trades", lambda: other.save(**both))
    took("save there with unique", lambda: other.save(**run, params={"n": -3}, unique=True))
    took("and the next", lambda: other.save(**run, params={"n": -5}, unique=True))
    took("tag there", lambda: other.tag("t", saved))
    took("check there", other.check)
    took("check there, deep", lambda: other.check(deep=True))
    took("compact there", other.compact)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        for commits in map(int, sys.argv[1:] or ["10", "1000"]):
            folder = Path(name) / str(commits)
            folder.mkdir()
            objects._opened = lambda url, folder=folder: LocalStore(folder / "store", mkdir=True)
            measured(commits, folder)


if __name__ == "__main__":
    for name in (
        "listed",
        "read",
        "read_end",
        "read_range",
        "replace",
        "create",
        "remove",
        "changed_at",
        "touch",
    ):
        setattr(objects.Objects, name, slow(getattr(objects.Objects, name)))
    main()
