"""The one grammar of values that come as text: on a command line, in a cell, from an engine."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bt_lake.warehouse.errors import BadInput

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,299})")
_NUMBER = re.compile(r"[+-]?([0-9]++(\.[0-9]*+)?|\.[0-9]++)([eE][+-]?[0-9]++)?")
_COMPARED = re.compile(r"(.+?)(<=|>=|!=|=|<|>)(.*)", re.DOTALL)
_QUOTED = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*=(.*)', re.DOTALL)
# A code, a time or an account number: 007 is no 7.
_PADDED = re.compile(r"[+-]?0[0-9].*")
# The same for SQL, where a cast would take 1_000, 007 and inf, too.
NUMBER = r"^[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_WORDS = {"true": True, "false": False, "null": None}
# A name with dots may mean several places in the parameters, twice as many with each part.
MOST_PARTS = 8
_PARAMETER = ("param.", "params.", "param_")
# What an empty cell of a file may look like; "NA" is a symbol.
NO_VALUE = ("", "NaN", "nan", "null", "NULL", "None", "NaT")
_ABSENT = {text for text in NO_VALUE if text.lower() != "null"}


class Typed(str):
    """A text as somebody typed it, for an argument that may have a type."""

    __slots__ = ()


def is_integer(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and _PADDED.fullmatch(text) is None


class AnyOf(tuple[Any, ...]):
    """Several values of which one must fit, where a set would take 1 and true for one."""


def value(text: str) -> Any:
    """A number, true, false, null or None, JSON in quotes or brackets; anything else is text."""
    bare = text.strip()
    if bare[:1] in ('"', "[", "{"):
        return from_json(bare)
    word = "null" if bare == "None" else bare.lower()
    if word in _WORDS:
        return _WORDS[word]
    if is_integer(bare):
        return int(bare)
    number = float(bare) if is_number(bare) else math.inf
    return number if math.isfinite(number) else text


def found(text: str) -> Any:
    """The value of a text that nobody typed: what begins like JSON and is none is text."""
    try:
        return value(text)
    except BadInput:
        return text


def from_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refused, object_pairs_hook=each_once)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{text} begins like JSON and is none: {error}") from None


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some JSON, of which no key may stand twice: the first would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key '{twice}' stands in it twice")
    return found


def _refused(word: str) -> None:
    raise ValueError(f"it has no {word}")


def parameter(column: str) -> str | None:
    """The parameter a column is of: `fast` for param.fast, params.fast and param_fast."""
    prefix = next((prefix for prefix in _PARAMETER if column.startswith(prefix)), None)
    return column.removeprefix(prefix) if prefix else None


def parameters(cells: Mapping[Any, Any]) -> dict[str, Any]:
    """The parameters in a row of texts; an empty cell is none, `null` is one without a value."""
    named = ((parameter(column or ""), text or "") for column, text in cells.items())
    return {name: found(text) for name, text in named if name and text not in _ABSENT}


def pairs(
    option: str, texts: Iterable[str], write: str, *, last: bool = False
) -> Iterator[tuple[str, str]]:
    """`NAME=TEXT` of an option given several times; `last` divides at the last sign."""
    for text in texts:
        name, sign, rest = text.rpartition("=") if last else text.partition("=")
        if not sign or not name.strip():
            raise BadInput(f"{option} {text}: write {write}")
        yield name.strip(), rest


def named(option: str, texts: Iterable[str], write: str, *, last: bool = False) -> dict[str, str]:
    """The same as a mapping, where each name is given once."""
    wanted: dict[str, str] = {}
    for name, text in pairs(option, texts, write, last=last):
        if name in wanted:
            raise BadInput(f"{option} {name}={text}: {name} is given twice")
        wanted[name] = text.strip()
    return wanted


def compared(texts: Iterable[str]) -> dict[str, Any]:
    """`fast=10` and `fast>=10` as filters want them; several values of a name mean any of them.

    A name in quotes, as in `"x<"=10`, is taken as it is.
    """
    wanted: dict[str, Any] = {}
    for text in texts:
        key, typed = _key_and_text(text)
        wanted.setdefault(key, []).append(value(typed))
    return {name: each[0] if len(each) == 1 else AnyOf(each) for name, each in wanted.items()}


def _key_and_text(text: str) -> tuple[str, str]:
    if quoted := _QUOTED.fullmatch(text):
        name = from_json(quoted[1])
        return f"{name}==" if name.endswith(("<", ">", "=")) else name, quoted[2].strip()
    found = _COMPARED.fullmatch(text.strip())
    if found is None:
        raise BadInput(f"--param {text}: write NAME=VALUE, such as fast=10 or 'fast>=10'")
    name, operator, typed = map(str.strip, found.groups())
    return name if operator == "=" else f"{name}{operator}", typed
