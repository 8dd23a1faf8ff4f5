"""Values whose JSON is that of others (10.0, a date), written so that they come back.

What JSON tells by itself is written as it is; anything else as an object of one member that says
what it is: `{"float": 10}`, `{"date": "2024-01-31"}`, `{"tuple": [1, 2]}`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path, PurePath
from typing import Any

from bt_lake.warehouse.errors import BadInput

_PLAIN = (str, int, bool, type(None))
_TEXTS: dict[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "path": Path,
    "decimal": Decimal,
    "fraction": lambda text: Fraction(*map(int, text.split("/"))),
}
_SERIES: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple, "set": set, "frozenset": frozenset,
}  # fmt: skip


def told(value: Any) -> Any:
    """The value as JSON that says what it is; one that is nothing of these as it stands."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is float:
        return {"float": int(value)} if value.is_integer() and abs(value) < 2**53 else value
    if kind is list:
        return [told(each) for each in value]
    if kind is dict:
        return {"dict": {str(name): told(each) for name, each in value.items()}}
    if kind in (tuple, set, frozenset):
        return {kind.__name__: [told(each) for each in value]}
    if isinstance(value, Enum):
        return {"enum": [kind.__module__, kind.__qualname__, value.name]}
    if isinstance(value, datetime):
        return {"datetime" if kind is datetime else "timestamp": value.isoformat()}
    if isinstance(value, (date, time)):
        return {kind.__name__: value.isoformat()}
    if isinstance(value, timedelta):
        return {"timedelta": [value.days, value.seconds, value.microseconds]}
    if isinstance(value, PurePath):
        return {"path": value.as_posix()}
    if isinstance(value, (Decimal, Fraction)):
        return {kind.__name__.lower(): str(value)}
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray) and value.dtype.kind in "biuf":
        return {"array": [value.dtype.str, value.tolist()]}
    return value


def restored(said: Any, names: Mapping[str, Any]) -> Any:
    """What `told` was given; an enum is looked up among `names` and in what is imported already."""
    try:
        return _restored(said, names)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise BadInput(f"{said} is no value that was kept: {error}") from None


def _restored(said: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(said, list):
        return [_restored(each, names) for each in said]
    if not isinstance(said, dict):
        return said
    [(kind, inside)] = said.items()
    match kind:
        case "float":
            return float(inside)
        case "dict":
            return {name: _restored(each, names) for name, each in inside.items()}
        case "enum":
            module, kind, member = inside
            return _member(module, kind, member, names)
        case "timedelta":
            return timedelta(*inside)
        case "timestamp":
            pandas = sys.modules.get("pandas")
            return pandas.Timestamp(inside) if pandas else datetime.fromisoformat(inside)
        case "array":
            import numpy

            return numpy.array(inside[1]).astype(numpy.dtype(inside[0]))
        case _ if kind in _SERIES:
            return _SERIES[kind]([_restored(each, names) for each in inside])
        case _:
            return _TEXTS[kind](inside)


def _member(module: str, qualified: str, member: str, names: Mapping[str, Any]) -> Any:
    homes = [names, vars(sys.modules[module]) if module in sys.modules else {}]
    for home in homes:
        found: Any = home.get(qualified.partition(".")[0])
        for part in qualified.split(".")[1:]:
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, Enum):
            return found[member]
    raise LookupError(f"there is no {qualified} in {module}")
