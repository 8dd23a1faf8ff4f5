"""A first look at the whole store: which columns there are, and the numbers that units rest on."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.stores.mapping import known
from bt_lake.ingest.stores.source import Rows, Source
from bt_lake.warehouse.schema import RUNS

Floats = NDArray[np.float64]
FRACTIONS = {c.name for c in RUNS.columns if c.unit == "fraction"}
_TIMES = {c.name for c in RUNS.columns if c.kind == "timestamp"}
# Columns that other columns can be checked against.
_WITNESSES = {"initial_capital", "final_equity", "winning_trades", "total_trades"}
_MEASURED = FRACTIONS | _TIMES | _WITNESSES
_UUID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)


@dataclass(slots=True)
class Survey:
    rows: int = 0
    columns: set[str] = field(default_factory=set)  # as the store has them, objects whole
    numbers: Counter[str] = field(default_factory=Counter)  # numbers in each column
    others: Counter[str] = field(default_factory=Counter)  # other values in each column
    values: dict[str, Floats] = field(default_factory=dict)  # of measured columns, a row each
    # columns with an id in every row, or nearly so: how many rows have one, and the ids
    ids: dict[str, tuple[int, set[str]]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns in the order they were seen, those without a value included."""
        return list(self.numbers)


def look(source: Source, given: Mapping[str, str], objects: set[str]) -> Survey:
    """Read the whole store once; `given` are the places of columns that the caller chose."""
    survey = Survey()
    parts: dict[str, list[tuple[int, Floats]]] = {}
    for rows in source.batches(summary=True):
        survey.columns |= rows.columns.keys()
        for name, values in expanded(rows, objects).columns.items():
            _count(survey, name, values)
            column = _column(name, given, source)
            if column in _MEASURED:
                parts.setdefault(name, []).append((survey.rows, floats(values)))
            elif column == "run_id":
                found = list(_ids(values, any_text="run_id" in given.values()))
                count, ids = survey.ids.get(name, (0, set()))
                ids.update(found)
                survey.ids[name] = (count + len(found), ids)
        survey.rows += len(rows)
    for name, pieces in parts.items():
        survey.values[name] = np.full(survey.rows, np.nan)
        for start, piece in pieces:
            survey.values[name][start : start + len(piece)] = piece
    return survey


def floats(values: list[Any]) -> Floats:
    """The finite numbers of a column, NaN for all else."""
    numbers = np.array([_float(value) for value in values], np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def expanded(rows: Rows, objects: set[str]) -> Rows:
    """The rows with the members of objects as columns of their own: `metrics.cagr`.

    What is no object stays as it is and is refused later, with its row.
    """
    columns: dict[str, list[Any]] = {}
    for name, values in rows.columns.items():
        if name not in objects:
            columns[name] = values
            continue
        left: list[Any] = [None] * len(rows)
        for place, value in enumerate(values):
            members = parsed(value)
            if not isinstance(members, dict):
                left[place] = value
                continue
            for key, member in _flat(members):
                column = f"metrics.{key}"
                if column not in columns:
                    columns[column] = [None] * len(rows)
                columns[column][place] = member
        if any(value is not None for value in left):
            columns[name] = left
    return Rows(rows.labels, columns)


def parsed(value: Any) -> Any:
    """JSON text as what it says, anything else as it is; NaN, which JSON lacks, is null."""
    if isinstance(value, str):
        try:
            return _JSON.decode(value)
        except (ValueError, RecursionError):
            return value
    return value


_JSON = json.JSONDecoder(parse_constant={"Infinity": "Infinity", "-Infinity": "-Infinity"}.get)


def _flat(members: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, member in members.items():
        if isinstance(member, dict):
            found += _flat(member, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", member))
    return found


def _count(survey: Survey, name: str, values: list[Any]) -> None:
    kinds = Counter(map(type, values))
    numbers = kinds[int] + kinds[float]
    survey.numbers[name] += numbers
    survey.others[name] += len(values) - numbers - kinds[type(None)]


def _column(name: str, given: Mapping[str, str], source: Source) -> str:
    found = known(name, source.dialect.names)
    return given.get(name) or given.get(name.partition(".")[2]) or (found[1] if found else "")


def _ids(values: list[Any], *, any_text: bool) -> Iterator[str]:
    """What may be a run's id: a UUID, or anything if the caller says that it is one."""
    for value in values:
        if (any_text and value not in (None, "")) or is_id(value):
            yield str(value)


def is_id(value: Any) -> bool:
    return type(value) is str and _UUID.fullmatch(value) is not None


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if value is None or isinstance(value, bool):
        return np.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan
