"""What can be read of a lake, whatever else is damaged: noted before a repair and after it."""

from __future__ import annotations

from contextlib import suppress

import duckdb

from bt_lake.warehouse.database import Database
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.rewrite import plain_rows
from bt_lake.warehouse.rot import Digests
from bt_lake.warehouse.schema import TABLES


class Visible:
    """The runs of which each table has something that can be read, at two moments."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._connection = duckdb.connect()
        for when in ("before", "after"):
            self._connection.execute(
                f'create or replace table "{when}" '
                "(of_table varchar, run_id varchar, path varchar, proven boolean)"
            )

    def note(self, when: str) -> dict[str, int]:
        """How many runs each table has now."""
        digests = Digests(self._layout)
        for table, path in self._live():
            file = self._layout.root / path
            rows = plain_rows(table, [file], [TABLES[table]["run_id"]])
            with suppress(duckdb.Error, OSError):  # what cannot be read is not visible
                proven = digests.prove(path)
                if not proven:
                    self._connection.execute(
                        f"select max(hash(r)) from {plain_rows(table, [file])} r"
                    )
                self._connection.execute(
                    f'insert into "{when}" select distinct ?, run_id, ?, ? from {rows}',
                    [table, path, proven],
                )
        self._connection.execute(
            f'delete from "{when}" where run_id not in (select run_id from "{when}" '
            "where of_table = 'runs')"  # rows without their run are shown to nobody
        )
        found = self._connection.execute(
            f'select of_table, count(distinct run_id) from "{when}" group by all'
        ).fetchall()
        return dict.fromkeys(TABLES, 0) | dict(found)

    def lost(self) -> list[str]:
        """Runs that some table had before and has no more.

        A spoilt file may have told an id that never was: not if it has its own bytes again.
        """
        found = self._connection.execute(
            'select distinct run_id from "before" '
            'where (of_table, run_id) not in (select (of_table, run_id) from "after") '
            'and (proven or path not in (select path from "after" where proven)) order by 1'
        ).fetchall()
        return [run_id for (run_id,) in found]

    def _live(self) -> list[tuple[str, str]]:
        try:
            connection = Database(self._layout, views=False).connection
        except LakeError:  # without a log nothing can be read
            return []
        try:
            return connection.execute("select table_name, path from lake_files").fetchall()
        finally:
            connection.close()
