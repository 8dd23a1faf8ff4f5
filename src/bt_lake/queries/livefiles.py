"""The files that may hold some runs: one file of a lake of millions of points is read, not all."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bt_lake.warehouse.live import origins, snapshots
from bt_lake.warehouse.quoting import literal, path_list
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.surface import read_schema

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.mirror import Mirror

# A path, its commit or else the range of its run_ids.
_File = tuple[str, str | None, str | None, str | None]


# By the number of a snapshot, which no other in this process has.
_known: dict[int, LiveFiles] = {}
_KNOWN = 8


@dataclass(frozen=True, slots=True)
class LiveFiles:
    """The live files of some tables, as the snapshot has them."""

    root: str
    pending_events: bool
    files: dict[str, list[_File]]
    origin: Mirror | None = None

    @classmethod
    def of(cls, connection: DuckDBPyConnection) -> LiveFiles:
        """Those of the snapshot that the connection has."""
        snapshot = snapshots.get(connection)
        if snapshot is None:
            return cls._of(connection)
        if snapshot not in _known:
            if len(_known) >= _KNOWN:
                _known.clear()
            _known[snapshot] = cls._of(connection)
        return _known[snapshot]

    @classmethod
    def _of(cls, connection: DuckDBPyConnection) -> LiveFiles:
        rows = connection.execute(
            """
            select table_name, path, commit_id, min_run_id, max_run_id, not folded,
              getvariable('lake')
            from lake_files order by path
            """
        ).fetchall()
        files: dict[str, list[_File]] = {table: [] for table in TABLES}
        for table, path, commit_id, low, high, *_ in rows:
            files[table].append((path, commit_id, low, high))
        pending = any(row[0] == "events" and row[5] for row in rows)
        return cls(rows[0][6] if rows else "", pending, files, origins.get(connection))

    def relation(
        self,
        table: str,
        ids: Collection[str],
        *,
        commits: Collection[str] | None = None,
        columns: Iterable[str] | None = None,
    ) -> str:
        """Some columns of a table, read from the files that may hold rows of the runs.

        `commits` are those the runs came in with, where they are known.
        """
        declared = TABLES[table]
        names = self.holding(table, ids, commits)
        if self.origin is not None:
            names = self.origin.fetch_for_a_few(names, ids)
        paths = [f"{self.root}/{name}" for name in names]
        paths = paths or [f"{self.root}/_seed/{table}.parquet"]
        schema = read_schema(declared[name] for name in columns or declared.names)
        return f"read_parquet({path_list(paths)}, hive_partitioning = false, schema = {schema})"

    def holding(
        self, table: str, ids: Collection[str], commits: Collection[str] | None = None
    ) -> list[str]:
        ordered = sorted(ids)
        return [
            path
            for path, commit_id, low, high in self.files[table]
            if (
                _any_between(ordered, low, high)
                if commit_id is None
                else commits is None or commit_id in commits
            )
        ]


def _any_between(ids: Sequence[str], low: str | None, high: str | None) -> bool:
    if low is None or high is None:
        return True
    first = bisect_left(ids, low)
    return first < len(ids) and ids[first] <= high


def id_list(ids: Sequence[str]) -> str:
    """What `run_id in (...)` takes: constants let DuckDB skip row groups."""
    return ", ".join(map(literal, ids)) or "null"
