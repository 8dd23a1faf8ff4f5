"""Curves and trades that an export put beside its runs: runs.equity.csv and runs.trades.csv."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bt_lake.ingest.columns import is_parquet, read_table
from bt_lake.ingest.run import Run
from bt_lake.ingest.texts import as_list
from bt_lake.warehouse.cells import read
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import BY_CURVE, EQUITY, RUNS, TRADES, Table

_TABLES = {"equity": EQUITY, "trades": TRADES}
# What follows from the rows: it is computed again, and what the source said is in `reported`.
_FOLLOWS = {
    "equity": {c.name for c in RUNS.columns if c.group in ("money", *BY_CURVE)}
    - {"currency", "initial_capital"},
    "trades": {c.name for c in RUNS.columns if c.group == "trade"},
}


def is_beside(path: Path) -> bool:
    """Whether a file goes with the table of runs that lies beside it."""
    base, _, table = path.stem.rpartition(".")
    return bool(base) and table in _TABLES and path.with_name(base + path.suffix).is_file()


class Beside:
    """The rows of both files by run; files that are not there have none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = {
            name: _Rows(file, table)
            for name, table in _TABLES.items()
            if (file := self.file(name)).is_file()
        }

    def file(self, name: str) -> Path:
        return self._path.with_suffix(f".{name}{self._path.suffix}")

    def add_to(self, run: Run) -> None:
        run_id = run.columns.get("run_id")
        for name, rows in self._rows.items():
            found = rows.of(run_id)
            if found is None or getattr(run, name) is not None:
                continue
            setattr(run, name, found)
            if name == "equity":
                _settle_capital(run, found)
            for column in _FOLLOWS[name]:
                run.columns.pop(column, None)


class _Rows:
    def __init__(self, path: Path, table: Table) -> None:
        columns = read_table(path, table)
        if "run_id" not in columns:
            raise BadInput(f"{path}: there is no column run_id that says whose rows these are")
        if not is_parquet(path):
            texts = [c.name for c in table.columns if c.kind == "string" and c.name in columns]
            columns |= {name: [_text(v) for v in as_list(columns[name])] for name in texts}
        owners = np.array(as_list(columns.pop("run_id")), object)
        changes = np.append(np.full(min(1, len(owners)), True), owners[1:] != owners[:-1])
        begins = np.flatnonzero(changes).tolist()
        self._columns = columns
        self._places: dict[Any, list[slice]] = {}
        for start, stop in pairwise([*begins, len(owners)]):
            self._places.setdefault(owners[start], []).append(slice(start, stop))

    def of(self, run_id: Any) -> dict[str, Any] | None:
        places = self._places.get(run_id)
        if places is None:
            return None
        return {
            name: [value for place in places for value in as_list(values[place])]
            for name, values in self._columns.items()
        }


def _text(value: Any) -> Any:
    return read(value) if isinstance(value, str) else value


def _settle_capital(run: Run, curve: dict[str, Any]) -> None:
    """The capital is the first point of the curve where none was given: the returns tell."""
    returns = run.columns.get("n_returns")
    equity = [float(value) for value in curve.get("equity", ()) if value is not None]
    gone = next((place for place, value in enumerate(equity) if value <= 0), len(equity))
    if returns is not None and float(returns) < min(gone + 1, len(equity)):
        run.columns.pop("initial_capital", None)
