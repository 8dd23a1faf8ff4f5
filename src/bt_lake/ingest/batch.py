"""Many saves, few commits."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, overload

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.saving import commit, has_own_id, ids_of, runs_of
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from bt_lake.ingest.keywords import RunKeywords
    from bt_lake.ingest.run import Run

# A commit's size: large enough to be few, small enough to hold in memory.
MOST_RUNS = 2_000
MOST_BYTES = 64 << 20


class Batch:
    """Collects runs and commits them in bulk; the rest when the `with` block ends.

    If the block raises, what is not committed yet is dropped, and the error says how much is in.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: list[Frames] = []
        self._bytes = 0
        self._named = False
        self.saved: list[str] = []

    def __repr__(self) -> str:
        pending = sum(len(frames.runs) for frames in self._pending)
        return f"Batch({len(self.saved):,} saved, {pending:,} pending)"

    @overload
    def save(
        self, obj: list[Any] | tuple[Any, ...], **columns: Unpack[RunKeywords]
    ) -> list[str]: ...
    @overload
    def save(
        self, obj: Run | dict[str, Any] | None = None, **columns: Unpack[RunKeywords]
    ) -> str: ...
    @overload
    def save(self, obj: object, **columns: Unpack[RunKeywords]) -> Any: ...
    def save(self, obj: Any = None, **columns: Unpack[RunKeywords]) -> Any:
        """Take in what `obj` holds; a bad run raises here and leaves the batch as it was."""
        runs = runs_of(obj, columns)
        frames = assemble(runs)
        self._pending.append(frames)
        self._bytes += sum(table.nbytes for table in _tables(frames))
        self._named |= has_own_id(runs)
        if len(self._pending) >= MOST_RUNS or self._bytes >= MOST_BYTES:
            self.flush()
        return ids_of(frames, obj)

    def flush(self) -> None:
        """Commit what is pending."""
        if self._pending:
            frames = concatenated(self._pending)
            commit(self._store, frames, named=self._named)
            self.saved += frames.runs["run_id"].to_pylist()
            self._pending.clear()
            self._bytes = 0
            self._named = False

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
        else:
            dropped = sum(len(frames.runs) for frames in self._pending)
            error.add_note(
                f"bt-lake: of this batch {len(self.saved)} runs are saved, {dropped} are dropped"
            )


def concatenated(parts: list[Frames]) -> Frames:
    """One commit's frames of many; a column that some lack is NULL there."""
    import pyarrow as pa

    def joined(tables: list[pa.Table | None]) -> pa.Table | None:
        present = [table for table in tables if table is not None]
        return pa.concat_tables(present, promote_options="default") if present else None

    return Frames(
        joined([part.runs for part in parts]),
        joined([part.equity for part in parts]),
        joined([part.trades for part in parts]),
    )


def _tables(frames: Frames) -> list[pa.Table]:
    return [frames.runs, *frames.children().values()]
