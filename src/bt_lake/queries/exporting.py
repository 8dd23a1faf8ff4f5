"""Export: filtered runs, with their curves and trades, for other programs or another lake."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.curves import rows_of
from bt_lake.queries.filters import ALL, Filters
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import positive
from bt_lake.queries.sinks import sink_for
from bt_lake.queries.spreading import spread
from bt_lake.warehouse.connecting import load_relations
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.schema import TABLES, Column
from bt_lake.warehouse.studies import names_in, record_of

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

# Runs at a time: few where each brings a curve along.
_RUNS = 65_536
_RUNS_WITH_ROWS = 2_000
_SPREAD = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was added to the target; of the runs `already` in a lake, `barer` had less there.

    These stay as they are, without the curves or trades that came for them now.
    """

    runs: int
    points: int
    trades: int
    files: list[Path]
    already: int = 0
    barer: int = 0
    note: str = ""  # why nothing was found
    # Of the tries that the filters match: in a lake they are among the runs, else they stay here.
    deleted: int = 0


def export(
    reader: Reader,
    target: str | os.PathLike[str],
    *,
    filters: Filters = ALL,
    n: int | None = None,
    curves: bool = False,
    trades: bool = False,
    spread_params: bool = False,
    raw: bool = False,
) -> Exported:
    """Write the runs, or the `n` newest, to a .csv, .parquet or .sqlite file, or to a lake.

    CSV and Parquet put curves and trades beside it: runs.csv, runs.equity.csv, runs.trades.csv.
    In CSV, texts like =1+1 get an apostrophe, so that no spreadsheet runs them; `raw` leaves them.
    A file that exists is replaced by a whole one. A lake that exists takes in what it does not
    have, deleted runs included, since they are tries there, too (unless only the newest are asked
    for).
    """
    target = Path(target)
    if spread_params and target.suffix.lower() not in _SPREAD:
        raise BadInput(
            f"parameters become columns in {' and '.join(_SPREAD)} files, not in {target}"
        )
    newest = None if n is None else positive("n", n)
    tables = ["runs", *["equity"] * curves, *["trades"] * trades]
    counts = dict.fromkeys(TABLES, 0)
    with closing(sink_for(target, tables, raw=raw)) as sink:
        whole = sink.keeps_deleted and newest is None
        runs = _chosen(reader, filters, newest, as_text=sink.as_text, whole=whole)
        runs = spread(reader, runs) if spread_params else runs
        for frames in _parts(reader, runs, tables, as_text=sink.as_text):
            if sink.keeps_deleted and (studies := names_in(frames.runs)):
                sink.keep(reader.ask(partial(record_of, names=studies)))
            added = sink.write(frames)
            for name, table in {"runs": added.runs, **added.children()}.items():
                counts[name] += len(table)
        files = sink.finish()
    return Exported(
        counts["runs"],
        counts["equity"],
        counts["trades"],
        files,
        sink.already,
        sink.barer,
        "" if counts["runs"] or sink.already else reader.ask(filters.hint),
        reader.ask(lambda connection: _deleted(connection, filters), user_sql=filters.user_sql),
    )


def _deleted(connection: DuckDBPyConnection, filters: Filters) -> int:
    condition = filters.condition(connection)
    found = connection.execute(
        f"select count(*) from trials where deleted_at is not null and {condition.sql}",
        dict(condition.values) or None,
    ).fetchall()
    return int(found[0][0])


def _chosen(
    reader: Reader, filters: Filters, newest: int | None, *, as_text: bool, whole: bool
) -> Answer:
    def plan(connection: DuckDBPyConnection) -> Query:
        condition = filters.condition(connection)
        columns = _columns("runs", as_text)
        some = "" if newest is None else f" order by created_at desc, run_id desc limit {newest}"
        view = "trials" if whole else "runs"
        sql = f"select {columns} from {view} where {condition.sql}{some}"
        return Query(sql, condition.values)

    return Answer(reader, plan, user_sql=filters.user_sql)


def _parts(
    reader: Reader, runs: Answer, tables: Sequence[str], *, as_text: bool
) -> Iterator[Frames]:
    size = _RUNS if len(tables) == 1 else _RUNS_WITH_ROWS
    empty = True
    for batch in runs.batches(size):
        empty = False
        yield _with_rows(reader, batch, tables, as_text)
    if empty:
        yield _with_rows(reader, runs.frame().to_arrow(), tables, as_text)


def _with_rows(
    reader: Reader, runs: pa.RecordBatch | pa.Table, tables: Sequence[str], as_text: bool
) -> Frames:
    import pyarrow as pa

    table = pa.Table.from_batches([runs]) if isinstance(runs, pa.RecordBatch) else runs
    ids = table["run_id"].to_pylist()

    load_relations()

    def rows(name: str) -> pa.Table | None:
        if name not in tables:
            return None
        order = ", ".join(map(identifier, TABLES[name].sort_by))
        return reader.ask(
            lambda connection: connection.sql(
                f"select {_columns(name, as_text)} from {rows_of(connection, name, ids)} "
                f"order by {order}"
            ).to_arrow_table()
        )

    return Frames(table, rows("equity"), rows("trades"))


def _columns(table: str, as_text: bool) -> str:
    if not as_text:
        return ", ".join(identifier(name) for name in TABLES[table].names)
    return ", ".join(_text(column) for column in TABLES[table].columns)


def _text(column: Column) -> str:
    """What formats without times, lists and maps can hold."""
    name = identifier(column.name)
    match column.kind:
        case "timestamp":
            utc = f"strftime(timezone('UTC', {name}), '%Y-%m-%dT%H:%M:%S.%fZ')"
            return f"replace({utc}, '.000000Z', 'Z') as {name}"
        case "list<string>" | "map<string,double>":
            return f"to_json({name})::varchar as {name}"
        case _:
            return name
