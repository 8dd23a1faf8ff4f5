"""The live rows of a lake for a look that asks much of them: small files are read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.database import Database
    from bt_lake.warehouse.findings import Finding

# Thousands of files as small as these cost more to open than to keep.
_SMALL = 256 * 1024
_TRIES = 8


class Scan:
    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._database: Database | None = None
        self._rows: dict[str, str] = {}
        self._once: dict[str, bool] = {}

    @property
    def connection(self) -> DuckDBPyConnection:
        from bt_lake.warehouse.database import Database

        if self._database is None:
            self._database = Database(self._layout, views=False)
        return self._database.connection

    def close(self) -> None:
        """Let go of what was read: the lake may be another one now."""
        if self._database is not None:
            self._database.connection.close()
        self._database, self._rows, self._once = None, {}, {}

    def steadily(self, look: Callable[[Scan], Iterable[Finding]]) -> list[Finding]:
        """What a look finds; begun again where somebody folds files away meanwhile."""
        from duckdb import Error

        from bt_lake.warehouse.database import explain, vanished

        for _ in range(_TRIES):
            try:
                return list(look(self))
            except (Error, FileNotFoundError) as error:
                last = error
                if not vanished(error):
                    break
                self.close()
        raise explain(last, self._layout) from last

    def has_keys_once(self, table: str) -> bool:
        """Whether no two rows of a table have the same key."""
        from bt_lake.warehouse.rewrite import plain_rows

        if table not in self._once:
            declared = TABLES[table]
            files = [path for path, _ in self._files(table)] or [self._layout.seed(table)]
            keys = ", ".join(map(identifier, declared.key))
            rows = plain_rows(table, files, [declared[name] for name in declared.key])
            found = self.connection.execute(
                f"select exists(select 1 from {rows} group by {keys} having count(*) > 1)"
            ).fetchall()
            self._once[table] = not found[0][0]
        return self._once[table]

    def rows(self, table: str) -> str:
        """The relation of a table's rows."""
        from bt_lake.warehouse.rewrite import plain_rows

        if table not in self._rows:
            files = self._files(table)
            small = [path for path, size in files if size < _SMALL]
            large = [path for path, size in files if size >= _SMALL]
            kept = plain_rows(table, small or [self._layout.seed(table)])
            self.connection.execute(f"create or replace temp table scan_{table} as from {kept}")
            parts = [f"from scan_{table}", *([f"from {plain_rows(table, large)}"] * bool(large))]
            self._rows[table] = f"({' union all by name '.join(parts)})"
        return self._rows[table]

    def _files(self, table: str) -> list[tuple[Path, int]]:
        live = self.connection.execute(
            "select path from lake_files where table_name = ? order by path", [table]
        ).fetchall()
        paths = [self._layout.root / path for (path,) in live]
        return [(path, path.stat().st_size) for path in paths]
