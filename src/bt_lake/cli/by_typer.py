"""The command line as Typer reads it: help, completion, and the words for every mistake."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from bt_lake.cli import messages, registry
from bt_lake.cli.binding import Bound
from bt_lake.cli.declaring import Argument
from bt_lake.cli.everywhere import everywhere
from bt_lake.cli.help import usage_pieces, write_commands, write_options
from bt_lake.cli.quick import Quick
from bt_lake.cli.registry import COMMANDS, HELP, PLACES
from bt_lake.warehouse.errors import UnknownName, did_you_mean

SETTINGS = {"help_option_names": sorted(HELP)}


def run(arguments: Sequence[str]) -> int:
    """Run a command line; what Typer itself ends as an exit code."""
    try:
        command = typer.main.get_command(app())
        return command.main(list(arguments), prog_name="bt-lake", standalone_mode=False) or 0
    except typer.TyperException as error:
        return _misused(error, arguments)
    except typer.Abort:
        raise KeyboardInterrupt from None


def app() -> typer.Typer:
    """All of `bt-lake`."""
    made = typer.Typer(
        name="bt-lake",
        cls=Commands,
        rich_markup_mode=None,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings=dict(SETTINGS),
    )

    def begun(context: typer.Context, **values: Any) -> None:
        context.obj = everywhere(**values)

    made.callback()(_as_typer_wants(Bound(everywhere), begun))
    return made


class Command(Quick, TyperCommand):
    format_options = write_options
    collect_usage_pieces = usage_pieces


class Commands(Quick, TyperGroup):
    """The group of all commands; each is made when it is asked for."""

    format_options = write_options
    _completing = False

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        self._completing = True
        return super().shell_complete(ctx, incomplete)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            if cmd_name not in PLACES:
                if ctx.resilient_parsing or cmd_name.startswith("-"):
                    return None
                raise UnknownName.near(
                    "command", cmd_name, PLACES, hint="\n`bt-lake --help` lists them all."
                )
            if self._completing and (described := _described(cmd_name)):
                return described
            self.add_command(load(cmd_name), cmd_name)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for heading, names in COMMANDS.items():
            write_commands(heading, [_described(name) or load(name) for name in names], formatter)


def _described(name: str) -> Any:
    """A command with its help text alone, read from its file: to import all takes 150 ms."""
    file, function = PLACES[name].split(":")
    source = (Path(__file__).parent / "commands" / f"{file}.py").read_text("utf-8")
    found = re.search(rf'^def {function}\(.*?:\n    """(.*?)"""', source, re.DOTALL | re.MULTILINE)
    return Command(name, help=inspect.cleandoc(found[1])) if found else None


def load(name: str) -> Any:
    """Import the file of a command and make the command from its function."""
    bound = registry.bound(name)

    def command(context: typer.Context, **values: Any) -> Any:
        return bound(context.obj, values)

    single = typer.Typer(
        add_completion=False, rich_markup_mode=None, context_settings=dict(SETTINGS)
    )
    single.command(name, cls=Command)(_as_typer_wants(bound, command))
    return typer.main.get_command(single)


def _as_typer_wants(bound: Bound, called: Callable[..., Any]) -> Callable[..., Any]:
    """The one that is called, with the parameters and the words of a command."""
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("context", kind, annotation=typer.Context)]
    for each in bound.parameters:
        make = typer.Argument if isinstance(each.declared, Argument) else typer.Option
        made: Any = make(*each.declared.names, **each.declared.settings)
        annotation = Annotated[each.kind, made]  # type: ignore[name-defined]
        parameters.append(
            inspect.Parameter(each.name, kind, default=each.default, annotation=annotation)
        )
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {each.name: each.annotation for each in parameters}
    called.__doc__, called.__name__ = bound.function.__doc__, bound.function.__name__
    return called


def _misused(error: typer.TyperException, arguments: Sequence[str]) -> int:
    """What is wrong with the command line, in one form for everything that can be."""
    text = error.format_message().rstrip()
    if text.startswith("Usage:"):  # no command at all: the help itself
        messages.say(text)
        return 2
    parameter = getattr(error, "param", None)
    if isinstance(error, typer.BadParameter) and parameter is not None and error.message:
        text = f"{_spelt(parameter)}: {error.message}"
    context = getattr(error, "ctx", None)
    if hasattr(error, "possibilities") and context is not None:  # an option that there is not
        known = [name for each in context.command.params for name in each.opts if name[:2] == "--"]
        given = str(getattr(error, "option_name", ""))
        text = f"no such option: {given}{did_you_mean(given, known)}"
    named = next((word for word in arguments if word in PLACES), "")
    path = context.command_path if context else f"bt-lake {named}".rstrip()
    messages.error(f"{text[:1].lower()}{text[1:]}\n`{path} --help` tells more.")
    return 2


def _spelt(parameter: Any) -> str:
    return str(max(parameter.opts, key=len) if parameter.opts else parameter.name)
