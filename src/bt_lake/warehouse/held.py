"""The rows of `runs` as a process that keeps asking sees them: those of small files in memory.

A file of a lake never changes, so what was read once need not be read again. The rows of commits,
and of maintenance's files while they are small, lie in a table that follows the snapshot file by
file; large files are read where they lie, by name where they have the columns that this version
writes, which is several times quicker than by field id. What the views say is what `lake.sql` says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from bt_lake.warehouse.quoting import identifier, path_list
from bt_lake.warehouse.schema import EVENTS, RUNS, Table
from bt_lake.warehouse.settings import held_rows
from bt_lake.warehouse.surface import read_schema, rows_beside_told, told

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# To hold the rows, and make a frame of them, takes as long as four questions without. A command
# asks few; where many commits stand, even it would open each of them several times.
FEW_QUESTIONS = 5
FEW_COMMITS = 200
# Of commits at most so many rows are held, and none of one that is not small: a row takes some 150
# bytes of its file, and ten times as many in memory.
COMMITTED_ROWS = 100_000
SMALL_BYTES = 256 * 1024
FOOTER_BYTES, ROW_BYTES = 8_000, 150
HELD_RUNS = "lake_held_runs"
# Each statement names so many files at most.
_AT_ONCE = 512
# So many sets of columns are read by name at a time; files with others by field id.
_KINDS = 3


class Held:
    """The rows of some files of a table, in a table of the connection."""

    def __init__(self, connection: DuckDBPyConnection, root: Path, table: Table, name: str) -> None:
        self._connection = connection
        self.table = table
        self.kinds = Kinds(connection, root, table)
        self._seed = f"_seed/{table.name}.parquet"
        self._name = name
        self._begin()

    def _begin(self) -> None:
        (rows,) = self.kinds.sources([self._seed], named=0, held=True)
        self._connection.execute(f"create or replace temp table {self._name} as {rows} limit 0")
        self.files: set[str] = set()
        self._living = self._dead = 0
        self._whole = True

    def follow(self, files: Iterable[str]) -> bool:
        """Hold the rows of these files and no others; gives whether that changed anything."""
        if not self._whole:  # somebody stopped it half-way
            self._begin()
        wanted = set(files)
        gone, new = self.files - wanted, sorted(wanted - self.files)
        if not gone and not new:
            return False
        self._whole = False
        for start in range(0, len(new), _AT_ONCE):
            for rows in self.kinds.sources(new[start : start + _AT_ONCE], held=True):
                self._living += self._count(f"insert into {self._name} {rows}")
        if gone:
            self._leave(sorted(gone))
        self.files = wanted
        self._whole = True
        return True

    def _leave(self, files: Sequence[str]) -> None:
        """DuckDB keeps the place of rows that are gone: the table is made anew when most are."""
        where = f"from {self._name} where lake_file in (select unnest($files::varchar[]))"
        gone = self._count(f"delete {where}", {"files": files})
        self._living, self._dead = self._living - gone, self._dead + gone
        if self._dead > self._living:
            self._connection.execute(
                f"create or replace temp table {self._name} as from {self._name}"
            )
            self._dead = 0

    def _count(self, change: str, values: dict[str, Any] | None = None) -> int:
        return int(self._connection.execute(change, values).fetchall()[0][0])


class LakeRows:
    """`lake_rows`, `trials` and `runs` of a connection, and what pending events say of them.

    `all_held` says whether all rows of `runs` are in memory, `plain` whether they also are shown
    as they lie there, which `version` tells apart from what lay there before.
    """

    def __init__(self, connection: DuckDBPyConnection, root: Path) -> None:
        self._connection = connection
        self._root = root
        self._runs = Held(connection, root, RUNS, HELD_RUNS)
        self._events = Held(connection, root, EVENTS, "lake_held_events")
        self._guesses: dict[str, int] = {}
        self._views = ""
        self.all_held = self.plain = False
        self.version = 0
        _rows[connection] = self
        connection.execute(
            "create or replace temp view lake_pending_events as "
            f"select {_names(EVENTS)} from lake_held_events as file"
        )

    def follow(self) -> None:
        """Show the rows of the snapshot of now."""
        self.all_held = self.plain = False
        live, pending = self._live()
        if self._events.follow(pending):
            self._connection.execute(f"create or replace temp table lake_told as {told()}")
        small, large = self._split(live)
        self.version += self._runs.follow(small)
        views = self._views_sql(self._sources(large), pending=bool(pending))
        if views != self._views:
            self._views = views
            self.show()
        self.all_held = not large
        self.plain = self.all_held and not pending

    def show(self) -> None:
        """Make the views; those of `lake.sql` have the same names."""
        views, self._views = self._views, ""
        self._connection.execute(views)
        self._views = views

    def _live(self) -> tuple[list[Live], list[str]]:
        ((live, pending),) = self._connection.execute(
            "select [f for f in lake_live.files if f.\"table\" = 'runs'], lake_live.pending "
            "from (select getvariable('lake_live') as lake_live)"
        ).fetchall()
        files = [Live(f["path"], f["commit_id"] is None, f["rows"] or 0) for f in live or []]
        return files, pending or []

    def _split(self, live: Sequence[Live]) -> tuple[list[str], list[str]]:
        """The files to hold, and those to read where they lie."""
        small: list[str] = []
        large: list[str] = []
        room = {True: held_rows(), False: COMMITTED_ROWS}
        for rows, file in sorted((self._rows_in(file), file) for file in live):
            room[file.maintained] -= rows
            (small if room[file.maintained] >= 0 else large).append(file.path)
        return small, large

    def _rows_in(self, file: Live) -> int:
        """How many rows a file has; of a commit by its size, which nobody wrote down."""
        if file.maintained:
            return file.rows
        if file.path not in self._guesses:
            size = 0
            with suppress(OSError):  # whoever reads it says what is wrong
                size = (self._root / file.path).stat().st_size
            rows = max(0, size - FOOTER_BYTES) // ROW_BYTES + 1
            self._guesses[file.path] = rows if size <= SMALL_BYTES else COMMITTED_ROWS + 1
        return self._guesses[file.path]

    def _sources(self, large: Sequence[str]) -> list[str]:
        found = self._runs.kinds.sources(large)
        if self._runs.files or not found:
            found.append(f"select {_names(RUNS)} from {HELD_RUNS} as file")
        return found

    def _views_sql(self, sources: Sequence[str], *, pending: bool) -> str:
        rows = trials = " union all ".join(sources)
        if pending:
            trials = rows_beside_told("lake_rows", "lake_told")
        # What comes of one source alone needs no view around it: that takes as long as a count.
        plain = len(sources) == 1 and not pending
        views = {
            "lake_rows": rows,
            "trials": trials,
            # A name without `file.` is also that of a column that files of one source may lack.
            "runs": f"{trials if plain else 'from trials'} where deleted_at is null",
            "lake_shown": "select r.run_id, r.initial_capital, r.time_zone from runs as r",
        }
        made = [f"create or replace temp view {name} as {text}" for name, text in views.items()]
        return ";\n".join(made)


_rows: WeakKeyDictionary[DuckDBPyConnection, LakeRows] = WeakKeyDictionary()


def all_held(connection: DuckDBPyConnection) -> bool:
    """Whether all rows of `runs` are in memory, where one pass over them is the quickest."""
    rows = _rows.get(connection)
    return rows is not None and rows.all_held


def shown_as_held(connection: DuckDBPyConnection) -> int | None:
    """The version of the rows in memory, where all that are shown are these as they lie there."""
    rows = _rows.get(connection)
    return rows.version if rows is not None and rows.plain else None


class Live(NamedTuple):
    """A live file of `runs`."""

    path: str
    maintained: bool
    rows: int  # of maintenance's


class Kinds:
    """How to read files: by name those that have the columns of `table` as they are declared."""

    def __init__(self, connection: DuckDBPyConnection, root: Path, table: Table) -> None:
        self._connection = connection
        self._root = root
        self._table = table
        # The SELECT list of files with such columns; None where they must be found by field id.
        self._columns: dict[str, str | None] = {}
        self._of: dict[str, str] = {}

    def sources(
        self, files: Sequence[str], *, named: int = _KINDS, held: bool = False
    ) -> list[str]:
        """SELECTs that give the rows of files together; `held` ones tell the file of each."""
        if named:
            self._look_at([file for file in files if file not in self._of])
        kinds: dict[str | None, list[str]] = {}
        for file in files:
            kinds.setdefault(self._columns.get(self._of.get(file, "")), []).append(file)
        other = kinds.pop(None, [])
        common = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
        other += [file for _, some in common[named:] for file in some]
        found = [self._select(columns, some, held) for columns, some in common[:named] if columns]
        if other:
            schema = f", schema = {read_schema(self._table.columns)}"
            found.append(self._select(_names(self._table), other, held, schema))
        return found

    def _select(self, columns: str, files: Sequence[str], held: bool, schema: str = "") -> str:
        paths = path_list([self._root / file for file in files])
        if held:
            # Sorted: rows of many small files, one by one, take ten times as long to insert.
            rows = f"from read_parquet({paths}, hive_partitioning = false, filename = true{schema})"
            return (
                f"select {columns}, {_relative('file.filename')} as lake_file "
                f"from ({rows} order by filename) as file"
            )
        rows = f"read_parquet({paths}, hive_partitioning = false{schema})"
        return f"select {columns} from {rows} as file"

    def _look_at(self, files: Sequence[str]) -> None:
        for start in range(0, len(files), _AT_ONCE):
            paths = path_list([self._root / file for file in files[start : start + _AT_ONCE]])
            rows = self._connection.execute(
                f"select {_relative('file_name')}, to_json(list("
                "[name, field_id::varchar, duckdb_type] order by column_id))::varchar "
                f"from parquet_schema({paths}) group by all"
            ).fetchall()
            for file, elements in rows:
                if elements not in self._columns:
                    self._columns[elements] = self._by_name(json.loads(elements)[1:])
                self._of[file] = elements

    def _by_name(self, elements: Sequence[Sequence[str | None]]) -> str | None:
        declared = {(c.name, str(c.field_id), c.duckdb_type) for c in self._table.columns}
        known = {column.name.lower() for column in self._table.columns}
        known |= {str(column.field_id) for column in self._table.columns}
        there = {e[0] for e in elements if tuple(e) in declared}
        odd = [e for e in elements if tuple(e) not in declared]
        if any(str(name).lower() in known or field_id in known for name, field_id, _ in odd):
            return None
        return ", ".join(
            f"file.{identifier(c.name)}"
            if c.name in there
            else f"null::{c.duckdb_type} as {identifier(c.name)}"
            for c in self._table.columns
        )


def _relative(column: str) -> str:
    """A file as the log names it, however DuckDB spells the folder of the lake."""
    return f"array_to_string(string_split(replace({column}, '\\', '/'), '/')[-3:], '/')"


def _names(table: Table) -> str:
    """Of what is called `file`: a bare name would be taken for a macro's argument of that name."""
    return ", ".join(f"file.{identifier(name)}" for name in table.names)
