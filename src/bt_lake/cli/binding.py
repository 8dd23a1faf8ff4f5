"""Commands are plain functions; this makes them what Typer wants.

A parameter of type `Session` gets the session. A parameter whose type is a group of options (a
dataclass that inherits from `Options`) becomes one option for each of its fields, so that several
commands share them.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Collection
from dataclasses import MISSING, Field, fields
from typing import Any, get_type_hints

import typer

from bt_lake.cli.session import Session

Function = Callable[..., Any]


class Interrupted(Exception):
    """Ctrl-C or another signal; the text says what was done by then."""

    def __init__(self, text: str, number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.number = number


class Options:
    """A dataclass whose fields are options of a command, annotated as Typer wants them."""


def bound(function: Function) -> Function:
    """The function with groups spread out, as Typer reads it."""
    wanted = inspect.signature(function, eval_str=True).parameters
    groups = {
        n: _spread(p.annotation, wanted) for n, p in wanted.items() if _is_group(p.annotation)
    }
    takes_session = [n for n, p in wanted.items() if p.annotation is Session]

    def command(context: typer.Context, **values: Any) -> Any:
        for name in takes_session:
            values[name] = context.obj
        for name, options in groups.items():
            group = wanted[name].annotation
            values[name] = group(**{option: values.pop(option) for option in options})
        try:
            return function(**values) or context.obj.exit_code
        except KeyboardInterrupt as stop:  # Typer would swallow what is noted on it
            number = getattr(stop, "number", signal.SIGINT)
            raise Interrupted("; ".join(getattr(stop, "__notes__", ())), number) from None

    parameters = [_parameter("context", typer.Context)]
    for name, parameter in wanted.items():
        if name in groups:
            parameters += groups[name].values()
        elif name not in takes_session:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__, command.__name__ = function.__doc__, function.__name__
    return command


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Options)


def _spread(group: type, own: Collection[str]) -> dict[str, inspect.Parameter]:
    """A group's options; a parameter of the command's own takes the place of one of its name."""
    hints = get_type_hints(group, include_extras=True)
    return {
        f.name: _parameter(f.name, hints[f.name], _default(f))
        for f in fields(group)
        if f.init and f.name not in own
    }


def _default(field: Field[Any]) -> Any:
    return inspect.Parameter.empty if field.default is MISSING else field.default


def _parameter(
    name: str, annotation: Any, default: Any = inspect.Parameter.empty
) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
