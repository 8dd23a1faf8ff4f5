"""Write live rows anew, sorted and well encoded, into files that maintenance may publish."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.digest import digest_of_file
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.files import step
from bt_lake.warehouse.folders import Folders
from bt_lake.warehouse.ids import uuid7
from bt_lake.warehouse.layout import Layout, month_of
from bt_lake.warehouse.log import Added, log_name, newest
from bt_lake.warehouse.quoting import identifier, literal, path_list
from bt_lake.warehouse.schema import EVENT_COLUMNS, TABLES, Column
from bt_lake.warehouse.surface import read_schema, rows_with_events
from bt_lake.warehouse.unknown import Unknown, columns_there

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

AnyColumn = Column | Unknown
# Rows of one file: enough to be read well, few enough for a file to be rewritten in seconds.
MAX_ROWS = {"runs": 131_072, "equity": 16_777_216, "trades": 4_194_304, "events": 1_048_576}


class Rewriter:
    """Stages new files for one epoch; `publish` gives them their names, `discard` forgets them."""

    def __init__(self, layout: Layout, connection: DuckDBPyConnection, epoch: int) -> None:
        self._layout = layout
        self._connection = connection
        self._epoch = epoch
        self._staged: list[tuple[str, str]] = []
        self.added: list[Added] = []

    def write(
        self,
        table: str,
        paths: Sequence[str],
        *,
        with_events: bool = False,
        without: str = "",
        key: str = "run_id",
        once: bool = False,
        folded: bool = False,
        revised: Sequence[str] = (),
        are_fresh: bool = False,
    ) -> None:
        """Write the rows of some files as one or more new files.

        `with_events` folds the pending events into rows of `runs`; `without` is a relation of
        run_ids, or of another key, to leave out; `once` keeps one of rows that have the same key;
        `revised` are the columns to take from the relation of that name, for the runs in it;
        `are_fresh` says that these are few small commits, mostly of one run.
        """
        from bt_lake.warehouse import manyruns  # it loads numpy

        files = [self._layout.root / path for path in paths]
        fresh, others = manyruns.read(table, files) if are_fresh else ([], files)
        columns = self._columns(table, fresh, others, (*(EVENT_COLUMNS * with_events), *revised))
        source = self._source(table, fresh, others, columns)
        if revised:
            source = f"({_with_revised(source, revised)})"
        if with_events:
            source = f"({rows_with_events(source)})"
        if without:
            source = f"(from {source} where {key} not in (select {key} from {without}))"
        if once:
            keys = ", ".join(map(identifier, TABLES[table].key))
            source = f"(select distinct on ({keys}) * from {source})"
        count = self._connection.execute(f"select count(*) from {source}").fetchall()[0][0]
        written = sum(
            self._write_file(table, columns, source, low, high, folded)
            for low, high in self._ranges(table, source, count)
        )
        if written != count:
            raise Damaged(
                f"{count} rows of {table} to rewrite, {written} written. Nothing changed."
            )

    def _columns(
        self,
        table: str,
        fresh: Sequence[pa.Table],
        files: Sequence[Path],
        also: Sequence[str],
    ) -> list[AnyColumn]:
        """The columns that hold something: files need not have the others.

        Those of a later writer, too: who rewrites a row loses nothing of it.
        """
        there, unknown = columns_there(self._connection, table, files) if files else (set(), [])
        names = {*also, *(name for rows in fresh for name in rows.column_names)}
        return [
            column
            for column in TABLES[table].columns
            if column.field_id in there or column.required or column.name in names
        ] + unknown

    def _source(
        self,
        table: str,
        fresh: Sequence[pa.Table],
        files: Sequence[Path],
        columns: Sequence[AnyColumn],
    ) -> str:
        """The relation of all these rows."""
        if not fresh:
            return plain_rows(table, files, columns)
        import pyarrow as pa

        self._connection.register("lake_fresh", pa.concat_tables(fresh, promote_options="default"))
        return (
            f"(from lake_fresh union all by name from {plain_rows(table, files, columns)})"
            if (files)
            else "lake_fresh"
        )

    def _ranges(self, table: str, source: str, count: int) -> list[tuple[str | None, str | None]]:
        """Split by run_id, so that no file grows too large; one range when all fits."""
        if count <= MAX_ROWS[table]:
            return [(None, None)] if count else []
        pieces = -(-count // MAX_ROWS[table])
        starts = self._connection.execute(
            f"""
            with placed as (
              select run_id, sum(count(*)) over (order by run_id) - 1 as place
              from {source} group by run_id
            )
            select min(run_id) from placed group by place * {pieces} // {count} order by 1
            """
        ).fetchall()
        lows: list[str | None] = [None, *(row[0] for row in starts[1:])]
        return list(zip(lows, [*lows[1:], None], strict=True))

    def _write_file(
        self,
        table: str,
        columns: Sequence[AnyColumn],
        source: str,
        low: str | None,
        high: str | None,
        folded: bool,
    ) -> int:
        declared = TABLES[table]
        staged, final = self._new_file(table)
        names = ", ".join(identifier(column.name) for column in columns)
        order = ", ".join(map(identifier, declared.sort_by))
        bounds = [f"run_id >= {literal(low)}"] if low is not None else []
        bounds += [f"run_id < {literal(high)}"] if high is not None else []
        where = f"where {' and '.join(bounds)}" if bounds else ""
        marks = ", kv_metadata {folded: 'true'}" if folded else ""
        ids = ", ".join(f"{identifier(c.name)}: {c.field_id}" for c in columns)
        self._connection.execute(
            f"""
            copy (select {names} from {source} {where} order by {order})
            to {literal(str(self._path(staged)))} (
              format parquet, parquet_version v2, compression zstd,
              row_group_size {declared.row_group_size}, field_ids {{{ids}}}{marks}
            )
            """
        )
        step(f"rewrite.staged.{table}")
        return self._add(table, staged, final, folded=folded).rows

    def write_frame(self, table: str, rows: pa.Table, *, folded: bool = False) -> None:
        """Write rows that were not in the lake before."""
        columns = [column for column in TABLES[table].columns if column.name in rows.column_names]
        self._connection.register("lake_new_rows", rows)
        try:
            self._write_file(table, columns, "lake_new_rows", None, None, folded)
        finally:
            self._connection.unregister("lake_new_rows")

    def adopt(self, table: str, path: str) -> None:
        """Take a large file of a commit over as it is, under a name of maintenance."""
        staged, final = self._new_file(table)
        with Folders(self._layout.root) as folders:
            folders.copy(path, staged)
        self._add(table, staged, final)

    def _new_file(self, table: str) -> tuple[str, str]:
        name = f"m-{self._epoch:08d}-{uuid7().hex}.parquet"
        pair = self._layout.staged(name), f"{table}/{month_of(datetime.now(UTC))}/{name}"
        self._staged.append(pair)
        return pair

    def _path(self, name: str) -> Path:
        with Folders(self._layout.root) as folders:
            return folders.path(name)

    def _add(self, table: str, staged: str, final: str, *, folded: bool = False) -> Added:
        with Folders(self._layout.root) as folders:
            folders.flush_file(staged)
        file = self._layout.root / staged
        added = replace(describe(self._connection, table, file, final), folded=folded)
        self.added.append(added)
        return added

    def staged(self, table: str) -> list[str]:
        """The files of a table that this act has written so far."""
        return [staged for staged, final in self._staged if final.startswith(f"{table}/")]

    def publish(self) -> None:
        with self._layout.folders_open() as folders:
            for month in {_folder_of(final) for _, final in self._staged}:
                folders.make_folder(month)
            folders.publish_all(self._staged, lambda: step("rewrite.published"))
            for staged, _ in self._staged:
                folders.remove(staged)
            for month in {_folder_of(final) for _, final in self._staged}:
                folders.flush_folder(month)
        step("rewrite.durable")

    def discard(self) -> None:
        """Throw the work away; not if the epoch exists: what went wrong may have come after it."""
        origin = self._layout.origin
        if not self._staged:
            return
        with self._layout.folders_open() as folders:
            for staged, _ in self._staged:
                folders.remove(staged)
            if origin is not None and origin.is_unsure(log_name(self._epoch)):
                return
            named = (newest(self._layout) if origin is None else origin.newest()).named
            for _, final in self._staged:
                if final not in named:
                    folders.remove(final)


def _folder_of(name: str) -> str:
    return name.rpartition("/")[0]


def _with_revised(source: str, columns: Sequence[str]) -> str:
    changes = ", ".join(
        f"case when n.run_id is null then r.{name} else n.{name} end as {name}"
        for name in map(identifier, columns)
    )
    return f"select r.* replace ({changes}) from {source} r left join revised n using (run_id)"


def was_folded(connection: DuckDBPyConnection, file: Path) -> bool:
    """Whether a file says of its events that they are in the rows of `runs`."""
    found = connection.execute(
        f"select exists(from parquet_kv_metadata({path_list([file])}) where key = 'folded'::blob)"
    ).fetchall()
    return bool(found[0][0])


def plain_rows(
    table: str, files: Iterable[Path], columns: Iterable[AnyColumn] | None = None
) -> str:
    """The relation of the rows in some files, with some of the columns or all."""
    schema = read_schema(columns or TABLES[table].columns)
    return f"read_parquet({path_list(files)}, hive_partitioning = false, schema = {schema})"


def describe(connection: DuckDBPyConnection, table: str, file: Path, final: str) -> Added:
    """What the log says of a file; reading it back proves that it can be read."""
    digest = digest_of_file(file)
    count, first, last = connection.execute(
        "select count(*), min(run_id), max(run_id) from "
        + plain_rows(table, [file], [TABLES[table]["run_id"]])
    ).fetchall()[0]
    return Added(
        table=table,
        path=final,
        rows=count,
        bytes=file.stat().st_size,
        min_run_id=first,
        max_run_id=last,
        digest=digest,
    )
