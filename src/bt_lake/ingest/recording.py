"""Record an execution: how long it took, what came out, and the error if it failed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Unpack

from bt_lake.ingest.gathering import gather
from bt_lake.ingest.run import Run
from bt_lake.ingest.saving import save
from bt_lake.warehouse.budgets import left_for
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    from bt_lake.ingest.keywords import RunKeywords


class Recording:
    """What the body of a `with lake.record(...)` says about its run."""

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self.result: Any = None
        self.columns = dict(columns)
        self.run_id: Any = None

    def __repr__(self) -> str:
        return f"Recording(run_id={self.run_id!r}, columns={sorted(self.columns)})"

    def set(self, **columns: Unpack[RunKeywords]) -> None:
        """Columns, metrics, a curve or trades that became known on the way."""
        self.columns |= columns


@contextmanager
def record(store: Store, **columns: Any) -> Iterator[Recording]:
    """Save the body's run when it ends; when it raises, save a failed one and let the error go on.

    The body puts the engine's result into `.result`, or calls `.set(equity=..., ...)`. What is
    given here is checked before the body begins: a misspelt name must not cost a backtest.
    """
    gather([Run.from_document({**columns, "strategy": columns.get("strategy") or "unnamed"})])
    if columns.get("study") is not None:
        left_for(store, columns["study"], 1)
    run = Recording({"created_at": datetime.now(UTC), **columns})
    begin = time.perf_counter()
    try:
        yield run
    except BaseException as error:
        try:
            seen = {"duration_s": time.perf_counter() - begin, "status": "failed", "error": error}
            run.run_id = save(store, **{**run.columns, **seen})
        except Exception as also:
            error.add_note(f"bt-lake could not record the failed run: {also}")
        raise
    run.columns.setdefault("duration_s", time.perf_counter() - begin)
    try:
        run.run_id = save(store, run.result, **run.columns)
    except BadInput as error:  # no result, or one that cannot be saved: that is a failure, too
        told = {"status": "failed", "error": str(error)}
        run.run_id = save(store, **{**columns, "created_at": run.columns["created_at"], **told})
        error.add_note(f"a failed run is saved as {run.run_id}")
        raise
