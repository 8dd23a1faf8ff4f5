"""A second process that watches over a single call: it must not end without a word in the lake."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bt_lake.running.calling import Job, Trial, failed, frames_of_all
from bt_lake.warehouse.store import Store

_ENDED = b"the call ended"
# Light while it waits, as it nearly always waits for nothing: Python without its site.
_WATCH = f"""
import sys
said = sys.stdin.buffer.read()
if said and not said.endswith({_ENDED!r}):
    import pickle
    path, *rest = pickle.loads(said)
    sys.path[:] = path
    from bt_lake.running.watching import save
    save(*pickle.loads(rest[0]))
"""


@contextlib.contextmanager
def watched(store: Store, job: Job, trial: Trial) -> Iterator[None]:
    """Should this process end meanwhile (killed, a crash in compiled code), the run is saved."""
    apart: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
    layout = store.layout
    told = pickle.dumps((store.address, store.existing, layout.wait_s, job, trial, time.time()))
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCH],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        **apart,
    ) as watcher:
        assert watcher.stdin is not None
        watcher.stdin.write(pickle.dumps([sys.path, told]))
        watcher.stdin.flush()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                watcher.stdin.write(_ENDED)
                watcher.stdin.close()


def save(path: str, existing: bool, wait_s: float, job: Job, trial: Trial, began: float) -> None:
    """In the watcher: nobody else can say any more how the run ended."""
    why = "the process ended in the middle of the run: it was killed, or crashed in compiled code"
    known = {
        "created_at": datetime.fromtimestamp(began, UTC),
        "duration_s": time.time() - began,
    }
    outcome = failed(job, trial, why, known)
    store = Store(path, existing=existing, wait_s=wait_s)
    store.append(frames_of_all(store, [outcome]))
    sys.stderr.write(f"error: {trial} failed, and is saved as {outcome.run_ids[0]}\n       {why}\n")
