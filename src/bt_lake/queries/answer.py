"""Answer: the result of one question, fetched when and how the asker wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from bt_lake.queries.reading import Reader, streaming
from bt_lake.warehouse.quoting import identifier

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

T = TypeVar("T")
_ROWS = 8_192
_BATCH_ROWS = 65_536
_TIME = "TIMESTAMP WITH TIME ZONE"


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT, its named values, and tables of the asker's that it mentions."""

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pa.Table] = field(default_factory=dict)

    def relation(self, connection: DuckDBPyConnection) -> DuckDBPyRelation:
        for name, table in self.tables.items():
            connection.register(name, table)
        found = connection.sql(self.sql, params=dict(self.values) or None)
        assert found is not None
        return found


# What is asked may depend on what the snapshot holds: ids are picked first, rows fetched second.
Plan = Callable[["DuckDBPyConnection"], Query]


class Answer:
    """The lazily executed result of one question.

    `columns`, `rows()`, `dicts()` and `chunks()` need neither pyarrow nor polars and give times
    as naive UTC datetimes; `frame()` and `batches()` give them as UTC timestamps. `chunks()` and
    `batches()` stream on a connection of their own. `total()` is the number of runs that matched
    the filters, for questions that give only some of them; else None. `note` is a remark for the
    user, empty or one sentence.
    """

    def __init__(
        self,
        reader: Reader,
        plan: Plan,
        *,
        user_sql: bool = False,
        total: Callable[[], int] | None = None,
        note: str = "",
    ) -> None:
        self._reader = reader
        self._plan = plan
        self._user_sql = user_sql
        self._total = total
        self._columns: list[str] | None = None
        self.note = note

    @property
    def columns(self) -> list[str]:
        if self._columns is None:
            self._columns = self._ask(lambda connection, query: query.relation(connection).columns)
        return list(self._columns)

    def rows(self) -> list[tuple[Any, ...]]:
        return self._ask(lambda connection, query: self._cursor(connection, query).fetchall())

    def dicts(self) -> list[dict[str, Any]]:
        rows = self.rows()
        return [dict(zip(self.columns, row, strict=True)) for row in rows]

    def frame(self) -> pl.DataFrame:
        frame: pl.DataFrame = self._ask(lambda connection, query: query.relation(connection).pl())
        return frame

    def chunks(self, size: int = _ROWS) -> Iterator[list[tuple[Any, ...]]]:
        """Rows piece by piece, for answers that need not fit in memory."""
        with streaming(self._reader) as reader:
            cursor = self._ask(self._cursor, reader)
            while rows := cursor.fetchmany(size):
                yield rows

    def batches(self, size: int = _BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Arrow batches piece by piece, for answers that need not fit in memory."""
        with streaming(self._reader) as reader:
            yield from self._ask(
                lambda connection, query: query.relation(connection).to_arrow_reader(size), reader
            )

    def total(self) -> int | None:
        return self._total() if self._total else None

    def _ask(
        self, fetch: Callable[[DuckDBPyConnection, Query], T], reader: Reader | None = None
    ) -> T:
        return (reader or self._reader).ask(
            lambda connection: fetch(connection, self._plan(connection)), user_sql=self._user_sql
        )

    def _cursor(self, connection: DuckDBPyConnection, query: Query) -> DuckDBPyConnection:
        """The running query, its times without a zone: DuckDB would need pytz to give one."""
        relation = query.relation(connection)
        self._columns = list(relation.columns)
        naive = [
            _naive(identifier(name), str(kind))
            for name, kind in zip(relation.columns, relation.types, strict=True)
            if _TIME in str(kind)
        ]
        sql = query.sql
        if naive:
            sql = f"select * replace ({', '.join(naive)}) from (\n{sql}\n)"
        return connection.execute(sql, dict(query.values) or None)


def _naive(column: str, kind: str) -> str:
    if kind == _TIME:
        return f"make_timestamp(epoch_us({column})) as {column}"
    return f"{column}::varchar as {column}"
