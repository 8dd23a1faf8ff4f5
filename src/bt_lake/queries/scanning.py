"""The lake's files as polars LazyFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bt_lake.queries.livefiles import LiveFiles
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.connecting import load_relations
from bt_lake.warehouse.errors import UnknownName
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.warehouse.schema import EVENT_COLUMNS, TABLES

if TYPE_CHECKING:
    import polars as pl
    from duckdb import DuckDBPyConnection


def scan(reader: Reader, table: str) -> pl.LazyFrame:
    """The live rows of a table as they are now; columns that no file has are NULL.

    Of `runs` the tags, notes and deletions are those of now, and deleted runs are left out;
    `equity` and `trades` hold the rows of deleted runs until compaction drops them.
    """
    refuse_frames()
    import polars as pl

    if table not in TABLES:
        raise UnknownName.near("table", table, TABLES, f" There are {', '.join(TABLES)}.")

    load_relations()

    def question(connection: DuckDBPyConnection) -> tuple[list[str], pl.DataFrame | None]:
        live = LiveFiles.of(connection)
        paths = [f"{live.root}/{path}" for path, *_ in live.files[table]]
        folded = None
        if table == "runs" and live.pending_events:
            folded = connection.sql(
                f"select run_id, {', '.join(EVENT_COLUMNS)} from trials "
                "where run_id in (select run_id from lake_pending_events)"
            ).pl()
        return [f"{live.root}/_seed/{table}.parquet", *paths], folded

    files, folded = reader.ask(question)
    schema = pl.read_parquet_schema(files[0])
    rows = pl.scan_parquet(
        files, glob=False, hive_partitioning=False, schema=schema, missing_columns="insert"
    )
    if folded is not None:
        rows = _with_events(rows, folded.lazy(), list(schema))
    return rows.filter(pl.col("deleted_at").is_null()) if table == "runs" else rows


def _with_events(rows: pl.LazyFrame, folded: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    """Put the rows' tags, notes and deletions of now in the place of those in the files."""
    import polars as pl

    joined = rows.join(folded.with_columns(concerned=True), on="run_id", how="left", suffix="_now")
    now = [
        pl.when("concerned").then(f"{name}_now").otherwise(name).alias(name)
        for name in EVENT_COLUMNS
    ]
    return joined.with_columns(now).select(names)
