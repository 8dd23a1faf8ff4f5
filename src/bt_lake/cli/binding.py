"""Commands are plain functions: what each takes, and how it is called.

A parameter of type `Session` gets the session. A parameter whose type is a group of options (a
dataclass that inherits from `Options`) becomes one option for each of its fields.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from functools import cached_property
from typing import Any, NamedTuple, get_type_hints

from bt_lake.cli.declaring import Declared, Options
from bt_lake.cli.ending import Interrupted
from bt_lake.cli.session import Session

REQUIRED = inspect.Parameter.empty


class Parameter(NamedTuple):
    """Something a command takes."""

    name: str
    kind: Any
    declared: Declared
    default: Any = REQUIRED


class Bound:
    """A function as a command."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._wanted = inspect.signature(function, eval_str=True).parameters
        self._groups = {
            name: list(_spread(parameter.annotation, self._wanted))
            for name, parameter in self._wanted.items()
            if _is_group(parameter.annotation)
        }

    @cached_property
    def parameters(self) -> list[Parameter]:
        """What the user may give, with the groups spread out."""
        found = list[Parameter]()
        for name, wanted in self._wanted.items():
            if name in self._groups:
                found += self._groups[name]
            elif wanted.annotation is not Session:
                found.append(_parameter(name, wanted.annotation, wanted.default))
        return found

    def __call__(self, session: Session, values: Mapping[str, Any]) -> Any:
        given = dict(values)
        for name, wanted in self._wanted.items():
            if wanted.annotation is Session:
                given[name] = session
            elif name in self._groups:
                own = {each.name: given.pop(each.name) for each in self._groups[name]}
                given[name] = wanted.annotation(**own)
        try:
            return self.function(**given) or session.exit_code
        except KeyboardInterrupt as stop:  # Typer would swallow what is noted on it
            number = getattr(stop, "number", signal.SIGINT)
            raise Interrupted("; ".join(getattr(stop, "__notes__", ())), number) from None


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Options)


def _spread(group: type, own: Collection[str]) -> Iterator[Parameter]:
    """A group's options; a parameter of the command's own takes the place of one of its name."""
    hints = get_type_hints(group, include_extras=True)
    for each in fields(group):
        if each.init and each.name not in own:
            yield _parameter(each.name, hints[each.name], _default(each))


def _default(field: Field[Any]) -> Any:
    return REQUIRED if field.default is MISSING else field.default


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    (declared,) = annotation.__metadata__
    return Parameter(name, annotation.__origin__, declared, default)
