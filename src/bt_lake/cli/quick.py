"""Values of options, converted without pydantic.

Typer converts even a text to a text with pydantic, and importing that costs every command 60 ms.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import typer

from bt_lake.warehouse.errors import did_you_mean

_KINDS = {int: "a whole number", float: "a number"}


class NotPlain(Exception):
    """A value that is left to Typer."""


class Quick:
    """A command, or group of commands, whose parameters take the short way."""

    def get_params(self, ctx: Any) -> list[Any]:
        parameters: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if hasattr(parameter, "type_descriptor") and "process_value" not in vars(parameter):
                _shorten(parameter)
        return parameters


def _shorten(parameter: Any) -> None:
    thorough = parameter.process_value

    def process_value(context: Any, value: Any) -> Any:
        try:
            value = _plain_value(parameter, value)
        except NotPlain:
            return thorough(context, value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=context, param=parameter) from None
        return parameter.callback(context, parameter, value) if parameter.callback else value

    parameter.process_value = process_value


def _plain_value(parameter: Any, value: Any) -> Any:
    several = getattr(parameter, "multiple", False) or parameter.nargs == -1
    if parameter.required and (value is None or (several and not value)):
        raise NotPlain
    kind = _bare(parameter.type_descriptor.annotation)
    if not several:
        return None if value is None else _in_range(parameter, _converted(kind, value))
    (each,) = get_args(kind)
    return tuple(_converted(each, one) for one in value or ())


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


def _in_range(parameter: Any, value: Any) -> Any:
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    if isinstance(value, int | float) and low is not None and value < low:
        raise ValueError(f"{value} is less than {low}")
    if isinstance(value, int | float) and high is not None and value > high:
        raise ValueError(f"{value} is more than {high}")
    return value
