"""A command line read without Typer: whatever is plainly right.

Everything else (help, completion, any mistake) is `Unclear`, and Typer says what there is to say:
so what a command takes is declared once, and a mistake is worded once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from bt_lake.cli.binding import REQUIRED, Parameter
from bt_lake.cli.declaring import Argument
from bt_lake.warehouse.errors import did_you_mean

_KINDS = {int: "a whole number", float: "a number"}


class Unclear(Exception):
    """Not for the direct way."""


class NotPlain(Exception):
    """A kind of value that is left to Typer."""


class Read(NamedTuple):
    """The values of parameters, and the words behind those."""

    values: dict[str, Any]
    rest: list[str]


def read(parameters: Sequence[Parameter], words: Iterable[str], *, group: bool = False) -> Read:
    """The values in the words of a command line; those of a group end where a command begins."""
    given = dict[str, list[Any]]()
    names = dict(_names(parameters))
    left, others = list(words), list[str]()
    while left:
        word = left.pop(0)
        if word == "--":
            break
        if len(word) > 1 and word[0] == "-":
            _option(word, left, names, given)
        elif group:
            left.insert(0, word)
            break
        else:
            others.append(word)
    others += left
    arguments = [each for each in parameters if isinstance(each.declared, Argument)]
    for each in arguments:
        if is_several(each.kind):
            given[each.name], others = others, []
        elif others:
            given[each.name] = [others.pop(0)]
    if others and not group:
        raise Unclear
    try:
        return Read({each.name: _value(each, given.get(each.name)) for each in parameters}, others)
    except (NotPlain, ValueError):
        raise Unclear from None


def _names(parameters: Sequence[Parameter]) -> Iterator[tuple[str, tuple[Parameter, bool | None]]]:
    """Each name of an option, with the option and, if it takes no value, what it stands for."""
    for each in parameters:
        if isinstance(each.declared, Argument):
            continue
        name, flag = f"--{each.name.replace('_', '-')}", _bare(each.kind) is bool
        default = [f"{name}/--no-{name[2:]}" if flag else name]
        for spelt in each.declared.names or default:
            on, _, off = spelt.partition("/")
            yield on, (each, True if flag else None)
            if off:
                yield off, (each, False)


def _option(
    word: str,
    left: list[str],
    names: dict[str, tuple[Parameter, bool | None]],
    given: dict[str, list[Any]],
) -> None:
    name, sign, text = word.partition("=")
    if word[1] != "-":  # -n5
        name, sign, text = word[:2], word[2:], word[2:]
    if name not in names:
        raise Unclear
    parameter, flag = names[name]
    if flag is None:
        if not sign and not left:
            raise Unclear
        given.setdefault(parameter.name, []).append(text if sign else left.pop(0))
    elif sign:
        raise Unclear
    else:
        given.setdefault(parameter.name, []).append(flag)


def _value(parameter: Parameter, given: Sequence[Any] | None) -> Any:
    settings = parameter.declared.settings
    if given is None and settings.get("envvar"):
        given = [text] if (text := os.environ.get(settings["envvar"])) else None
    if is_several(parameter.kind):
        if parameter.default is REQUIRED and not given:
            raise Unclear
        return several(parameter.kind, given) if given else parameter.default
    value = given[-1] if given else parameter.default
    if value is REQUIRED:
        raise Unclear
    return single(parameter.kind, value, settings.get("min"), settings.get("max"))


def is_several(kind: Any) -> bool:
    return get_origin(_bare(kind)) is list


def several(kind: Any, values: Sequence[Any] | None) -> list[Any]:
    """Values of an option that may be given several times."""
    (each,) = get_args(_bare(kind))
    return [_converted(each, value) for value in values or ()]


def single(kind: Any, value: Any, low: float | None, high: float | None) -> Any:
    """A value of this kind, within its bounds."""
    if value is None:
        return None
    value = _converted(_bare(kind), value)
    if low is not None and not value >= low:  # NaN is neither
        raise ValueError(f"{value} is less than {low}")
    if high is not None and not value <= high:
        raise ValueError(f"{value} is more than {high}")
    return value


def _bare(annotation: Any) -> Any:
    """The type without `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else annotation
    return annotation


def _converted(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Enum):
        known = [each.value for each in kind]
        if value not in known:
            raise ValueError(f"no '{value}'{did_you_mean(value, known)} Use {', '.join(known)}.")
        return kind(value)
    if kind in _KINDS:
        try:
            return kind(value)
        except ValueError:
            raise ValueError(f"'{value}' is not {_KINDS[kind]}") from None
    if kind in (str, Path) or (kind is bool and isinstance(value, bool)):
        return kind(value)
    raise NotPlain
