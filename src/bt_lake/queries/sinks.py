"""Where exported runs go: CSV, Parquet, SQLite or another lake."""

from __future__ import annotations

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from bt_lake.queries.cells import in_cells, inert_table
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.files import explained
from bt_lake.warehouse.frames import FILLED_BY_COMMIT, Frames
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.schema import TABLES, Column
from bt_lake.warehouse.store import Store
from bt_lake.warehouse.studies import take_record
from bt_lake.warehouse.wholefile import unfinished

if TYPE_CHECKING:
    import pyarrow as pa

_SQLITE = (".sqlite", ".sqlite3", ".db")


class Sink(ABC):
    """Takes frames part by part; what is not finished leaves nothing behind."""

    keeps_deleted = False  # what deleted runs count for is known there, too
    as_text = False  # times, lists and maps must come as texts
    already = 0  # runs that the target had
    barer = 0  # of these, without the curve or trades that came for them

    def keep(self, acts: pa.Table) -> None:  # noqa: B027  (a file has runs alone)
        """Take in what was done in the studies of the runs that come."""

    @abstractmethod
    def write(self, frames: Frames) -> Frames:
        """Take in, and give what is new."""

    @abstractmethod
    def finish(self) -> list[Path]:
        """Make what was written visible; gives the files."""

    @abstractmethod
    def close(self) -> None: ...


def sink_for(target: Path, tables: Sequence[str], *, raw: bool = False) -> Sink:
    suffix = target.suffix.lower()
    if suffix == ".csv":
        return CsvSink(target, tables, raw=raw)
    if suffix == ".parquet":
        return ParquetSink(target, tables)
    if suffix in _SQLITE:
        return SqliteSink(target, tables)
    if suffix and not target.is_dir():
        known = ", ".join((".csv", ".parquet", *_SQLITE))
        raise BadInput(f"cannot export to {suffix}; there are {known}, and a folder for a lake")
    return LakeSink(target)


class FilesSink(Sink):
    """A file for each table, under other names until all is written."""

    def __init__(self, target: Path, tables: Sequence[str]) -> None:
        self._files = {name: _beside(target, name) for name in tables}
        self._writers: dict[str, Any] = {}
        for path in self._files.values():
            _check_place(path)

    @abstractmethod
    def open(self, path: Path, schema: pa.Schema) -> Any: ...

    def shown(self, table: pa.Table) -> pa.Table:
        """What is written of a table."""
        return table

    def write(self, frames: Frames) -> Frames:
        with explained("nothing was exported"):
            for name in self._files:
                table = frames.runs if name == "runs" else getattr(frames, name)
                if name not in self._writers:
                    self._writers[name] = self.open(unfinished(self._files[name]), table.schema)
                self._writers[name].write_table(self.shown(table))
        return frames

    def finish(self) -> list[Path]:
        self._close_writers()
        for path in self._files.values():
            os.replace(unfinished(path), path)
        return list(self._files.values())

    def close(self) -> None:
        self._close_writers()
        for path in self._files.values():
            unfinished(path).unlink(missing_ok=True)

    def _close_writers(self) -> None:
        while self._writers:
            self._writers.popitem()[1].close()


class CsvSink(FilesSink):
    """Texts that a spreadsheet would run are made inert, unless it is to be `raw`."""

    as_text = True

    def __init__(self, target: Path, tables: Sequence[str], *, raw: bool) -> None:
        super().__init__(target, tables)
        self._raw = raw

    def shown(self, table: pa.Table) -> pa.Table:
        table = in_cells(table)
        return table if self._raw else inert_table(table)

    def open(self, path: Path, schema: pa.Schema) -> Any:
        return CsvFile(path)


class CsvFile:
    """A CSV file in the dialect of `--output`: quotes only where they are needed."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write_table(self, table: pa.Table) -> None:
        import polars as pl

        first = self._file.tell() == 0
        frame = cast("pl.DataFrame", pl.from_arrow(table))
        frame.write_csv(self._file, include_header=first, quote_style="necessary")

    def close(self) -> None:
        self._file.close()


class ParquetSink(FilesSink):
    def open(self, path: Path, schema: pa.Schema) -> Any:
        from pyarrow.parquet import ParquetWriter

        return ParquetWriter(path, schema, compression="zstd")


class SqliteSink(Sink):
    as_text = True

    def __init__(self, target: Path, tables: Sequence[str]) -> None:
        _check_place(target)
        _refuse_others_tables(target)
        self._target = target
        self._tables = tables
        unfinished(target).unlink(missing_ok=True)
        self._connection = sqlite3.connect(unfinished(target))
        self._connection.execute("pragma synchronous = off")
        for name in tables:
            columns = ", ".join(
                f"{identifier(c.name)} {_sqlite_type(c)}" for c in TABLES[name].columns
            )
            self._connection.execute(f"create table {identifier(name)} ({columns})")

    def write(self, frames: Frames) -> Frames:
        for name in self._tables:
            table = frames.runs if name == "runs" else getattr(frames, name)
            marks = ", ".join("?" * table.num_columns)
            rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
            self._connection.executemany(f"insert into {identifier(name)} values ({marks})", rows)
        return frames

    def finish(self) -> list[Path]:
        for name in self._tables:
            index = identifier(f"{name}_run_id")
            self._connection.execute(f"create index {index} on {identifier(name)} (run_id)")
        self._connection.commit()
        self._connection.close()
        os.replace(unfinished(self._target), self._target)
        return [self._target]

    def close(self) -> None:
        self._connection.close()
        unfinished(self._target).unlink(missing_ok=True)


class LakeSink(Sink):
    """Another lake; runs it has already are left as they are there."""

    keeps_deleted = True

    def __init__(self, target: Path) -> None:
        if target.is_file():
            raise BadInput(f"{target} is a file: a lake is a folder")
        self._store = Store(target)
        layout = self._store.layout
        own = {path.name for path in (*layout.folders, layout.sql)}
        if target.is_dir() and not layout.exists and {p.name for p in target.iterdir()} - own:
            raise BadInput(f"{target} holds other files and is no lake: name a new or empty folder")

    def keep(self, acts: pa.Table) -> None:
        take_record(self._store, acts)

    def write(self, frames: Frames) -> Frames:
        runs = frames.runs.drop_columns(list(FILLED_BY_COMMIT))
        frames = Frames(runs, frames.equity, frames.trades)
        if not len(runs):
            return frames
        appended = self._store.append_new(frames, of_lake=True)
        self.already += len(appended.already)
        self.barer += len(appended.barer)
        return frames.only(set(appended.added)) if appended.already else frames

    def finish(self) -> list[Path]:
        self._store.create()
        return [self._store.path]

    def close(self) -> None:
        pass


def _sqlite_type(column: Column) -> str:
    return {"double": "real", "int64": "integer"}.get(column.kind, "text")


def _beside(target: Path, table: str) -> Path:
    """runs.csv for the runs, runs.equity.csv for their curves."""
    return target if table == "runs" else target.with_suffix(f".{table}{target.suffix}")


def _check_place(path: Path) -> None:
    """A file that is there is replaced, once the new one is whole."""
    if path.exists() and not path.is_file():
        raise BadInput(f"{path} is no file: name another")
    if not path.parent.is_dir():
        raise BadInput(f"there is no folder {path.parent}")


def _refuse_others_tables(path: Path) -> None:
    """A database may hold more than what was exported to it."""
    if not path.exists():
        return
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            names = connection.execute("select name from sqlite_master where type <> 'index'")
            others = {name for (name,) in names} - TABLES.keys()
    except sqlite3.DatabaseError:
        raise BadInput(f"{path} is no SQLite file: name another, or remove it first") from None
    if others:
        raise BadInput(
            f"{path} holds the table {min(others)[:60]!a}, which is of no export: name another file"
        )
