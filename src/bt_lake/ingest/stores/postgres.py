"""PostgreSQL, through its ADBC driver, which gives Arrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bt_lake.ingest.stores.report import Lost
from bt_lake.ingest.stores.source import BATCH_ROWS, Rows, labels
from bt_lake.ingest.stores.sql import SqlColumn, select
from bt_lake.warehouse.errors import BadInput, MissingExtra
from bt_lake.warehouse.quoting import identifier

if TYPE_CHECKING:
    import pyarrow as pa

_AS_THEY_ARE = {"int2", "int4", "int8", "float4", "float8", "bool", "text", "varchar", "bpchar"}
_TIMES = {"timestamptz", "timestamp", "date"}
_RELATIONS = """
select case when pg_table_is_visible(c.oid) then c.relname
            else n.nspname || '.' || c.relname end
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'p', 'f')
  and n.nspname <> 'information_schema' and n.nspname not like 'pg!_%' escape '!'
order by 1
"""
_COLUMNS = """
select a.attname, t.typname, coalesce(a.attnum = any (i.indkey), false)
from pg_attribute a
join pg_type t on t.oid = a.atttypid
left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""


class PostgresSource:
    """A table of a PostgreSQL database, read in one snapshot."""

    kind = "postgres"

    def __init__(self, url: str, table: str | None = None) -> None:
        self.name = without_password(url)
        self._secrets = _secrets(url)
        self.strategy = urlsplit(url).path.lstrip("/") or "postgres"
        self.remarks: list[str] = []
        self.lost = Lost()
        self._driver = _driver()
        with self._readable():
            self._connection = self._driver.connect(libpq_url(url))
            try:
                self._ask("set transaction isolation level repeatable read read only")
                selection = select(self, table, _cast, _quoted)
            except BaseException:
                self._connection.close()
                raise
        self.table, self.key, self.dialect = selection.table, selection.key, selection.dialect
        self._selection = selection

    def tables(self) -> list[str]:
        return [name for (name,) in self._ask(_RELATIONS)]

    def ask(self, query: str) -> list[Any]:
        """The rows of a query of one's own."""
        with self._readable():
            return list(self._ask(query))

    def columns(self, table: str) -> list[SqlColumn]:
        return [SqlColumn(*row) for row in self._ask(_COLUMNS, _quoted(table))]

    def batches(self, *, summary: bool = False) -> Iterator[Rows]:
        done = 0
        with self._readable(), self._connection.cursor() as cursor:
            cursor.execute(self._query())
            for batch in _sliced(cursor.fetch_record_batch()):
                columns = {
                    name: _listed(column)
                    for name, column in zip(self._selection.names, batch.columns, strict=True)
                }
                yield Rows(labels(columns, self.key, done, batch.num_rows), columns)
                done += batch.num_rows

    def close(self) -> None:
        self._connection.close()

    def _query(self) -> str:
        order = ", ".join(f"r.{identifier(name)}" for name in self.key)
        query = f"select {self._selection.outputs} from {self._selection.source}"
        return f"{query} order by {order}" if order else query

    def _ask(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except self._driver.Error as error:
            reason = str(error).split("SQLSTATE")[0].partition("[libpq] ")[2] or str(error)
            reason = _OUR_QUERY.split(reason, maxsplit=1)[0]
            for secret in self._secrets:  # libpq quotes what it cannot read
                reason = reason.replace(secret, "***")
            raise BadInput(f"{self.name}: {' '.join(reason.split())}") from None


def libpq_url(url: str) -> str:
    """The URL as libpq knows it; settings of SQLAlchemy applications may be pasted as they are."""
    scheme, separator, rest = url.partition("://")
    if scheme.partition("+")[0] not in ("postgres", "postgresql") or not separator:
        raise BadInput("a PostgreSQL database is named as postgresql://user@host:5432/database")
    if "@" in _password(url):
        raise BadInput(f"{without_password(url)}: write an @ in the password as %40")
    return f"postgresql://{rest}".replace("?ssl=", "?sslmode=").replace("&ssl=", "&sslmode=")


_OUR_QUERY = re.compile(r"(?<!\s)\s*+(?:Query was:|COPY \()")
_SETTING = re.compile(r"(?<=password=)[^&]*")


def without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    scheme, separator, user = head.partition("://")
    named = f"{scheme}{separator}{user.partition(':')[0]}{at}{tail}" if at else url
    return _SETTING.sub("***", named)


def _password(url: str) -> str:
    """Of user:password@host."""
    return url.partition("://")[2].rpartition("@")[0].partition(":")[2]


def _secrets(url: str) -> list[str]:
    found = {_password(url), *_SETTING.findall(url)} - {""}
    return sorted({*found, *map(unquote, found)}, key=len, reverse=True)


def _driver() -> Any:
    try:
        return import_module("adbc_driver_postgresql.dbapi")
    except ImportError:
        raise MissingExtra.needs("importing from PostgreSQL", "postgres") from None


def _quoted(table: str) -> str:
    return ".".join(map(identifier, table.split(".", 1)))


def _cast(column: str, type: str) -> str:
    """Types that Arrow or the lake lacks: decimals as floats, infinite times as none."""
    if type in _AS_THEY_ARE:
        return column
    if type in _TIMES:
        return f"case when isfinite({column}) then {column} end"
    if type == "numeric":
        return f"{column}::float8"
    if type == "money":
        return f"{column}::numeric::float8"
    if type.startswith("_"):  # an array
        return f"to_json({column})::text"
    return f"{column}::text"


def _listed(column: pa.Array) -> list[Any]:
    """Plain values; what has no zone is UTC everywhere here, and three times as fast."""
    zoned = getattr(column.type, "tz", None)
    listed: list[Any] = (column.cast("timestamp[us]") if zoned else column).to_pylist()
    return listed


def _sliced(batches: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)
