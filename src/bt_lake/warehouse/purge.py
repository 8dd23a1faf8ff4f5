"""Purge and replace: take rows out of the lake for good, or put others in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import chain

from bt_lake.warehouse.commit import commit_id_of, stamped
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.frames import Frames, conform
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.maintenance import Task, maintenance_lock, run
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.rewrite import plain_rows
from bt_lake.warehouse.schema import TABLES


def forget(layout: Layout, run_ids: Iterable[str]) -> bool:
    """Remove runs with their curves, trades and events, without a trace."""
    return _replace(layout, run_ids, tables=tuple(TABLES))


def replace(
    layout: Layout, frames: Frames, before_publishing: Callable[[], None] = lambda: None
) -> bool:
    """Put these runs in the place of those of the same ids, in one step for every reader.

    `before_publishing` may stop it when all is written.
    """
    run_ids = frames.runs["run_id"].to_pylist()
    tables = ("runs", "equity", "trades")
    return _replace(
        layout, run_ids, tables=tables, frames=frames, before_publishing=before_publishing
    )


def _replace(
    layout: Layout,
    run_ids: Iterable[str],
    *,
    tables: Sequence[str],
    frames: Frames | None = None,
    before_publishing: Callable[[], None] = lambda: None,
) -> bool:
    ids = sorted(set(run_ids))

    def act(task: Task) -> None:
        import pyarrow as pa

        task.connection.register("purged_ids", pa.table({"run_id": pa.array(ids, pa.string())}))
        task.connection.execute("create or replace temp table purged as from purged_ids")
        task.forgets |= _emptied(task)
        for file in task.live:
            if file.table in tables and _holds_any(task, file.table, file.path):
                task.rewriter.write(file.table, [file.path], without="purged", folded=file.folded)
                task.drops.add(file.path)
        for file in chain.from_iterable(task.halves.values()):
            if _holds_any(task, file.table, file.path):
                raise Damaged(
                    f"{file.path} holds one of these runs, and a file of the same commit is lost. "
                    "`bt-lake check` says what to do first."
                )
        if frames is not None:
            _add(task, frames)
        before_publishing()

    with maintenance_lock(layout, wait=True):
        return run(layout, act)


def _emptied(task: Task) -> set[str]:
    """The files, there or not, of commits of which these were the last runs."""
    found = task.connection.execute(
        "select commit_id, strftime(timezone('UTC', min(ingested_at)), '%Y-%m') from lake_rows "
        "group by commit_id having bool_and(run_id in (select run_id from purged))"
    ).fetchall()
    paths = (f"runs/month={month}/c-{commit}.parquet" for commit, month in found)
    return {path for path in paths if data_file(path)}


def _holds_any(task: Task, table: str, path: str) -> bool:
    rows = plain_rows(table, [task.layout.root / path], [TABLES[table]["run_id"]])
    found = task.connection.execute(
        f"select exists(from {rows} where run_id in (select run_id from purged))"
    ).fetchall()
    return bool(found[0][0])


def _add(task: Task, frames: Frames) -> None:
    runs = stamped(frames.runs, commit_id_of(frames), datetime.now(UTC))
    for table, rows in {"runs": runs, **frames.children()}.items():
        task.rewriter.write_frame(table, conform(table, rows))
