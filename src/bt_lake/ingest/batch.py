"""Many saves, few commits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, Unpack, overload

import numpy as np

from bt_lake.ingest.assemble import created_at, frames_of, ids_for
from bt_lake.ingest.gathering import Gathered, gather
from bt_lake.ingest.joining import joined
from bt_lake.ingest.saving import commit, has_own_id, ids_of, some_runs_of
from bt_lake.ingest.sealing import sealed
from bt_lake.ingest.times import Micros
from bt_lake.warehouse.errors import Duplicate
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    from bt_lake.ingest.keywords import RunKeywords
    from bt_lake.ingest.run import Run
    from bt_lake.warehouse.frames import Frames

# A commit's size: large enough to be few, small enough to hold in memory.
MOST_RUNS = 2_000
MOST_BYTES = 64 << 20
MOST_S = 5.0  # that a finished run waits, if another one is saved


class _Pending(NamedTuple):
    """What a save took in: checked, and copied from what the caller may change afterwards."""

    gathered: Gathered
    run_ids: list[str]
    created_at: Micros


class Batch:
    """Collects runs and commits them in bulk; the rest when the `with` block ends.

    If the block raises, what it holds is committed all the same, for each of its runs is whole,
    and the error says how much is in. `all_or_nothing` commits once, at the end, or not at all.
    """

    def __init__(self, store: Store, *, all_or_nothing: bool = False) -> None:
        self._store = store
        self._all_or_nothing = all_or_nothing
        self._pending: list[_Pending] = []
        self._count = self._bytes = 0
        self._since = 0.0  # when the oldest pending run came
        self._committing = False
        self._named: set[str] = set()
        self.saved: list[str] = []

    def __repr__(self) -> str:
        return f"Batch({len(self.saved):,} saved, {self._count:,} pending)"

    @overload
    def save(
        self, obj: list[Any] | tuple[Any, ...], **columns: Unpack[RunKeywords]
    ) -> list[str]: ...
    @overload
    def save(self, obj: Run | dict[str, Any] = ..., **columns: Unpack[RunKeywords]) -> str: ...
    @overload
    def save(self, obj: object, **columns: Unpack[RunKeywords]) -> Any: ...
    def save(self, obj: Any = ..., **columns: Unpack[RunKeywords]) -> Any:
        """Take in what `obj` holds; a bad run raises here and leaves the batch as it was."""
        runs = some_runs_of(obj, columns)
        gathered = sealed(self._store, gather(runs))
        run_ids = ids_for(gathered)
        if has_own_id(runs):
            self._name(run_ids)
        if not self._pending:
            self._since = time.monotonic()
        self._pending.append(_Pending(gathered, run_ids, created_at(gathered)))
        self._count += len(run_ids)
        self._bytes += gathered.nbytes
        if self._is_due():
            self.flush()
        return ids_of(run_ids, obj)

    def _is_due(self) -> bool:
        if self._all_or_nothing:
            return False
        waited = time.monotonic() - self._since
        return self._count >= MOST_RUNS or self._bytes >= MOST_BYTES or waited >= MOST_S

    def _name(self, run_ids: list[str]) -> None:
        """Take note of ids that the caller chose."""
        new: set[str] = set()
        for run_id in run_ids:
            if run_id in self._named or run_id in new:
                raise Duplicate(f"run {run_id} is in this batch already; give each its own id")
            new.add(run_id)
        self._named |= new

    def flush(self) -> None:
        """Commit what is pending."""
        if not self._pending:
            return
        frames = frames_of(
            joined([pending.gathered for pending in self._pending]),
            list(chain.from_iterable(pending.run_ids for pending in self._pending)),
            made_at=np.concatenate([pending.created_at for pending in self._pending]),
        )
        self._commit(frames)

    def _commit(self, frames: Frames) -> None:
        run_ids: list[str] = frames.runs["run_id"].to_pylist()
        if self._committing:  # it was stopped in a commit, which may have come to its end
            self._store.append_new(frames)
        else:
            self._committing = True
            try:
                commit(self._store, frames, named=bool(self._named), whole=self._all_or_nothing)
            except Duplicate as error:
                self._done(error.saved)
                raise
        self._done(run_ids)

    def _done(self, run_ids: Sequence[str]) -> None:
        self.saved += run_ids
        self._pending.clear()
        self._count = self._bytes = 0
        self._committing = False
        self._named.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.flush()
            return
        also = ""
        if not self._all_or_nothing:
            try:
                self.flush()
            except Exception as failure:
                also = f" ({failure})"
        dropped = f", {self._count} are dropped{also}" if self._count else ""
        error.add_note(f"bt-lake: of this batch {len(self.saved)} runs are saved{dropped}")
