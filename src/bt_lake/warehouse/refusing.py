"""What an argument of another type than a method takes comes to: an error that names it."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import wraps
from numbers import Integral, Real
from typing import Any, TypeVar

from bt_lake.warehouse.errors import BadInput

Face = TypeVar("Face")
_UNPACKED = re.compile(r"Unpack\[(\w+)\]")
_ALTERNATIVE = re.compile(r" \| (?![^\[]*\])")


def _are(kind: type) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        if isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
            return False
        return all(isinstance(each, kind) for each in value)

    return fits


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


# What an annotation takes, and how it is called; what is not listed takes anything.
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "None": ("None", lambda value: value is None),
    "bool": ("True or False", lambda value: type(value).__name__ == "bool"),  # numpy's, too
    "int": ("a whole number", _is(Integral)),
    "float": ("a number", _is(Real)),
    "str": ("a text", _is(str)),
    "os.PathLike[str]": ("a path", _is(os.PathLike)),
    "Sequence[str]": ("names", _are(str)),
    "Sequence[float]": ("numbers", _are(Real)),
    "Iterable[str]": ("texts", _are(str)),
    "Texts": ("a text, or several", lambda value: value is None or _are(str)(value)),
    "RunIds": ("ids of runs", _are(str)),
    "pl.DataFrame": ("a frame", lambda value: hasattr(value, "columns")),
    "Time": ("a time", lambda value: value is None or isinstance(value, date | str)),
}


def refusing(face: type[Face]) -> type[Face]:
    """A class whose methods say which argument is of a wrong type, where that made them fail.

    Looked at only then: what works goes on to work, and costs nothing.
    """
    for name, method in list(vars(face).items()):
        if name.startswith("_"):
            continue
        if isinstance(method, staticmethod):
            setattr(face, name, staticmethod(_explaining(method.__func__)))
        elif inspect.isfunction(method):
            setattr(face, name, _explaining(method))
    return face


def _explaining(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def explained(*args: Any, **named: Any) -> Any:
        try:
            return method(*args, **named)
        except (TypeError, AttributeError) as error:
            if wrong := _wrong(method, args, named):
                raise BadInput(wrong) from error
            raise

    return explained


def _wrong(method: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> str | None:
    """The first argument that is of no type that the method takes."""
    try:
        given = inspect.signature(method).bind(*args, **named).arguments
    except TypeError:
        return None
    for name, value, annotation in _arguments(method, given):
        kinds = [_KINDS.get(each) or _shape(each) for each in _ALTERNATIVE.split(annotation)]
        known = [kind for kind in kinds if kind is not None]
        if len(known) == len(kinds) and not any(fits(value) for _, fits in known):
            told = " or ".join(dict.fromkeys(called for called, _ in known if called != "None"))
            return f"{name} is {told}, not {value!r}"
    return None


def _arguments(
    method: Callable[..., Any], given: Mapping[str, Any]
) -> Iterator[tuple[str, Any, str]]:
    for parameter in inspect.signature(method).parameters.values():
        name, annotation = parameter.name, str(parameter.annotation)
        if name not in given:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            yield from ((name, value, annotation) for value in given[name])
        elif found := _UNPACKED.fullmatch(annotation):
            fields = getattr(method.__globals__.get(found[1]), "__annotations__", {})
            for key, value in given[name].items():
                yield key, value, getattr(fields.get(key), "__forward_arg__", "Any")
        elif parameter.kind is not parameter.VAR_KEYWORD:
            yield name, given[name], annotation


def _shape(annotation: str) -> tuple[str, Callable[[Any], bool]] | None:
    if annotation.startswith("Mapping["):
        return "a mapping", _is(Mapping)
    if annotation.startswith("Literal["):
        return "one of " + re.sub("[\"']", "", annotation[8:-1]), _is(str)
    return None
