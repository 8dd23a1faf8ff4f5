"""A look and what follows from it, as one step, in a lake whose writers share no lock.

Machines that share an object store have no lock file in common. So what is committed after a look
(ids that must not be there, `unique`, budgets of studies, sweeps) goes in as an epoch: it is the
next one after the one that was looked at, or the look is taken again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.locks import Overtaken
from bt_lake.warehouse.log import Lost
from bt_lake.warehouse.maintenance import Task, attempt, opened

if TYPE_CHECKING:
    import pyarrow as pa


def commit(layout: Layout, epoch: int, tables: Mapping[str, pa.Table]) -> None:
    """Put these rows into the epoch that follows on this one, or raise Overtaken."""

    def act(task: Task) -> None:
        if task.state.epoch != epoch:
            raise Overtaken
        for table, rows in tables.items():
            task.rewriter.write_frame(table, rows)

    with opened(layout, views=False, rewrites=False) as database:
        try:
            attempt(layout, database, act, None)
        except Lost:
            raise Overtaken from None
