"""Zarr stores of backtests: a table `metadata`, with parameters, curves and trades beside it.

    metadata                 structured array, or a group of arrays: one entry a run
    params_lookup/<hash>     attribute `params`: JSON
    equity_curves/<id>       array, attributes `dates` and `positions`
    trade_details/<id>       JSON text, or a structured array

The id of a run is symbol_strategy_hash_exit. A run that was repeated has several entries and one
curve, which is of the last.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest import times
from bt_lake.ingest.sheets.ledger import instants
from bt_lake.ingest.stores import chunks
from bt_lake.ingest.stores.identity import run_ids
from bt_lake.ingest.stores.report import Lost, Unread
from bt_lake.ingest.stores.source import BATCH_ROWS, Dialect, Rows, Unloaded
from bt_lake.ingest.stores.survey import parsed
from bt_lake.metrics import NONE
from bt_lake.warehouse import bounds
from bt_lake.warehouse.errors import BadInput, MissingExtra, NotFound

_WITH_CURVES = 200  # rows at once, so that their curves fit in memory
_ID = ("symbol", "strategy", "params_hash", "exit_rule")
_TRADES = {
    "entry_date": "entry_at",
    "entry_time": "entry_at",
    "exit_date": "exit_at",
    "exit_time": "exit_at",
    "direction": "side",
    "shares": "quantity",
    "size": "quantity",
    "profit": "pnl",
}


class ZarrSource:
    """A store, opened for reading only."""

    kind = "zarr"
    table = "metadata"
    # In such a store expectancy is a return: total return over trades.
    dialect = Dialect(
        names={
            "expectancy": "avg_trade_return",
            "params": "params",
            "equity_curves": "equity",
            "trade_details": "trades",
        },
        fraction=frozenset({"total_return", "cagr", "expectancy"}),
        repeats=True,
    )

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.strategy = path.stem
        self.remarks: list[str] = []
        self.lost = Lost()
        self._root = _opened(path)
        self._beside = {"equity_curves": self._curve, "trade_details": self._trades}
        self._folder = path
        self._members: dict[str, set[str]] = {}
        self._dates: Any = None
        self._instants: Any = None
        self._known_params: dict[str | None, Any] = {}
        with _readable(f"{path}: metadata"):
            self._columns = _metadata(self._root, self.name)
        missing = [name for name in _ID if name not in self._columns]
        # Where there is no id, no curve can be found.
        self.key: tuple[str, ...] = () if missing else ("id",)
        if not missing:
            parts = zip(*(self._columns[name] for name in _ID), strict=True)
            self._columns["id"] = ["_".join(part or "" for part in row) for row in parts]
        self._entries = self._last_of_equal()

    def _last_of_equal(self) -> list[int]:
        """The entries without those that a later one of the same run and time takes the place of.

        The store has one curve for all of them, which is of the last.
        """
        count = len(next(iter(self._columns.values()), []))
        if not self.key:
            return list(range(count))
        rows = Rows(list(map(str, range(count))), self._columns)
        ids = run_ids(rows, self, None)
        last = {run_id: place for place, run_id in enumerate(ids)}
        for place, run_id in enumerate(ids):
            if last[run_id] != place:
                reason = f"entry {last[run_id] + 1} is of the same run and time; the last is taken"
                self.lost.repeated.append(Unread(self.table, f"entry {place + 1}", "id", reason))
        return sorted(last.values())

    def batches(self, *, summary: bool = False) -> Iterator[Rows]:
        ids = self._columns.get("id", [])
        self._undated = 0
        last = {run: place for place, run in enumerate(ids)}
        size = BATCH_ROWS if summary or not ids else _WITH_CURVES
        for start in range(0, len(self._entries), size):
            places = self._entries[start : start + size]
            columns = {n: [values[p] for p in places] for n, values in self._columns.items()}
            if "params_hash" in columns:
                columns["params"] = [self._params(key) for key in columns["params_hash"]]
            for group, read in self._beside.items() if ids else ():
                there = self._names(group)
                columns[group] = [
                    Unloaded(partial(self._loaded, group, ids[p], read))
                    if last[ids[p]] == p and ids[p].partition("/")[0] in there
                    else None
                    for p in places
                ]
            yield Rows([f"entry {place + 1}" for place in places], columns)
        if self._undated:
            self.remarks.append(f"{self._undated:,} curves without dates are left out")

    def _names(self, group: str) -> set[str]:
        """The members of a group; of a symbol with a slash, what stands before it."""
        if group not in self._members:
            with _readable(f"{self.name}: {group}"):
                self._members[group] = self._listed(group)
        return self._members[group]

    def _listed(self, group: str) -> set[str]:
        """The library opens each member to list it; of a folder its list is enough."""
        folder = self._folder / group
        if folder.is_dir():
            return {member.name for member in os.scandir(folder) if member.is_dir()}
        found = self._root.get(group)
        return set(found.keys()) if found is not None else set()

    def _loaded(self, group: str, run: str, read: Callable[[str], Any]) -> Any:
        """A curve or trades; what cannot be read costs no more than that."""
        try:
            with _readable(f"{group}/{run}"):
                return read(run)
        except BadInput as error:
            raise ValueError(str(error)) from None

    def close(self) -> None:
        pass

    def _member(self, group: str, name: str | None) -> Any:
        """An array, or a group of parameters; None where there is none, or nothing in it."""
        with _readable(f"{self.name}: {group}/{name}"):
            found = self._root.get(f"{group}/{name}") if name else None
            if hasattr(found, "dtype"):
                _check_array(found, f"{self.name}: {group}/{name}")
            return None if getattr(found, "shape", None) == (0,) else found

    def _array(self, group: str, name: str | None) -> chunks.Array | None:
        if _is_plain(name):
            quick = chunks.read(self._folder / group / name)
            if quick is not None:
                return quick
        found = self._member(group, name)
        return None if found is None else chunks.Array(found[:], found.attrs)

    def _params(self, key: str | None) -> Unloaded | None:
        if key is None or key.partition("/")[0] not in self._names("params_lookup"):
            return None
        return Unloaded(partial(self._loaded, "params_lookup", key, self._looked_up))

    def _looked_up(self, key: str | None) -> Any:
        """Parameters, which many runs may share."""
        if key not in self._known_params:
            quick = _is_plain(key) and chunks.attributes(self._folder / "params_lookup" / key)
            found = None if quick else self._member("params_lookup", key)
            told = quick or (found.attrs if found is not None else {})
            self._known_params[key] = parsed(told.get("params"))
        return self._known_params[key]

    def _curve(self, run: str | None) -> Any:
        found = self._array("equity_curves", run)
        if found is None:
            return None
        if "dates" not in found.attributes:
            self._undated += 1
            return None
        dates = found.attributes["dates"]
        if 2 * len(days := set(map(str, dates))) < len(dates):
            raise ValueError(f"{len(dates)} points have {_dates(len(days))}: no curve")
        curve = {"ts": self._times(dates), "equity": np.asarray(found.content, np.float64)}
        positions = found.attributes.get("positions")
        if positions is not None and len(positions) == len(curve["ts"]):
            curve["exposure"] = positions
        return curve

    def _times(self, dates: Any) -> Any:
        """Runs of one strategy mostly have the same dates: these are read once."""
        if dates != self._dates:
            self._dates = self._instants = dates
            micros, problems = times.parse(dates)
            if not problems and not (micros == NONE).any():
                self._instants = instants(micros)
        return self._instants

    def _trades(self, run: str | None) -> Any:
        found = self._array("trade_details", run)
        if found is None:
            return None
        content = found.content
        if content.dtype.names:
            return {_TRADES.get(n, n): _listed(content[n]) for n in content.dtype.names}
        trades = json.loads(str(content[0]))
        if not isinstance(trades, list) or not all(isinstance(t, dict) for t in trades):
            raise ValueError("not a list of trades")
        return [{_TRADES.get(n, n): value for n, value in trade.items()} for trade in trades]


def _is_plain(name: str | None) -> TypeGuard[str]:
    """Whether a name of the store's own leads to no other folder."""
    return name is not None and not {"", ".", ".."} & set(name.split("/"))


def _dates(count: int) -> str:
    return "1 date" if count == 1 else f"{count} dates"


def _opened(path: Path) -> Any:
    try:
        zarr = import_module("zarr")
    except ImportError:
        raise MissingExtra.needs("importing a Zarr store", "zarr") from None
    if not path.exists():
        raise NotFound(f"{path}: no such file or folder")
    with _readable(f"{path}: not a Zarr group"):
        return zarr.open_group(str(path), mode="r")


@contextmanager
def _readable(where: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # Structured arrays are no part of the specification yet: that is for writers to know.
            warnings.simplefilter("ignore")
            yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BadInput(f"{where}: {error}") from None


def _metadata(root: Any, name: str) -> dict[str, list[Any]]:
    found = root.get("metadata")
    if found is None:
        there = ", ".join(sorted(root.keys())) or "nothing"
        raise BadInput(f"{name}: no array or group 'metadata' in it, but {there}")
    looked = [found] if hasattr(found, "dtype") else [found[field] for field in found.keys()]  # noqa: SIM118
    for array in looked:
        _check_array(array, f"{name}: metadata")
    if hasattr(found, "dtype"):
        content = found[:]
        arrays = {field: content[field] for field in content.dtype.names or ()}
    else:
        arrays = {field: found[field][:] for field in found.keys()}  # noqa: SIM118
    return {field: _listed(array) for field, array in sorted(arrays.items())}


def _check_array(array: Any, where: str) -> None:
    """What is not stored is filled in, so that a few bytes may claim any size."""
    if not hasattr(array, "dtype"):
        raise BadInput(f"{where}: not an array")
    size = max(getattr(array.dtype, "itemsize", 8), 1)
    for shape in (array.shape, getattr(array, "chunks", None) or ()):
        bounds.check(where, bounds.product(shape) * size, bounds.ARRAY_BYTES, "bytes")
    made_by = [*(getattr(array.metadata, "filters", None) or ())]
    made_by.append(getattr(array.metadata, "compressor", None))
    # It runs what its writer wrote; newer versions of numcodecs refuse it themselves.
    if any(getattr(codec, "codec_id", "") == "pickle" for codec in made_by):
        raise BadInput(f"{where}: pickled objects are code, and are not read")


def _listed(array: NDArray[Any]) -> list[Any]:
    """Plain values; empty text and NaN are none, and a short float keeps the digits it shows."""
    if array.dtype == np.float32:
        array = array.astype(str).astype(np.float64)
    if array.dtype.kind == "f":
        return [None if value != value else value for value in array.tolist()]
    if array.dtype.kind == "M":
        return [str(value) for value in array]
    if array.dtype.kind == "S":
        return [value.decode("utf-8", "surrogateescape") or None for value in array.tolist()]
    return [None if value == "" else value for value in array.tolist()]
