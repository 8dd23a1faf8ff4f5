"""The values of one parameter in a sweep: `5:50:5`, `0.001:1:log4`, `50,100,200`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.values import from_json, is_integer, is_number, value

MOST_VALUES = 1_000_000
_LOG = re.compile(r"log([1-9][0-9]*)")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIGITS = 12  # of a value on a log range: what lies behind them is rounding


def axis(
    name: str, given: Any, read: Callable[[str], Any] = value, ranges: bool = True
) -> list[Any]:
    """The values to try: from a text, or any series of values.

    `read` is what becomes of a text that is no range; where nothing is, `ranges` is not set.
    """
    if isinstance(given, str):
        values = _from_text(name, given, read, ranges)
    elif isinstance(given, Iterable) and not isinstance(given, (bytes, Mapping)):
        values = list(given)
    else:
        raise BadInput(f"grid: {name} is {given!r}; give a list of values, or a text like '5:50:5'")
    if not values:
        raise BadInput(f"grid: {name} has no values")
    return values


def _from_text(name: str, text: str, read: Callable[[str], Any], ranges: bool) -> list[Any]:
    try:
        if text.startswith("["):
            listed: list[Any] = from_json(text)
            return listed
        return [
            each for part in text.split(",") for each in _part(name, part.strip(), read, ranges)
        ]
    except BadInput as error:
        raise BadInput(f"grid: {name}={text}: {error}") from None


def _part(name: str, text: str, read: Callable[[str], Any], ranges: bool) -> list[Any]:
    if not text:
        raise BadInput("a value is missing")
    ends = text.split(":")
    if len(ends) == 3 and all(map(_DAY.fullmatch, ends[:2])):
        return list(map(read, _days(*ends)))
    if not ranges or len(ends) not in (2, 3) or not all(map(is_number, ends[:2])):
        return [read(text)]
    if len(ends) == 2:
        raise BadInput(
            f"a range is start:stop:step, such as {text}:1; a text goes in quotes: "
            f"{name}='[\"{text}\"]'"
        )
    start, stop, step = ends
    if (log := _LOG.fullmatch(step)) is not None:
        return _log_range(start, stop, int(log[1]))
    if is_number(step):
        return _range(start, stop, step)
    raise BadInput("the third part is a step, or log and the number of values, such as log5")


def _days(start: str, stop: str, step: str) -> list[str]:
    """Dates, so many days from one to the next."""
    try:
        first, last, by = date.fromisoformat(start), date.fromisoformat(stop), int(step)
    except ValueError:
        raise BadInput(
            "a range of dates has days that there are, and a step in whole days"
        ) from None
    if not by:
        raise BadInput("the step is 0")
    if (last - first).days * by < 0:
        raise BadInput(f"a step of {step} does not lead from {start} to {stop}")
    count = (last - first).days // by + 1
    _check_count(count)
    return [(first + timedelta(days=place * by)).isoformat() for place in range(count)]


def _range(start: str, stop: str, step: str) -> list[Any]:
    """From start to stop, both included; decimal, so that 0.1:0.3:0.1 ends with 0.3."""
    first, last, by = Decimal(start), Decimal(stop), Decimal(step)
    if not by:
        raise BadInput("the step is 0")
    if (last - first) * by < 0:
        raise BadInput(f"a step of {step} does not lead from {start} to {stop}")
    count = int((last - first) / by) + 1
    _check_count(count)
    kind = int if is_integer(start) and is_integer(step) else float
    return [kind(first + place * by) for place in range(count)]


def _log_range(start: str, stop: str, count: int) -> list[Any]:
    """So many values from start to stop, each the same factor larger; whole between integers."""
    first, last = float(start), float(stop)
    if first <= 0 or last <= 0:
        raise BadInput("a log range is between positive numbers")
    if count < 2:
        raise BadInput("a log range has two values or more")
    _check_count(count)
    factor = last / first
    values = [
        float(f"{first * factor ** (place / (count - 1)):.{_DIGITS}g}") for place in range(count)
    ]
    if is_integer(start) and is_integer(stop):
        return list(dict.fromkeys(map(round, values)))
    return values


def _check_count(count: int) -> None:
    if count > MOST_VALUES:
        raise BadInput(f"more than the {MOST_VALUES:,} values that are possible")
