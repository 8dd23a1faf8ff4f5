"""Rows of an answer, taken from a frame of the rows in memory.

To plan and to hand over the eighty columns of `runs` takes DuckDB longer than to find ten rows. So
where all rows are held (see `warehouse.held`) it finds their places, and the rows come from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from bt_lake.queries.text import sql
from bt_lake.warehouse.held import HELD_RUNS, shown_as_held
from bt_lake.warehouse.schema import RUNS

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection

    from bt_lake.queries.answer import Fetch

PLACE = "lake_place"


class Places(NamedTuple):
    """A SELECT of the places of rows, and of what of their columns is none of `runs`."""

    sql: str
    values: Mapping[str, Any]
    names: tuple[str, ...]
    ranked: bool

    @classmethod
    def of(
        cls,
        names: Mapping[str, str],
        condition: str,
        order: str,
        values: Mapping[str, Any],
        *,
        n: bool,
        ranked: bool = False,
    ) -> Places:
        others = [text for name, text in names.items() if name not in RUNS]
        columns = ", ".join([f"runs.rowid as {PLACE}", *others])
        limit = "limit $n" if n else ""
        text = sql("places", columns=columns, condition=condition, order=order, limit=limit)
        return cls(text, values, tuple(names), ranked)

    def rows(self, connection: DuckDBPyConnection, fetch: Fetch) -> pl.DataFrame | None:
        """The rows in these places, where they are in memory."""
        shelf = shelf_of(connection, fetch)
        return None if shelf is None else shelf.rows(fetch(self.sql, self.values), self)


@dataclass(slots=True)
class Shelf:
    """The held rows of one connection as a frame, made when they are asked for a second time."""

    version: int = -1
    frame: pl.DataFrame | None = None

    def rows(self, found: pl.DataFrame, places: Places) -> pl.DataFrame:
        assert self.frame is not None
        taken = self.frame[self.frame[PLACE].search_sorted(found[PLACE])]
        others = iter(found.columns[1:])
        columns = [taken[n] if n in RUNS else found[next(others)] for n in places.names]
        frame = taken.select(columns)
        return frame.with_row_index("rank", 1).cast({"rank": int}) if places.ranked else frame


_shelves: WeakKeyDictionary[DuckDBPyConnection, Shelf] = WeakKeyDictionary()


def shelf_of(connection: DuckDBPyConnection, fetch: Fetch) -> Shelf | None:
    """The shelf, where all rows are held as they are shown and have been since a question ago."""
    version = shown_as_held(connection)
    if version is None:
        return None
    shelf = _shelves.setdefault(connection, Shelf())
    if shelf.version != version:
        shelf.version, shelf.frame = version, None
        return None
    if shelf.frame is None:
        columns = ", ".join(RUNS.names)
        text = f"select rowid as {PLACE}, {columns} from {HELD_RUNS} order by rowid"
        shelf.frame = fetch(text, {})
    return shelf
