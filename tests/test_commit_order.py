"""The order of a commit, and what is durable before the next thing has its name."""

from __future__ import annotations

import os
import time

import pytest

from bt_lake.ingest.saving import save
from bt_lake.warehouse import database
from bt_lake.warehouse.store import Store

RUN = {
    "strategy": "s",
    "equity": {"ts": ["2024-01-01", "2024-01-02", "2024-01-03"], "equity": [1.0, 2.0, 3.0]},
    "trades": [{"entry_at": "2024-01-01", "exit_at": "2024-01-02", "pnl": 1.0}],
}


@pytest.fixture
def calls(monkeypatch):
    """What the process asked of the file system, in order: flushes and names given."""
    seen: list[tuple[str, str]] = []
    fsync, link = os.fsync, os.link

    def flushed(descriptor):
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        seen.append(("flush", path))
        fsync(descriptor)

    def linked(source, target, **how):
        folder = how.get("dst_dir_fd")
        above = os.readlink(f"/proc/self/fd/{folder}") + "/" if folder is not None else ""
        seen.append(("name", f"{above}{target}"))
        link(source, target, **how)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "link", linked)
    return seen


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="reads /proc to name descriptors")
def test_a_name_is_given_to_what_is_durable_and_to_runs_last(tmp_path, calls):
    store = Store(tmp_path / "lake")
    save(store, RUN)
    calls.clear()
    save(store, RUN)
    names = [path.split("/lake/")[-1].split("/")[0] for kind, path in calls if kind == "name"]
    assert sorted(names[:-1]) == ["equity", "trades"] and names[-1] == "runs"
    first = next(place for place, (kind, _) in enumerate(calls) if kind == "name")
    staged = [path for kind, path in calls[:first] if kind == "flush" and "/_stage/" in path]
    assert len(set(staged)) == 3, "each staged file is flushed before the first has its name"
    last = max(place for place, (kind, _) in enumerate(calls) if kind == "name")
    for table in ("equity", "trades"):
        flushed = (path for kind, path in calls[first:last] if kind == "flush")
        assert any(f"/{table}/month=" in path for path in flushed), "children are durable first"
    assert any(kind == "flush" and "/runs/month=" in path for kind, path in calls[last:])


def test_a_snapshot_is_kept_only_where_the_clock_can_tell(tmp_path, monkeypatch):
    """A second commit within one tick of the file system's clock leaves the same times."""
    store = Store(tmp_path / "lake")
    save(store, RUN)
    newest = max(
        os.stat(folder).st_mtime_ns
        for folder in [store.layout.root / "_log", *store.layout.root.glob("runs/*")]
    )
    for after, kept in ((0, False), (20_000_000, False), (5_000_000_000, True)):
        monkeypatch.setattr(time, "time_ns", lambda after=after: newest + after)
        assert (database.fingerprint(store.layout) is not None) == kept, after
