"""Values of options, converted without pydantic.

Typer converts even a text to a text with pydantic, and importing that takes 60 ms.
"""

from __future__ import annotations

from typing import Any

import typer

from bt_lake.cli.parsing import NotPlain, several, single


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
    many = getattr(parameter, "multiple", False) or parameter.nargs == -1
    if parameter.required and (value is None or (many and not value)):
        raise NotPlain
    kind = parameter.type_descriptor.annotation
    if many:
        return several(kind, value)
    return single(kind, value, getattr(parameter, "min", None), getattr(parameter, "max", None))
