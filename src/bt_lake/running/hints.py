"""Values as the type hints of a function want them.

A small table of our own: what people annotate parameters of a strategy with. A model of pydantic is
left to pydantic, which its author has installed. A hint that is none of these asks for nothing.
"""

from __future__ import annotations

import types
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    Sequence,
)  # fmt: skip
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from fractions import Fraction
from numbers import Integral, Real
from pathlib import Path, PosixPath, PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from bt_lake.warehouse import values
from bt_lake.warehouse.errors import BadInput, did_you_mean
from bt_lake.warehouse.params import to_json
from bt_lake.warehouse.values import Typed

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_NOTHING = ("null", "none")
_LISTS = (list, Sequence, MutableSequence, Iterable, Collection)
_MAPPINGS = (dict, Mapping, MutableMapping)


class Misfit(Exception):
    """The value is not what the hint asks for; says what inside of it, if anything."""


def fit(hint: Any, given: Any) -> Any:
    """The value as the hint wants it: a text is read, what comes from JSON becomes what it was."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(hint, args, given)
    if origin is Literal:
        return _literal(args, given)
    if origin in (Union, types.UnionType):
        return _one_of(args, given)
    if hasattr(hint, "__supertype__"):  # NewType
        return fit(hint.__supertype__, given)
    if type(hint).__name__ == "TypeAliasType":
        return fit(hint.__value__, given)
    if hint in (None, type(None)):
        return _nothing(given)
    kind = origin or hint
    if not isinstance(kind, type):
        return free(given)
    if kind in _SIMPLE:
        return _SIMPLE[kind][0](given)
    return _composed(hint, kind, args, given)


def free(given: Any) -> Any:
    """What a text is where nothing says what it should be."""
    return values.value(given) if type(given) is Typed else given


def _composed(hint: Any, kind: type, args: tuple[Any, ...], given: Any) -> Any:
    if issubclass(kind, Enum):
        return _member(kind, given)
    if kind in _LISTS:
        return [fit(args[0] if args else Any, each) for each in _parts(given)]
    if kind in (set, frozenset):
        return kind(fit(args[0] if args else Any, each) for each in _parts(given))
    if kind is tuple:
        return _tuple(args, given)
    if kind in _MAPPINGS:
        return _mapping(args, given)
    if is_dataclass(kind):
        return _dataclass(kind, given)
    if _is_model(kind):
        return _validated(hint, given)
    return given if isinstance(given, kind) else free(given)


def _annotated(hint: Any, args: tuple[Any, ...], given: Any) -> Any:
    found = fit(args[0], given)
    constrained = any(
        type(each).__module__.startswith(("pydantic", "annotated_types")) for each in args[1:]
    )
    return _validated(hint, found) if constrained else found


def _nothing(given: Any) -> None:
    if given is None or (isinstance(given, str) and given.strip().lower() in _NOTHING):
        return
    raise Misfit


def _literal(allowed: tuple[Any, ...], given: Any) -> Any:
    said = free(given) if type(given) is Typed else given
    for each in allowed:
        plain = each.value if isinstance(each, Enum) else each
        if type(each) is type(said) and each == said:
            return each
        if type(given) is Typed and str(plain) == given:
            return each
        if isinstance(each, Enum) and each.value == said:
            return each
    raise Misfit


def _one_of(hints: tuple[Any, ...], given: Any) -> Any:
    """The one whose type it is; else the first that it can be read as, a text at last."""
    if type(given) is not Typed:
        for hint in hints:
            if type(given) is (get_origin(hint) or hint):
                return fit(hint, given)
    for hint in sorted(hints, key=lambda hint: (hint is not type(None), hint is str)):
        try:
            return fit(hint, given)
        except Misfit:
            continue
    raise Misfit


def _bool(given: Any) -> bool:
    if isinstance(given, str):
        word = given.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    elif given in (True, False) and not isinstance(given, (float, list)):
        return bool(given)
    raise Misfit


def _number(given: Any) -> Any:
    number = values.value(given) if isinstance(given, str) else given
    if isinstance(number, bool) or not isinstance(number, (Real, Decimal)):
        raise Misfit
    return number


def _int(given: Any) -> int:
    number = _number(given)
    if isinstance(number, Integral):
        return int(number)
    try:
        if int(number) == number:
            return int(number)
    except (ValueError, OverflowError):  # NaN, infinity
        pass
    raise Misfit


def _float(given: Any) -> float:
    try:
        return float(_number(given))
    except OverflowError:
        raise Misfit from None


def _str(given: Any) -> str:
    if type(given) is Typed and given[:1] == given[-1:] == '"' and len(given) > 1:
        return str(values.from_json(given))
    if isinstance(given, str):
        return str(given)
    raise Misfit


def _read(kind: Callable[[str], Any], of: type) -> Callable[[Any], Any]:
    def read(given: Any) -> Any:
        if isinstance(given, of) and not (of is date and isinstance(given, datetime)):
            return given
        if not isinstance(given, str):
            raise Misfit
        try:
            return kind(given.strip())
        except ValueError:
            raise Misfit from None

    return read


def _exact_number(kind: Callable[[str], Any], of: type) -> Callable[[Any], Any]:
    def read(given: Any) -> Any:
        try:
            return given if isinstance(given, of) else kind(str(_number(given)))
        except (ValueError, InvalidOperation):
            raise Misfit from None

    return read


def _path(given: Any) -> Path:
    if isinstance(given, (str, PurePath)):
        return Path(given)
    raise Misfit


def _duration(given: Any) -> timedelta:
    return given if isinstance(given, timedelta) else timedelta(seconds=float(_number(given)))


_SIMPLE: dict[type, tuple[Callable[[Any], Any], str]] = {
    bool: (_bool, "true or false"),
    int: (_int, "a whole number"),
    float: (_float, "a number"),
    str: (_str, "a text"),
    date: (_read(date.fromisoformat, date), "a date such as 2024-01-31"),
    datetime: (_read(datetime.fromisoformat, datetime), "a time such as 2024-01-31T09:30"),
    time: (_read(time.fromisoformat, time), "a time of day such as 09:30"),
    timedelta: (_duration, "a number of seconds"),
    Path: (_path, "a path"),
    PurePath: (_path, "a path"),
    PosixPath: (_path, "a path"),
    Decimal: (_exact_number(Decimal, Decimal), "a number"),
    Fraction: (_exact_number(Fraction, Fraction), "a number"),
}


def _member(kind: type[Enum], given: Any) -> Enum:
    """By its name if it was typed, else by the value that the lake keeps of it."""
    if isinstance(given, kind):
        return given
    typed = type(given) is Typed
    if typed and given in kind.__members__:
        return kind[given]
    said = [to_json(values.found(given)), to_json(str(given))] if typed else [to_json(given)]
    for member in kind:
        if to_json(plain(member)) in said:
            return member
    if given in kind.__members__:
        return kind[given]
    raise Misfit


def _parts(given: Any) -> list[Any]:
    if isinstance(given, str):
        text = given.strip()
        if text.startswith("["):
            return list(values.from_json(text))
        return [Typed(part.strip()) for part in text.split(",")] if text else []
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        raise Misfit
    return list(given)


def _tuple(args: tuple[Any, ...], given: Any) -> tuple[Any, ...]:
    parts = _parts(given)
    if not args:
        return tuple(map(free, parts))
    if args[-1] is Ellipsis:
        return tuple(fit(args[0], each) for each in parts)
    if len(parts) != len(args):
        raise Misfit(f"it has {len(parts)} parts")
    return tuple(fit(hint, each) for hint, each in zip(args, parts, strict=True))


def _object(given: Any) -> Any:
    said = values.from_json(given) if isinstance(given, str) and given.strip()[:1] == "{" else given
    if not isinstance(said, Mapping):
        raise Misfit
    return said


def _mapping(args: tuple[Any, ...], given: Any) -> dict[Any, Any]:
    key, value = args or (Any, Any)
    return {
        fit(key, Typed(name) if isinstance(name, str) and key not in (Any, str) else name): fit(
            value, each
        )
        for name, each in _object(given).items()
    }


def _dataclass(kind: type, given: Any) -> Any:
    if isinstance(given, kind):
        return given
    said, hints = _object(given), get_type_hints(kind)
    known = {each.name: each for each in fields(kind) if each.init}
    for name in said:
        if name not in known:
            raise Misfit(f"it has no {name}{did_you_mean(name, known)}".rstrip("."))
    for name, each in known.items():
        if name not in said and each.default is MISSING and each.default_factory is MISSING:
            raise Misfit(f"{name} is missing")
    return kind(**{name: _inside(name, hints[name], each) for name, each in said.items()})


def _inside(name: str, hint: Any, given: Any) -> Any:
    try:
        return fit(hint, given)
    except Misfit:
        raise Misfit(f"{name} is {allowed(hint)}") from None


def _is_model(kind: type) -> bool:
    return hasattr(kind, "__pydantic_validator__") and hasattr(kind, "model_validate")


def _validated(hint: Any, given: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError  # its author has it

    said = values.from_json(given) if type(given) is Typed else given
    try:
        return TypeAdapter(hint).validate_python(said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Misfit(": ".join(filter(None, (place, str(first["msg"]))))) from None


def plain(value: Any) -> Any:
    """What the lake keeps of a value that params have no form for: of a model its fields."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value) if each.init}
    if _is_model(type(value)):
        return value.model_dump(mode="json")
    if isinstance(value, Enum):
        try:
            to_json(value.value)
        except BadInput:
            return value.name
        return value.value
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(plain, value)) if isinstance(value, (list, tuple)) else value
    return value


def allowed(hint: Any) -> str:
    """What a hint lets in, in words."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return allowed(args[0])
    if origin is Literal:
        return "one of " + ", ".join(
            str(each.name if isinstance(each, Enum) else each) for each in args
        )
    if origin in (Union, types.UnionType):
        real = [each for each in args if each is not type(None)]
        words = " or ".join(map(allowed, real))
        return f"{words}, or null" if len(real) < len(args) else words
    if hasattr(hint, "__supertype__"):
        return allowed(hint.__supertype__)
    kind = origin or hint
    if kind in (None, type(None)):
        return "null"
    if not isinstance(kind, type) or kind in (object, type):
        return "anything"
    if kind in _SIMPLE:
        return _SIMPLE[kind][1]
    if issubclass(kind, Enum):
        return "one of " + ", ".join(kind.__members__)
    if kind is tuple and args and args[-1] is not Ellipsis:
        return "a list of " + ", ".join(map(allowed, args))
    if kind in (*_LISTS, tuple, set, frozenset):
        return f"a list, each {allowed(args[0])}" if args and args[0] is not Any else "a list"
    if kind in _MAPPINGS:
        return "an object in JSON"
    if is_dataclass(kind):
        return (
            f"an object in JSON with {', '.join(each.name for each in fields(kind) if each.init)}"
        )
    if _is_model(kind):
        return f"an object in JSON with {', '.join(kind.model_fields)}"  # type: ignore[attr-defined]
    return "anything"


def name_of(hint: Any) -> str:
    """A hint as its author wrote it, or nearly so."""
    if hint is None or hint is type(None):
        return "None"
    if isinstance(hint, type) and get_origin(hint) is None:
        return hint.__name__
    return str(hint).replace("typing.", "")
