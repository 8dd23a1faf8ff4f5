"""The numbers a run claims: what its source reported and what is the user's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest import numbers
from bt_lake.ingest.engines import LABELS
from bt_lake.ingest.faults import Faults
from bt_lake.ingest.numbers import Floats
from bt_lake.ingest.run import Run
from bt_lake.metrics import NONE
from bt_lake.warehouse.definitions import differs
from bt_lake.warehouse.schema import METRIC_GROUPS, RUNS
from bt_lake.warehouse.warning import warn

NUMBERS = {c.name for c in RUNS.columns if c.is_number}
# What an engine may claim about the outcome; the capital it began with is no claim.
METRICS = {
    c.name
    for c in RUNS.columns
    if c.is_number and c.group in METRIC_GROUPS and c.name != "initial_capital"
}
_COUNTS = {c.name for c in RUNS.columns if c.kind == "int64"}
# A little over the edge is rounding.
_EDGE = 1e-9
_RANGES: dict[str, tuple[float, float, str]] = {
    **dict.fromkeys(_COUNTS, (0, 2**53, "is no count")),
    **dict.fromkeys(("duration_s", "volatility"), (0, math.inf, "is below zero")),
    "initial_capital": (5e-324, math.inf, "is not a positive amount"),
    "periods_per_year": (5e-324, math.inf, "is not a positive number"),
    "max_drawdown": (-math.inf, _EDGE, "is positive; drawdowns are negative fractions here, -0.12"),
    "avg_loss": (-math.inf, _EDGE, "is positive; losses are negative here"),
    "win_rate": (-_EDGE, 1 + _EDGE, "is no fraction; write 0.55 for 55 %"),
}
Named = dict[str, float | None]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Claims:
    """`columns` are over all runs of a batch, NaN or NONE where a run claims nothing."""

    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    reported: list[Named | None] = field(default_factory=list)
    extra: list[Named | None] = field(default_factory=list)


def gather(runs: Sequence[Run], faults: Faults) -> Claims:
    """The claims of a batch; what is wrong goes to `faults`."""
    claims = Claims()
    for place, run in enumerate(runs):
        values: Named = {}
        reported: Named = {}
        extra: Named = {}
        try:
            _split(run, values, reported, extra)
        except ValueError as error:
            faults.add(place, str(error))
        claims.reported.append(reported or None)
        claims.extra.append(extra or None)
        for name, value in values.items():
            if value is not None:
                if name not in claims.columns:
                    claims.columns[name] = np.full(len(runs), np.nan)
                claims.columns[name][place] = value
    engines = [run.columns.get("engine") for run in runs]
    from_engine = np.array([isinstance(name, str) and name in LABELS for name in engines], bool)
    for name, column in claims.columns.items():
        _check(name, column, from_engine, faults)
        if name in _COUNTS:
            claims.columns[name] = np.where(np.isnan(column), NONE, column).astype(np.int64)
    return claims


def _split(run: Run, values: Named, reported: Named, extra: Named) -> None:
    reported |= _numbers("reported", _pairs("reported", run.columns.get("reported")))
    extra |= _numbers("extra", _pairs("extra", run.columns.get("extra")))
    for name, value in _numbers("metrics", _pairs("metrics", run.metrics)).items():
        if name in METRICS:
            reported[name] = value
        elif name in NUMBERS:
            values[name] = value
        elif name in RUNS:
            raise ValueError(f"metrics.{name} is no metric; put it beside `metrics`")
        elif name in theirs():
            raise ValueError(_as_ours(name, value))
        else:
            extra[name] = value
    own = {name: value for name, value in run.columns.items() if name in NUMBERS}
    for name, value in _numbers("", own.items()).items():
        values[name] = value
        if name in METRICS:
            reported.setdefault(name, value)
    for name, value in reported.items():
        if name in METRICS and not differs(run.columns.get("engine"), name):
            values.setdefault(name, value)


@cache
def theirs() -> dict[str, tuple[str, float]]:
    """Metrics by the names that engines show: ours, and what theirs is divided by."""
    from bt_lake.ingest.engines import backtesting, vectorbt

    named = {**vectorbt.STATS, **backtesting.STATS}
    return {name: ours for name, ours in named.items() if ours[0] in METRICS}


def _as_ours(name: str, value: float | None) -> str:
    ours, divisor = theirs()[name]
    written = "" if value is None else f": {value / divisor:g}"
    return f"metrics['{name}'] is an engine's name; the lake's is {ours}{written}"


def _pairs(what: str, named: Any) -> Iterable[tuple[str, Any]]:
    if named is None:
        return ()
    if isinstance(named, Mapping):
        return named.items()
    if hasattr(named, "items") and hasattr(named, "iloc"):  # a pandas series
        return list(named.items())
    raise ValueError(f"{what} is a {type(named).__name__}, not an object of names and numbers")


def _numbers(what: str, pairs: Iterable[tuple[Any, Any]]) -> Named:
    """Names and finite numbers, None where undefined."""
    found: Named = {}
    for name, value in pairs:
        if not str(name).strip():
            raise ValueError(f"{what} has a number without a name")
        if name == "duration_s" and isinstance(value, timedelta):
            value = value.total_seconds()
        place = f"{what}{'.' if what else ''}{name}"
        try:
            number = numbers.one(value)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        if math.isinf(number) or (isinstance(value, float) and math.isnan(value)):
            warn(f"{place}: {value} is no number, so it is NULL")
        found[str(name)] = number if math.isfinite(number) else None
    return found


def _check(name: str, column: Floats, from_engine: Bools, faults: Faults) -> None:
    """Refuse an impossible number; what an engine reported cannot be mended, so it is left out.

    It stays in `reported`, as the engine said it.
    """
    low, high, words = _RANGES.get(name, (-math.inf, math.inf, ""))
    odd = (column < low) | (column > high)
    broken = np.mod(column, 1) > 0 if name in _COUNTS else np.zeros(len(column), dtype=bool)
    if not (odd | broken).any():
        return
    for place in np.flatnonzero(odd & ~from_engine).tolist():
        faults.add(place, f"{name}: {column[place]:g} {words}")
    for place in np.flatnonzero(broken & ~odd & ~from_engine).tolist():
        faults.add(place, f"{name}: {column[place]:g} is not a whole number")
    column[(odd | broken) & from_engine] = np.nan
