"""What another folder holds, as one set of relations: a lake, a backup, or files that no log names.

The relations are `trials` (of each run one row), `lake_curves`, `lake_trade_rows` and `events`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import log
from bt_lake.warehouse.connecting import connect
from bt_lake.warehouse.copies import newest
from bt_lake.warehouse.database import Database, interruptible
from bt_lake.warehouse.errors import NotFound
from bt_lake.warehouse.frames import FILLED_BY_COMMIT, Frames
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.quoting import path_list
from bt_lake.warehouse.rewrite import plain_rows
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.surface import read_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

RUNS_AT_ONCE = 2_000
CHILDREN = {
    "equity": ("lake_curves", "run_id, ts"),
    "trades": ("lake_trade_rows", "run_id, trade_no"),
}
_COMMIT = re.compile(r"c-[0-9a-f]{32}\.parquet")
# As bt-lake names them, and as copies, sync programs and the quarantine rename them.
_DATA = re.compile(r"(c-[0-9a-f]{32}|m-[0-9]{8}-[0-9a-f]{32})\b.*")


class Incoming:
    """One source of a merge."""

    def __init__(self, connection: DuckDBPyConnection, layout: Layout) -> None:
        self.connection = connection
        self._layout = layout

    def run_ids(self) -> list[str]:
        return self._column("select distinct run_id from trials order by run_id")

    def run_ids_with(self, child: str) -> set[str]:
        """The runs that have rows in `equity` or in `trades`."""
        return set(self._column(f"select distinct run_id from {CHILDREN[child][0]}"))

    def _column(self, question: str) -> list[str]:
        return [row[0] for row in self.connection.execute(question).fetchall()]

    def frames(self, run_ids: list[str]) -> Iterator[Frames]:
        """These runs (in order of ids) with all that is theirs, in parts."""
        for start in range(0, len(run_ids), RUNS_AT_ONCE):
            some = run_ids[start : start + RUNS_AT_ONCE]
            runs = self._rows("trials", "run_id", some)
            children = {name: self.rows_of(name, some) for name in CHILDREN}
            yield Frames(runs.drop_columns(list(FILLED_BY_COMMIT)), **children)

    def rows_of(self, child: str, run_ids: list[str]) -> pa.Table:
        return self._rows(*CHILDREN[child], run_ids)

    def _rows(self, view: str, order: str, ids: list[str]) -> pa.Table:
        """Each row once, though files that were copied into one folder may double it there."""
        question = (
            f"from {view} where run_id between ? and ? and run_id in (select unnest(?)) "
            f"qualify row_number() over (partition by {order}) = 1 order by {order}"
        )
        return self.connection.sql(question, params=[ids[0], ids[-1], ids]).to_arrow_table()

    def events(self) -> pa.Table:
        return self.connection.sql('from events order by "at", event_id').to_arrow_table()

    def close(self) -> None:
        self.connection.close()


def incoming(folder: Path, own: Layout) -> Iterator[Incoming]:
    """The sources that a folder is: a lake's live files, and those that no log of it names.

    They are open for the caller until it asks for the next.
    """
    folder = newest(folder) if folder.is_dir() else folder
    for make in (_lake, _strays):
        source = make(folder, own)
        if source is not None:
            with contextlib.closing(source), interruptible():
                yield source


def _lake(folder: Path, own: Layout) -> Incoming | None:
    layout = Layout(folder)
    if not layout.exists:
        if folder.is_dir() and any((folder / table).is_dir() for table in TABLES):
            return None
        raise NotFound(f"{folder} is no lake, no backup of one and no _quarantine.")
    layout.check_format()
    if folder.resolve() == own.root.resolve():
        return None
    database = Database(layout)
    database.complete(macros=False)
    return Incoming(database.connection, layout)


def _strays(folder: Path, own: Layout) -> Incoming | None:
    """Files of runs that no reader sees: left by a merge of folders, or set aside by a repair."""
    layout = Layout(folder)
    files = {table: sorted(_unnamed(layout, table)) for table in TABLES}
    if not any(files.values()):
        return None
    connection = connect()
    files = {
        table: [f for f in some if _is_whole(connection, table, f)] for table, some in files.items()
    }
    seeds = {table: files[table] or [own.seed(table)] for table in TABLES}
    columns = ", ".join(TABLES["runs"].names)
    connection.execute(
        f"create temp view trials as select {columns} from ({_once('runs', 'run_id', seeds)})"
    )
    for table, (view, _) in CHILDREN.items():
        connection.execute(f"create temp view {view} as {_of_one_file(table, seeds)}")
    connection.execute(f"create temp view events as {_once('events', 'event_id', seeds)}")
    return Incoming(connection, layout)


def _unnamed(layout: Layout, table: str) -> Iterator[Path]:
    """Data files that are neither live nor removed."""
    state = log.newest(layout) if layout.exists else log.State.empty()
    listed = {add.path for add in state.adds}
    commits = set(_commits(layout, state)) if layout.exists else set()
    for month in _folders(layout.table(table)):
        for entry in os.scandir(month):
            name = f"{table}/{Path(month).name}/{entry.name}"
            if not entry.is_file(follow_symlinks=False) or not _DATA.fullmatch(entry.name):
                continue
            rest = name.partition("/")[2]
            is_live = name in listed or (
                rest in commits if table != "events" else entry.name.startswith("c-")
            )
            if not layout.exists or not (is_live or state.has_removed(name)):
                yield Path(entry.path)


def _commits(layout: Layout, state: log.State) -> Iterator[str]:
    for month in _folders(layout.table("runs")):
        for name in os.listdir(month):
            commit = f"{Path(month).name}/{name}"
            if _COMMIT.fullmatch(name) and f"runs/{commit}" not in state.removed:
                yield commit


def _folders(table: Path) -> list[str]:
    if not table.is_dir():
        return []
    return [entry.path for entry in os.scandir(table) if entry.is_dir(follow_symlinks=False)]


def _is_whole(connection: DuckDBPyConnection, table: str, file: Path) -> bool:
    from bt_lake.warehouse.engine import Error

    try:
        connection.execute(f"select max(hash(r)) from {plain_rows(table, [file])} r").fetchall()
    except Error:
        return False
    return True


def _once(table: str, key: str, files: dict[str, list[Path]]) -> str:
    """Of several rows of one key that of the newest file: maintenance's before a commit's."""
    return (
        f"select * exclude (filename) from {_named_rows(table, files)} "
        f"qualify row_number() over (partition by {key} order by {_AGE} desc) = 1"
    )


def _of_one_file(table: str, files: dict[str, list[Path]]) -> str:
    """A run's rows from the file that has most of them: of two halves none is a whole."""
    rows = _named_rows(table, files)
    return (
        f"select r.* exclude (filename) from {rows} r join ("
        f"select run_id, arg_max(filename, (n, {_AGE})) as filename from ("
        f"select run_id, filename, count(*) as n from {rows} group by all) group by run_id"
        ") using (run_id, filename)"
    )


_AGE = "regexp_extract(filename, '[^/]*$')"


def _named_rows(table: str, files: dict[str, list[Path]]) -> str:
    schema = read_schema(TABLES[table].columns)
    return (
        f"read_parquet({path_list(files[table])}, hive_partitioning = false, filename = true, "
        f"schema = {schema})"
    )
