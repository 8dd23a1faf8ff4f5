"""Parameters as canonical JSON, and the hash that is equal for equal parameters everywhere."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from hashlib import sha256
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.errors import BadInput

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

# Below this every integral float stands for one integer only, so 10 and 10.0 may be written alike.
EXACT_INTEGERS = 2**53
PLAIN = frozenset({str, int, bool, type(None)})
_DATES = ("Y", "M", "W", "D")  # units of numpy times that are dates
_NO_LENGTH = ("Y", "M", "generic")  # units of numpy durations that are no number of seconds


def _encoder(*, sort_keys: bool) -> Callable[[Any], str]:
    return json.JSONEncoder(
        sort_keys=sort_keys, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode


_in_order, _sorted = _encoder(sort_keys=False), _encoder(sort_keys=True)


def canonical(params: Mapping[Any, Any]) -> str:
    """The one JSON text of these parameters: sorted keys, no spaces, plain values."""
    if not isinstance(params, Mapping):
        raise BadInput(f"params must be a mapping of names to values, not {_kind(params)}")
    return _text(params, "params", _sorted)


def params_hash(params: Mapping[Any, Any] | None) -> str | None:
    """The first 128 bits of the SHA-256 of the canonical JSON, as 32 hex characters."""
    if params is None:
        return None
    return sha256(canonical(params).encode()).hexdigest()[:32]


def hash_of_json(text: str | None) -> str | None:
    """The hash of parameters as they lie in a row; NULL where that is no JSON object."""
    try:
        params = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None
    return params_hash(params) if isinstance(params, dict) else None


def to_json(value: object, name: str = "params") -> str:
    """JSON for a column: the values of `canonical`, keys in their own order."""
    return _text(value, name, _in_order)


def _text(value: object, name: str, encode: Callable[[Any], str]) -> str:
    try:
        text = encode(_plain(value, name))
        if not text.isascii():
            text.encode()
    except RecursionError:
        raise BadInput(f"{name} is nested too deeply, or contains itself") from None
    except UnicodeEncodeError:
        raise BadInput(f"{name} has text that is not valid Unicode (a lone surrogate)") from None
    except ValueError as error:  # an integer of more digits than Python prints
        raise BadInput(f"{name} cannot be written as JSON: {error}") from None
    return text


def _plain(value: Any, path: str) -> Any:
    """The value as JSON knows it; most parameters leave at the first lines."""
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is float:
        return _number(value, path)
    if isinstance(value, Mapping):
        return _object(value, path)
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{path}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        return _ordered([_plain(item, f"{path}{{}}") for item in value])
    if isinstance(value, Enum):
        return _plain(value.value, path)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float) or _is_exact(value):
        return _number(value, path)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, (date, time, timedelta)):
        return _moment(value, path)
    if isinstance(value, PurePath):
        return value.as_posix()
    return _numpy(value, path)


def _is_exact(value: object) -> bool:
    from decimal import Decimal
    from fractions import Fraction

    return isinstance(value, (Decimal, Fraction))


def _object(value: Mapping[Any, Any], path: str) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in value.items():
        name = key if type(key) is str else _key(key, path)
        if name in plain:
            raise BadInput(f"{path} has two keys that are both written '{name}'")
        plain[name] = item if type(item) in PLAIN else _plain(item, f"{path}.{name}")
    return plain


def _key(key: object, path: str) -> str:
    name = _plain(key, f"{path} key")
    if isinstance(name, list | dict):
        raise BadInput(f"{path} has a key of type {_kind(key)}; use text")
    return name if isinstance(name, str) else _in_order(name)


def _number(value: float | Decimal | Fraction, path: str) -> int | float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    except ValueError:  # a signalling NaN
        number = math.nan
    if not math.isfinite(number):
        word = "NaN" if math.isnan(number) else "not a finite number"
        raise BadInput(f"{path} is {word}; use None for no value")
    if not isinstance(value, float) and value == int(value):
        return int(value)
    return int(number) if number.is_integer() and abs(number) < EXACT_INTEGERS else number


def _moment(value: date | time | timedelta, path: str) -> int | float | str:
    if value != value:
        raise BadInput(f"{path} is NaT; use None for no value")
    if isinstance(value, timedelta):
        return _number(value.total_seconds(), path)
    if not isinstance(value, datetime):
        return value.isoformat()
    try:
        utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    except OverflowError:
        raise BadInput(f"{path} is out of the range of dates") from None
    return utc.isoformat(timespec="microseconds" if utc.microsecond else "seconds") + "Z"


def _numpy(value: Any, path: str) -> Any:
    """Numpy's scalars and arrays; where numpy is not loaded there are none."""
    np = sys.modules.get("numpy")
    kind = value.dtype.kind if np and isinstance(value, (np.generic, np.ndarray)) else "V"
    unit = np.datetime_data(value.dtype)[0] if np and kind in "mM" else ""
    if kind in "cV" or (kind == "m" and unit in _NO_LENGTH):
        raise BadInput(f"{path} is of type {_kind(value)}, which has no JSON form")
    if np and unit and np.isnat(value).any():
        raise BadInput(f"{path} is NaT; use None for no value")
    if kind == "f":
        value = value.astype("f8")
    elif unit:
        value = value.astype("M8[D]" if kind == "M" and unit in _DATES else f"{kind}8[us]")
    return _plain(value.tolist(), path)


def _ordered(items: list[Any]) -> list[Any]:
    try:
        return sorted(items)
    except TypeError:  # of mixed kinds
        return sorted(items, key=_sorted)


def _kind(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
