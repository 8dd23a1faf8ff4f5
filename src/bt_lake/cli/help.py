"""Help texts: options under their headings, commands under theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Record = tuple[str, str]


def headed_options(command: Any, context: Any) -> dict[str, list[Record]]:
    """What a command takes, by heading: arguments first, its own options, then the shared ones."""
    headed: dict[str, list[Record]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            is_argument = parameter.param_type_name == "argument"
            panel = getattr(parameter, "rich_help_panel", None)
            heading = "Arguments" if is_argument else panel or "Options"
            headed.setdefault(heading, []).append(record)
    return {heading: records for heading, records in headed.items() if records}


def write_options(command: Any, ctx: Any, formatter: Any) -> None:
    for heading, records in headed_options(command, ctx).items():
        with formatter.section(heading):
            formatter.write_dl(records, col_max=24)
    if hasattr(command, "format_commands"):
        command.format_commands(ctx, formatter)


def write_commands(heading: str, commands: Sequence[Any], formatter: Any) -> None:
    with formatter.section(heading):
        rows = [(c.name.ljust(9), c.get_short_help_str(formatter.width - 15)) for c in commands]
        formatter.write_dl(rows)
