"""Answer: the result of one question, fetched when and how the asker wants it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bt_lake.queries.names import PARAM
from bt_lake.queries.reading import Reader, streaming
from bt_lake.warehouse.connecting import load_relations
from bt_lake.warehouse.forking import refuse_frames
from bt_lake.warehouse.quoting import identifier, told

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

T = TypeVar("T")
_ROWS = 8_192
_BATCH_ROWS = 65_536
_FRAME_ROWS = 1_000_000
_TIME = "TIMESTAMP WITH TIME ZONE"
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")  # what 64 bits surely hold
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d+)?([eE][+-]?\d+)?")


# Asks for the frame of a SELECT and its values; who has no quick way to a frame gives None.
Fetch = Callable[[str, Mapping[str, Any]], "pl.DataFrame"]
Quick = Callable[["DuckDBPyConnection", Fetch], "pl.DataFrame | None"]


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT, its named values, and tables of the asker's that it mentions.

    `times` are the columns with a time zone; None means to find out. When fewer than `enough`
    rows come back, `otherwise` may give another query, nothing, or an error. `quick` may give the
    same rows sooner where all are wanted as one frame; it is of this query alone, so that
    whatever `replace` makes of it has none.
    """

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)
    times: tuple[str, ...] | None = None
    tables: Mapping[str, Any] = field(default_factory=dict)
    enough: int = 0
    otherwise: Callable[[DuckDBPyConnection], Query | None] | None = None
    quick: Quick | None = field(default=None, init=False)

    def quicker(self, quick: Quick) -> Query:
        made = replace(self)
        object.__setattr__(made, "quick", quick)
        return made

    def relation(self, connection: DuckDBPyConnection) -> DuckDBPyRelation:
        load_relations()
        self._register(connection)
        found = connection.sql(self.sql, params=dict(self.values) or None)
        assert found is not None
        return found

    def cursor(self, connection: DuckDBPyConnection) -> DuckDBPyConnection:
        """The running query, its times without a zone: DuckDB would need pytz to give one."""
        self._register(connection)
        if self.times is None:
            described = f"describe select * from (\n{self.sql}\n)"
            kinds = connection.execute(described, dict(self.values) or None).fetchall()
            naive = [_naive(identifier(name), kind) for name, kind, *_ in kinds if _TIME in kind]
        else:
            naive = [_naive(identifier(name), _TIME) for name in self.times]
        sql = self.sql
        if naive:
            sql = f"select * replace ({', '.join(naive)}) from (\n{sql}\n)"
        return connection.execute(sql, dict(self.values) or None)

    def frame(self, connection: DuckDBPyConnection) -> pl.DataFrame:
        """All of it; without the relation between, which takes as long to make as the answer."""
        load_relations()
        submit = getattr(connection, "_submit", None)
        if submit is None or self.times is None:  # columns of the user's may share a name
            plain: pl.DataFrame = self.relation(connection).pl()
            return plain
        self._register(connection)
        found = self.quick and self.quick(connection, partial(_frame, submit))
        return _frame(submit, self.sql, self.values) if found is None else found

    def _register(self, connection: DuckDBPyConnection) -> None:
        if self.tables:
            load_relations()
        for name, table in self.tables.items():
            connection.register(name, table)


def _frame(submit: Any, sql: str, values: Mapping[str, Any]) -> pl.DataFrame:
    import polars as pl

    rows = submit(sql, dict(values) or None, "arrow", _FRAME_ROWS)
    frame = pl.from_arrow(rows.arrow_table(to_polars=True), rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _told(columns: Iterable[str]) -> list[str]:
    return [told(name) for name in columns]


def _naive(column: str, kind: str) -> str:
    if kind == _TIME:
        return f"make_timestamp(epoch_us({column})) as {column}"
    return f"{column}::varchar as {column}"


# What is asked may depend on what the snapshot holds.
Plan = Callable[["DuckDBPyConnection"], Query]


class Answer:
    """The lazily executed result of one question.

    `columns`, `rows()`, `dicts()` and `chunks()` need neither pyarrow nor polars and give times
    as naive UTC datetimes; `frame()` and `batches()` give them as UTC timestamps. `chunks()` and
    `batches()` stream on a connection of their own. `total()` is the number of runs that matched
    the filters, for questions that give only some of them; else None. `note()` is a remark for
    the user about the rows just fetched: empty, or one sentence.
    """

    def __init__(
        self,
        reader: Reader,
        plan: Plan,
        *,
        user_sql: bool = False,
        total: Plan | None = None,
        hint: Callable[[DuckDBPyConnection], str] | None = None,
        remark: Callable[[DuckDBPyConnection], str] | None = None,
    ) -> None:
        self._reader = reader
        self.plan = plan
        self.user_sql = user_sql
        self._total = total
        self._hint = hint
        self._remark = remark
        self._columns: list[str] | None = None
        self._count: int | None = None

    @property
    def columns(self) -> list[str]:
        if self._columns is None:
            self._columns = self._ask(
                lambda connection: _told(self.plan(connection).relation(connection).columns)
            )
        return list(self._columns)

    def rows(self) -> list[tuple[Any, ...]]:
        def fetch(connection: DuckDBPyConnection, query: Query) -> list[tuple[Any, ...]]:
            cursor = query.cursor(connection)
            self._columns = _told(column[0] for column in cursor.description)
            return cursor.fetchall()

        return self._fetch(fetch, len)

    def dicts(self) -> list[dict[str, Any]]:
        rows = self.rows()
        return [dict(zip(self.columns, row, strict=True)) for row in rows]

    def frame(self) -> pl.DataFrame:
        refuse_frames()

        def fetch(connection: DuckDBPyConnection, query: Query) -> pl.DataFrame:
            frame: pl.DataFrame = query.frame(connection)
            return frame.rename(dict(zip(frame.columns, _told(frame.columns), strict=True)))

        return _with_numbers(self._fetch(fetch, len))

    def table(self) -> pa.Table:
        """All of it as an Arrow table."""
        return self.frame().to_arrow()

    def sql(self) -> str:
        """The question as it is put to DuckDB, with the values that `$name` stand for in it."""

        def text(connection: DuckDBPyConnection) -> str:
            query = self.whole(connection)
            named = "".join(f"-- ${name} = {value!r}\n" for name, value in query.values.items())
            return named + query.sql

        return self._ask(text)

    def chunks(self, size: int = _ROWS) -> Iterator[list[tuple[Any, ...]]]:
        """Rows piece by piece, for answers that need not fit in memory."""
        with streaming(self._reader) as reader:
            cursor = self._ask(lambda connection: self.whole(connection).cursor(connection), reader)
            self._columns = _told(column[0] for column in cursor.description)
            while rows := cursor.fetchmany(size):
                yield rows

    def batches(self, size: int = _BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Arrow batches piece by piece, for answers that need not fit in memory."""

        def start(connection: DuckDBPyConnection) -> pa.RecordBatchReader:
            return self.whole(connection).relation(connection).to_arrow_reader(size)

        with streaming(self._reader) as reader:
            for batch in self._ask(start, reader):
                yield batch.rename_columns(_told(batch.schema.names))

    def total(self) -> int | None:
        if self._total is None:
            return None
        plan = self._total
        rows = self._ask(lambda connection: plan(connection).cursor(connection).fetchall())
        return int(rows[0][0])

    def note(self) -> str:
        say = self._hint if self._count == 0 else self._remark
        return self._ask(say) if say else ""

    def _fetch(
        self,
        fetch: Callable[[DuckDBPyConnection, Query], T],
        count: Callable[[T], int],
    ) -> T:
        def question(connection: DuckDBPyConnection) -> T:
            query = self.plan(connection)
            found = fetch(connection, query)
            if query.otherwise and count(found) < query.enough:
                other = query.otherwise(connection)
                found = fetch(connection, other) if other else found
            self._count = count(found)
            return found

        return self._ask(question)

    def whole(self, connection: DuckDBPyConnection) -> Query:
        """A query that surely gives all rows: what comes of a stream cannot be counted first."""
        query = self.plan(connection)
        return (query.otherwise(connection) if query.otherwise else None) or query

    def _ask(self, question: Callable[[DuckDBPyConnection], T], reader: Reader | None = None) -> T:
        return (reader or self._reader).ask(question, user_sql=self.user_sql)


def _with_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns such as `param.fast`, which come as text, as numbers where all of them are."""
    import polars as pl

    casts = []
    for name, kind in frame.schema.items():
        texts = frame[name].drop_nulls() if name.startswith(PARAM) and kind == pl.String else ()
        if len(texts) and all(map(_is_number, texts)):
            whole = all(map(_WHOLE.fullmatch, texts))
            if not whole and any(abs(int(t)) > 2**53 for t in texts if _WHOLE.fullmatch(t)):
                continue  # as a float it would be another number
            casts.append(pl.col(name).cast(pl.Int64 if whole else pl.Float64))
    return frame.with_columns(casts)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and math.isfinite(float(text))
