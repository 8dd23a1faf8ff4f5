"""Trades of any form -> flat columns over all trades of a batch, named as in the schema.

Trades are a list of objects, a mapping of columns, a pandas, polars or pyarrow frame, or the path
of a Parquet or CSV file. Unknown columns go to `extra`, unless `trade_names` can tell what they
are. `side` may be long/short, buy/sell or 1/-1; where it is missing and a run has negative
quantities, the sign is the side.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest import jsontext, numbers, texts, times
from bt_lake.ingest.columns import INDEX, Columns, columns_of, columns_of_objects, length
from bt_lake.ingest.faults import Faults
from bt_lake.ingest.rows import Rows
from bt_lake.ingest.run import Run
from bt_lake.ingest.times import Problems, missing, shown
from bt_lake.ingest.trade_names import misnamed
from bt_lake.metrics import NONE
from bt_lake.warehouse.arrays import to_numpy
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.schema import TRADES

# Numbered anew, in the order given.
_NUMBERING = {"run_id", "trade_no"}
_KINDS: dict[str, str] = {
    **{c.name: c.kind for c in TRADES.columns if c.name not in _NUMBERING},
    "side": "side",
}
_FORMS = "give a list of objects, a frame, a mapping of columns, or a file"
# The sides as numbers, so that a signed quantity compares with them: 0 is unknown.
_SIDES: dict[Any, int] = {
    **dict.fromkeys(("long", "buy", "b", "l", "1", "+1", 1), 1),
    **dict.fromkeys(("short", "sell", "s", "-1", -1), -1),
}
SIDE_NAMES = {1: "long", -1: "short"}
_EMPTY = {"double": np.nan, "timestamp": NONE, "side": 0}


@dataclass(frozen=True, slots=True)
class Trades:
    """Run i has the rows from offsets[i] to offsets[i + 1]; columns without a value are absent."""

    offsets: NDArray[np.int64]
    given: NDArray[np.bool_]
    columns: dict[str, Any] = field(default_factory=dict)

    def numbers(self, name: str) -> NDArray[np.float64]:
        column = self.columns.get(name)
        return np.full(self.offsets[-1], np.nan) if column is None else column

    def times(self, name: str) -> NDArray[np.int64]:
        column = self.columns.get(name)
        return np.full(self.offsets[-1], NONE) if column is None else column


@dataclass(slots=True)
class _Chunk:
    """Trades of neighbouring runs that are parsed in one go."""

    places: list[int]
    lengths: list[int]
    columns: Columns | Rows


def gather(runs: Sequence[Run], faults: Faults) -> Trades:
    """The trades of a batch; what is wrong goes to `faults`."""
    given = np.array([run.trades is not None for run in runs], bool)
    chunks = [chunk for chunk in _chunks(runs, faults) if sum(chunk.lengths)]
    if not chunks:
        return Trades(np.zeros(len(runs) + 1, np.int64), given, {})
    parsed = [_parsed(chunk, faults) for chunk in chunks]
    lengths = np.zeros(len(runs), np.int64)
    for chunk in chunks:
        lengths[chunk.places] = chunk.lengths
    columns: Columns = {}
    for name in (name for name in TRADES.names if any(name in part for part in parsed)):
        columns[name] = concatenated(
            [
                part[name] if name in part else empty(name, sum(chunk.lengths))
                for part, chunk in zip(parsed, chunks, strict=True)
            ]
        )
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    trades = Trades(offsets, given, columns)
    _settle_sides(trades)
    _check(trades, faults)
    return trades


def _chunks(runs: Sequence[Run], faults: Faults) -> list[_Chunk]:
    chunks: list[_Chunk] = []
    pending: list[tuple[int, Sequence[Any]]] = []

    def flush() -> None:
        # Whatever a run is read with, `extra` has the order of its own columns: its id follows.
        for _, some in itertools.groupby(pending, lambda each: _names(each[1])):
            group = list(some)
            rows = list(itertools.chain.from_iterable(trades for _, trades in group))
            lengths = [len(trades) for _, trades in group]
            chunks.append(_Chunk([p for p, _ in group], lengths, columns_of_objects(rows)))
        pending.clear()

    for place, run in enumerate(runs):
        if run.trades is None:
            continue
        try:
            if isinstance(run.trades, Rows):
                flush()
                _add_rows(chunks, place, run.trades)
            elif isinstance(run.trades, (list, tuple)):
                _check_rows(run.trades)
                pending.append((place, run.trades))
            else:
                columns, rows = _columns(run.trades)
                flush()
                chunks.append(_Chunk([place], [rows], columns))
        except LakeError as error:
            faults.add(place, str(error))
    flush()
    return chunks


def _names(trades: Sequence[Any]) -> tuple[str, ...]:
    """The columns of one run's trades, in their order."""
    return tuple(dict.fromkeys(itertools.chain.from_iterable(dict.fromkeys(map(tuple, trades)))))


def _add_rows(chunks: list[_Chunk], place: int, rows: Rows) -> None:
    """To the chunk before, where that ends with the rows just before these."""
    last = chunks[-1].columns if chunks else None
    if isinstance(last, Rows) and last.columns is rows.columns and last.stop == rows.start:
        chunks[-1].columns = Rows(rows.columns, last.start, rows.stop)
    else:
        chunks.append(_Chunk([], [], rows))
    chunks[-1].places.append(place)
    chunks[-1].lengths.append(len(rows))


def _check_rows(rows: Sequence[Any]) -> None:
    for row, trade in enumerate(rows):
        if type(trade) is not dict and not isinstance(trade, Mapping):
            raise BadInput(
                f"trades[{row}] is {shown(trade)}, not an object with the trade's columns"
            )


def _columns(trades: Any) -> tuple[Columns, int]:
    columns = columns_of(trades, TRADES)
    if columns is None:
        raise BadInput(f"trades is a {type(trades).__name__}; {_FORMS}")
    columns = {name: values for name, values in columns.items() if name not in INDEX}
    lengths = {name: length(values) for name, values in columns.items()}
    rows = next(iter(lengths.values()), 0)
    for name, count in lengths.items():
        if count != rows or count < 0 or getattr(columns[name], "ndim", 1) != 1:
            raise BadInput(f"trades.{name} is not a column as long as the others; {_FORMS}")
    return columns, rows


def _parsed(chunk: _Chunk, faults: Faults) -> Columns:
    """The columns of a chunk in the schema's types."""
    starts = np.concatenate(([0], np.cumsum(chunk.lengths)))
    parsed: Columns = {}
    others: Columns = {}

    def add(name: str, values: Any, problems: Problems) -> None:
        parsed[name] = values
        for row, reason in problems:
            piece = int(np.searchsorted(starts, row, side="right")) - 1
            faults.add(chunk.places[piece], f"trades[{row - starts[piece]}].{name}: {reason}")

    columns = chunk.columns.taken() if isinstance(chunk.columns, Rows) else chunk.columns
    for name, values in columns.items():
        parse = _PARSERS.get(_KINDS.get(name, ""))
        if parse:
            add(name, *_parse_column(values, starts, parse))
        elif name not in _NUMBERING:
            others[name] = values
    unknown = {name: values for name, values in others.items() if name != "extra"}
    for piece, reason in misnamed(unknown, parsed, starts):
        faults.add(chunk.places[piece], reason)
    if others:
        add("extra", *jsontext.objects(others))
    return parsed


def _parse_column(values: Any, starts: NDArray[np.int64], parse: Any) -> tuple[Any, Problems]:
    parsed, problems = parse(values)
    if problems and len(starts) > 2:
        # Together they may mix what is clear run by run, such as seconds and milliseconds.
        return _parse_by_run(values, starts, parse)
    return parsed, problems


def _parse_by_run(values: Any, starts: NDArray[np.int64], parse: Any) -> tuple[Any, Problems]:
    parts, problems = [], []
    for start, stop in itertools.pairwise(starts):
        part, wrong = parse(values[start:stop])
        parts.append(part)
        problems += [(int(start) + row, reason) for row, reason in wrong]
    return concatenated(parts), problems


def concatenated(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import pyarrow as pa

    return pa.concat_arrays(parts)


def empty(name: str, rows: int) -> Any:
    """A parsed column without a value."""
    if _KINDS[name] in _EMPTY:
        return np.full(rows, _EMPTY[_KINDS[name]])
    import pyarrow as pa

    return pa.nulls(rows, pa.string())


def _parse_sides(values: Any) -> tuple[NDArray[np.int64], Problems]:
    import pyarrow as pa

    if isinstance(values, pa.StringArray):
        named = values.dictionary_encode()
        sides, wrong = _parse_sides(named.dictionary.to_pylist())
        if not wrong and not named.null_count:
            return sides[to_numpy(named.indices, np.int32, 0)], []
    values = texts.as_list(values)
    with contextlib.suppress(KeyError, TypeError):
        return np.array([_SIDES[value] for value in values], np.int64), []
    sides = np.zeros(len(values), np.int64)
    problems: Problems = []
    for row, value in enumerate(values):
        try:
            sides[row] = _side(value)
        except (KeyError, TypeError, AttributeError):
            reason = f"{shown(value)} is not a side; use long or short, buy or sell, 1 or -1"
            problems.append((row, reason))
    return sides, problems


def _side(value: Any) -> int:
    if missing(value):
        return 0
    return _SIDES[value] if value in _SIDES else _SIDES[value.strip().lower()]


_PARSERS: dict[str, Any] = {
    "double": numbers.parse_finite,
    "timestamp": times.parse,
    "string": texts.parse,
    "side": _parse_sides,
}


def _settle_sides(trades: Trades) -> None:
    """Quantities lose their sign; it is the side where a run with negative ones names none."""
    if "quantity" not in trades.columns:
        return
    quantity = trades.columns["quantity"]
    sides = trades.columns.get("side")
    sides = np.zeros(len(quantity), np.int64) if sides is None else sides
    owner = np.repeat(np.arange(len(trades.given)), np.diff(trades.offsets))
    signed = np.bincount(owner, quantity < 0, len(trades.given)) > 0
    signed &= np.bincount(owner, sides != 0, len(trades.given)) == 0
    by_sign = np.nan_to_num(np.sign(quantity)).astype(np.int64)
    trades.columns["side"] = np.where(signed[owner], by_sign, sides)
    trades.columns["quantity"] = np.abs(quantity)


def _check(trades: Trades, faults: Faults) -> None:
    entry, left = trades.times("entry_at"), trades.times("exit_at")
    backwards = np.flatnonzero((entry != NONE) & (left != NONE) & (left < entry))
    faults.add_rows(backwards, trades.offsets, "trades[{row}].exit_at is before its entry_at")
