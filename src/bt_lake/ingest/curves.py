"""Equity curves of any form -> flat arrays over all runs of a batch.

A curve is a pandas series or frame, a polars or pyarrow frame, a mapping of columns, a list of
`[ts, equity]`, a pair `(values, times)`, or the path of a Parquet or CSV file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest import numbers, times
from bt_lake.ingest.columns import INDEX, Columns, columns_of, columns_of_objects, length
from bt_lake.ingest.engines import LABELS
from bt_lake.ingest.faults import Faults, parse_pieces
from bt_lake.ingest.numbers import Floats
from bt_lake.ingest.run import Run
from bt_lake.ingest.times import Micros
from bt_lake.metrics import NONE, clean
from bt_lake.warehouse.errors import BadInput, LakeError, UnknownName
from bt_lake.warehouse.schema import EQUITY

EXTRAS = ("cash", "exposure", "benchmark")
# The lake's own views and exports carry these beside a curve.
_IGNORED = {"run_id", "drawdown"}
_FORMS = (
    "give a series with a time index, a frame or a mapping with `ts` and `equity`, "
    "a list of [ts, equity], a pair (values, times), or a file"
)
_NO_ACCOUNT = (
    "returns go in by `Run.from_returns(returns)`, and an account that is like this says its "
    "`initial_capital`"
)
_COLUMNS = f" Rename it to {', '.join(('ts', 'equity', *EXTRAS))}, or leave it out."


@dataclass(frozen=True, slots=True)
class Curves:
    """Run i has the points from offsets[i] to offsets[i + 1], in order of time."""

    ts: Micros
    equity: Floats
    offsets: NDArray[np.int64]
    extras: dict[str, Floats]
    zones: list[str | None]

    @property
    def given(self) -> NDArray[np.bool_]:
        return self.offsets[1:] > self.offsets[:-1]


def gather(runs: Sequence[Run], faults: Faults) -> Curves:
    """The cleaned curves of a batch; what is wrong goes to `faults`."""
    pieces: dict[int, Columns] = {}
    zones: list[str | None] = [None] * len(runs)
    for place, run in enumerate(runs):
        if run.equity is not None:
            try:
                pieces[place] = columns = _columns(run.equity)
                zones[place] = times.zone_of(columns["ts"])
            except LakeError as error:
                pieces.pop(place, None)
                faults.add(place, str(error))
    if not pieces:
        none = np.zeros(0)
        return Curves(none.astype(np.int64), none, np.zeros(len(runs) + 1, np.int64), {}, zones)
    lengths = np.zeros(len(runs), np.int64)
    lengths[list(pieces)] = [len(columns["ts"]) for columns in pieces.values()]
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    ts, equity, extras = _parsed(pieces, offsets, faults)
    _check(ts, equity, offsets, faults)
    _check_times(runs, ts, equity, offsets, faults)
    ts, equity, kept, extras = clean(ts, equity, offsets, extras)
    for place in np.flatnonzero((np.diff(kept) == 0) & (lengths > 0)).tolist():
        faults.add(place, "equity has no numbers")
    return Curves(ts, equity, kept, extras, zones)


def _check_times(
    runs: Sequence[Run], ts: Micros, equity: Floats, offsets: NDArray[np.int64], faults: Faults
) -> None:
    """Refuse two values at one time, unless the last is what the account was."""
    owner = np.repeat(np.arange(len(runs)), np.diff(offsets))
    if ((ts[1:] > ts[:-1]) | (owner[1:] != owner[:-1])).all():
        return
    order = np.lexsort((ts, owner))
    at, value, own = ts[order], equity[order], owner[order]
    same = (own[1:] == own[:-1]) & (at[1:] == at[:-1]) & (at[1:] != NONE)
    for row in np.flatnonzero(same & (value[1:] != value[:-1])).tolist():
        run = runs[int(own[row])]
        if run.duplicates not in (None, "last"):
            faults.add(int(own[row]), f"duplicates: '{run.duplicates}' is not 'last'")
        if np.isnan(value[row : row + 2]).any() or _keeps_last(run):
            continue
        when = str(np.datetime64(int(at[row]), "us")).removesuffix(".000000")
        faults.add(
            int(own[row]),
            f"equity[{int(order[row + 1] - offsets[own[row]])}].ts: {when} is there with "
            f"{value[row]:g} and with {value[row + 1]:g}; give each time once, or "
            "duplicates='last' to keep the last of each",
        )


def _keeps_last(run: Run) -> bool:
    """Engines tell an account more than once a moment; so did older stores."""
    return run.duplicates == "last" or run.columns.get("engine") in LABELS


def check_accounts(curves: Curves, capital: Floats, faults: Faults) -> None:
    """Refuse what cannot be an account, such as returns, where no capital vouches for it."""
    places = np.flatnonzero(curves.given)
    if not len(places):
        return
    starts = curves.offsets[places]
    first = curves.equity[starts]
    lowest = np.minimum.reduceat(curves.equity, starts)
    highest = np.maximum.reduceat(curves.equity, starts)
    unvouched = np.isnan(capital[places])
    for at in np.flatnonzero(unvouched & (first <= 0)):
        said = f"equity begins at {first[at]:g}, and no account does"
        faults.add(int(places[at]), f"{said}; {_NO_ACCOUNT}")
    for at in np.flatnonzero(unvouched & (first > 0) & (lowest < 0) & (highest < 1)):
        said = "equity goes below 0 and never reaches 1, as returns do"
        faults.add(int(places[at]), f"{said}; {_NO_ACCOUNT}")


def _columns(curve: Any) -> Columns:
    """The columns of one curve, named as in the schema and of one length."""
    columns = _series_or_list(curve) or columns_of(curve, EQUITY)
    if columns is None:
        raise BadInput(f"equity is a {type(curve).__name__}; {_FORMS}")
    if "ts" not in columns and hasattr(curve, "iloc"):
        columns["ts"] = curve.index
    for index in [columns.pop(name) for name in INDEX if name in columns]:
        columns.setdefault("ts", index)
    for name in columns:
        if name not in EQUITY and name not in _IGNORED:
            raise UnknownName.near("column of equity", name, EQUITY.names, _COLUMNS)
    for name in ("ts", "equity"):
        if name not in columns:
            raise BadInput(f"equity has no column `{name}`; {_FORMS}")
    points = length(columns["ts"])
    for name, values in columns.items():
        if length(values) != points or points < 0 or getattr(values, "ndim", 1) != 1:
            raise BadInput(f"equity.{name} is not a column as long as equity.ts; {_FORMS}")
    if points == 0:
        raise BadInput("equity is empty; leave it out for a run without a curve")
    return columns


def _series_or_list(curve: Any) -> Columns | None:
    if isinstance(curve, Mapping):
        return None
    if hasattr(curve, "iloc") and not hasattr(curve, "columns"):
        return {"ts": curve.index, "equity": curve}
    if _is_pair(curve):
        return {"ts": curve[1], "equity": curve[0]}
    if not isinstance(curve, (list, tuple)):
        return None
    if all(isinstance(point, Mapping) for point in curve):
        return columns_of_objects(curve) if curve else {"ts": [], "equity": []}
    for row, point in enumerate(curve):
        if length(point) != 2:
            raise BadInput(f"equity[{row}] is not a pair [ts, equity]")
    return {"ts": [point[0] for point in curve], "equity": [point[1] for point in curve]}


def _is_pair(curve: Any) -> bool:
    """`(values, times)`, and not two points that are tuples themselves."""
    if not isinstance(curve, tuple) or len(curve) != 2 or min(map(length, curve)) < 0:
        return False
    first = curve[0]
    return type(first) is not tuple or len(first) != 2 or isinstance(first[0], Real)


def _parsed(
    pieces: Mapping[int, Columns], offsets: NDArray[np.int64], faults: Faults
) -> tuple[Micros, Floats, dict[str, Floats]]:
    places = list(pieces)

    def column(name: str, parse: Any, flat: bool) -> Any:
        def fault(piece: int, row: int, reason: str) -> None:
            faults.add(places[piece], f"equity[{row}].{name}: {reason}")

        values = [columns[name] for columns in pieces.values()]
        return np.concatenate(parse_pieces(values, parse, flat=flat, fault=fault))

    lists = all(
        type(columns["ts"]) is type(columns["equity"]) is list for columns in pieces.values()
    )
    texts = lists and all(type(columns["ts"][0]) is str for columns in pieces.values())
    ts = column("ts", times.parse, texts or _are_of(pieces, "ts", "datetime64[us]"))
    equity = column("equity", numbers.parse, lists or _are_of(pieces, "equity", "float64"))
    extras = {
        name: _extra(name, pieces, offsets, faults)
        for name in EXTRAS
        if any(name in columns for columns in pieces.values())
    }
    return ts, equity, extras


def _are_of(pieces: Mapping[int, Columns], name: str, kind: str) -> bool:
    """Whether a column of all runs is an array of this kind."""
    columns = (columns[name] for columns in pieces.values())
    return all(type(values) is np.ndarray and values.dtype == kind for values in columns)


def _extra(
    name: str, pieces: Mapping[int, Columns], offsets: NDArray[np.int64], faults: Faults
) -> Floats:
    """A column that some of the curves have."""
    values = np.full(offsets[-1], np.nan)
    for place, columns in pieces.items():
        if name in columns:
            parsed, problems = numbers.parse(columns[name])
            for row, reason in problems:
                faults.add(place, f"equity[{row}].{name}: {reason}")
            values[offsets[place] : offsets[place + 1]] = parsed
    values[np.isinf(values)] = np.nan
    return values


def _check(ts: Micros, equity: Floats, offsets: NDArray[np.int64], faults: Faults) -> None:
    faults.add_rows(np.flatnonzero(ts == NONE), offsets, "equity[{row}].ts: the time is missing")
    faults.add_rows(
        np.flatnonzero(np.isinf(equity)), offsets, "equity[{row}].equity: infinity is no amount"
    )
