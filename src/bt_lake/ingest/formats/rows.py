"""Summary rows: a Parquet or CSV file with one run a row and columns named as in `runs`.

`param_*` and `params.*` columns become params; any other column holds numbers, a metric of the
user's own.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bt_lake.ingest.columns import INDEX, check_names, explain, read_errors
from bt_lake.ingest.formats.beside import Beside
from bt_lake.ingest.formats.reading import explained, lines, steady
from bt_lake.ingest.parquet import dense, opened
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import KEYS, Run, unknown_column
from bt_lake.ingest.times import missing, shown
from bt_lake.warehouse import bounds
from bt_lake.warehouse.cells import bared, unquoted
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.schema import EQUITY, RUNS, TRADES
from bt_lake.warehouse.values import NO_VALUE, each_once, found, parameter, parameters
from bt_lake.warehouse.warning import warn

if TYPE_CHECKING:
    import pyarrow as pa

_PARQUET = b"PAR1"
_ROWS_AT_ONCE = 2_000
_JSON = {"params", "config", "reported", "extra"}
_EXTRA = "extra."
# A backtester's table of days has columns such as alpha and beta, too.
_OF_DAYS_TOO = {c.name for c in RUNS.columns if c.group == "benchmark"}
_NUMBERS = {c.name for c in RUNS.columns if c.is_number} - _OF_DAYS_TOO
_OF_A_RUN = {"params", "metrics", *_NUMBERS}


class _Row(NamedTuple):
    number: int  # from 1; in CSV the line of the file
    values: Callable[[], dict[str, Any]]  # raises what is wrong with the row
    position: int | None


def matches(path: Path, head: bytes) -> bool:
    """Columns of runs, a strategy or numbers among them, and not those of a curve or of trades."""
    names = set(_parquet_names(path) if head.startswith(_PARQUET) else _csv_names(head))
    params = {name for name in names if parameter(name) is not None}
    known = params | (names & KEYS - _OF_DAYS_TOO)
    others = max(len(names & set(table.names)) for table in (EQUITY, TRADES))
    telling = params | (names & _OF_A_RUN)
    return "strategy" in names or (bool(telling) and len(known) > max(others, 1))


def read(path: Path) -> Iterator[Run | BadRow]:
    """The runs of a file, in order; a row that is none becomes a bad row."""
    with explained(path), open(path, "rb") as file:
        parquet = file.read(4) == _PARQUET
    beside = Beside(path)
    bare = 0
    for row in _parquet_rows(path) if parquet else _csv_rows(path):
        if isinstance(row, BadRow):
            yield row
            return
        try:
            run = _run(row.values(), f"{path}:{row.number}")
            beside.add_to(run)
        except LakeError as error:
            yield BadRow(str(path), row.number, str(error))
            continue
        run.row, run.position = row.number, row.position
        bare += run.columns.get("metrics_from") == "curve" and run.equity is None
        yield run
    if bare:
        warn(
            f"{path}: {bare:,} of these runs had a curve where they were exported, and come "
            f"without it: {beside.file('equity').name} is not beside it, or lacks them"
        )


def typed(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns given as text, as a command line does, in the types that a run takes.

    A metric of one's own is `extra.NAME` here: any number under a misspelt name would be one.
    """
    own = {name: value for name, value in columns.items() if name.startswith(_EXTRA)}
    others = {name: value for name, value in columns.items() if name not in own}
    for name in others:
        if name not in KEYS and parameter(name) is None:
            raise unknown_column(name, f" A metric of your own is `{_EXTRA}{name}`.")
    texts = {name: value for name, value in others.items() if isinstance(value, str)}
    given = {**others, **_from_texts(texts)}
    metrics = given.get("metrics", {})
    if own and isinstance(metrics, Mapping):  # else it is refused where runs are taken in
        numbers = {name.removeprefix(_EXTRA): _number(value) for name, value in own.items()}
        given["metrics"] = {**metrics, **numbers}
    run = _run(given, "")
    own = {name: getattr(run, name) for name in KEYS & set(Run.__slots__)}
    return {name: value for name, value in {**own, **run.columns}.items() if value is not None}


def _run(row: Mapping[str, Any], origin: str) -> Run:
    columns: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for name, value in row.items():
        own = parameter(name)
        if missing(value) or name in INDEX:
            continue
        if own is not None:
            params[own] = value
        elif name in _JSON:
            columns[name] = _object(name, value)
        elif name in KEYS:
            columns[name] = value
        elif isinstance(value, (int, float)):
            metrics[name] = value
        else:
            raise unknown_column(name)
    if params:
        columns["params"] = {**columns.get("params", {}), **params}
    if metrics:
        columns["metrics"] = metrics
    return Run.from_document(columns, origin)


def _object(name: str, value: Any) -> Any:
    """A column of objects: JSON text, or a Parquet struct or map."""
    if isinstance(value, str):
        try:
            value = json.loads(value, object_pairs_hook=each_once)
        except json.JSONDecodeError:
            raise BadInput(f"{name}: {shown(value)} is not valid JSON") from None
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{name}: {shown(value)} is not usable JSON: {error}") from None
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):
        value = dict(value)
    if not isinstance(value, dict):
        raise BadInput(f"{name}: {shown(value)} is not an object of names and values")
    return value


def _parquet_names(path: Path) -> list[str]:
    import pyarrow.parquet as pq

    try:
        names: list[str] = pq.read_schema(path).names
    except read_errors():
        return ["strategy"]  # damaged: `read` says so
    return names


def _parquet_rows(path: Path) -> Iterator[_Row]:
    number = 0
    try:
        with steady(path), opened(path) as file:
            check_names(file.schema_arrow.names, path)
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                for values in _plain(dense(batch, path)).to_pylist():
                    number += 1
                    yield _Row(number, partial(dict, values), None)
    except read_errors() as error:
        raise BadInput(f"{path}: {explain(error)}") from None


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Times in microseconds: Python knows none finer."""
    import pyarrow as pa

    def plain(column: pa.Array) -> pa.Array:
        kind = column.type
        fine = pa.types.is_timestamp(kind) and kind.unit == "ns"
        return column.cast(pa.timestamp("us", kind.tz), safe=False) if fine else column

    return pa.RecordBatch.from_arrays([plain(c) for c in batch.columns], batch.schema.names)


def _csv_names(head: bytes) -> list[str]:
    try:
        return next(csv.reader([head.split(b"\n", 1)[0].decode("utf-8-sig")]), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def _csv_rows(path: Path) -> Iterator[_Row | BadRow]:
    """The rows up to the first that is no CSV."""
    number = position = 0

    def texts() -> Iterator[str]:
        nonlocal number, position
        for line in lines(path):
            number, position = line.number, line.position
            yield line.text.decode("utf-8-sig" if number == 1 else "utf-8")

    reader = csv.reader(texts(), strict=True)
    try:
        names = list(map(bared, next(reader)))
        bounds.check(str(path), len(names), bounds.COLUMNS, "columns")
        check_names(names, path)
        for cells in reader:
            if cells:
                yield _Row(reader.line_num, partial(_csv_values, names, cells), position)
    except UnicodeDecodeError as error:
        yield BadRow(str(path), number, f"not valid UTF-8 at byte {error.start + 1}")
    except csv.Error as error:
        yield BadRow(str(path), number, f"not valid CSV: {error}")


def _csv_values(names: list[str], cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(names):
        raise BadInput(f"{len(cells)} values for {len(names)} columns")
    return _from_texts(dict(zip(names, map(bared, cells), strict=True)))


def _from_texts(texts: Mapping[str, str]) -> dict[str, Any]:
    """The columns of a row of texts, its parameters gathered."""
    params = parameters(texts)
    values = {
        name: _value(name, text)
        for name, text in texts.items()
        if text not in NO_VALUE and parameter(name) is None
    }
    if params:
        values["params"] = {**_object("params", values.get("params", {})), **params}
    return values


def _number(value: Any) -> Any:
    """What a text says; whether that is a number is seen where metrics are taken."""
    return found(value) if isinstance(value, str) else value


def _value(name: str, text: str) -> Any:
    if name in KEYS - _NUMBERS:
        return _tags(text) if name == "tags" else text if name in _JSON else unquoted(text)
    try:
        return float(text)
    except ValueError:
        if name not in KEYS:
            raise unknown_column(name) from None
        raise BadInput(f"{name}: {shown(text)} is not a number") from None


def _tags(text: str) -> list[str]:
    """`["a","b"]` as JSON, `[a, b]` as DuckDB writes lists, or one tag."""
    listed = found(text)
    if isinstance(listed, list):
        return listed
    return [tag.strip() for tag in text[1:-1].split(",")] if text[:1] == "[" else [text]
