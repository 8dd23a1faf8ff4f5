"""Help texts, in the terminal and as a page of documentation."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

Record = tuple[str, str]
_KINDS = {"Path": "PATH", "int": "N", "float": "X"}


def usage_pieces(command: Any, ctx: Any) -> list[str]:
    """What follows the name of a command: options, then its arguments in their order."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    return ["[OPTIONS]", *map(_placeholder, arguments)]


def headed_options(command: Any, context: Any) -> dict[str, list[Record]]:
    """What a command takes, by heading: arguments first, its own options, then the shared ones."""
    headed: dict[str, list[Record]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(context):
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            headed["Arguments"].append((_placeholder(parameter), parameter.help or ""))
        else:
            heading = getattr(parameter, "rich_help_panel", None) or "Options"
            headed.setdefault(heading, []).append((_names(parameter), _meaning(parameter)))
    return {heading: records for heading, records in headed.items() if records}


def _placeholder(argument: Any) -> str:
    name = (argument.metavar or argument.name).upper().strip("[]").removesuffix("...")
    name += "..." * (argument.nargs == -1)
    return name if argument.required else f"[{name}]"


def _names(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag else f"{names} {option.metavar or _kind(option)}"


def _kind(option: Any) -> str:
    described = option.type_descriptor
    if described.choices:
        return "|".join(str(choice.value) for choice in described.choices)
    annotation = str(described.annotation)
    return next((word for kind, word in _KINDS.items() if kind in annotation), "TEXT")


def _meaning(option: Any) -> str:
    facts = ["required"] if option.required else []
    if option.envvar:
        facts.append(f"env var: {option.envvar}")
    default = option.show_default if isinstance(option.show_default, str) else option.default
    if default is not None and not option.is_flag and not option.required:
        facts.append(f"default: {getattr(default, 'value', default)}")
    return " ".join(filter(None, (option.help, f"[{'; '.join(facts)}]" if facts else "")))


def write_options(command: Any, ctx: Any, formatter: Any) -> None:
    for heading, records in headed_options(command, ctx).items():
        with formatter.section(heading):
            formatter.write_dl(records, col_max=26)
    if hasattr(command, "format_commands"):
        command.format_commands(ctx, formatter)


def write_commands(heading: str, commands: Sequence[Any], formatter: Any) -> None:
    with formatter.section(heading):
        rows = [(c.name.ljust(9), c.get_short_help_str(formatter.width - 15)) for c in commands]
        formatter.write_dl(rows)


def split_help(command: Any) -> tuple[str, list[str]]:
    """The prose of a help text, and its example lines."""
    prose, _, examples = inspect.cleandoc(command.help or "").partition("\b")
    lines = [line.strip() for line in examples.splitlines()]
    return prose.strip(), [line for line in lines if line and line != "Examples:"]
