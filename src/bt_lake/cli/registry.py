"""Every command of `bt-lake` and where it is written; its file is imported when it is called."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from bt_lake.cli.binding import bound
from bt_lake.cli.help import usage_pieces, write_commands, write_options
from bt_lake.cli.quick import Quick
from bt_lake.warehouse.errors import UnknownName

# Headings of `bt-lake --help`, and under each: command = file:function in `cli/commands`.
COMMANDS: dict[str, dict[str, str]] = {
    "Put runs in": {
        "init": "keeping:init",
        "ingest": "ingesting:ingest",
        "import": "importing:import_store",
    },
    "Run": {
        "run": "running:run",
        "reproduce": "reproducing:reproduce",
        "study": "studying:study",
        "demo": "demo:demo",
    },
    "Ask": {
        "list": "runs:list_runs",
        "best": "runs:best",
        "show": "showing:show",
        "compare": "comparing:compare",
        "report": "reporting:report",
        "stability": "choosing:stability",
        "regimes": "judging:regimes",
        "live": "judging:live",
        "pick": "choosing:pick",
        "portfolio": "mixing:portfolio",
        "simulate": "simulating:simulate",
        "aggregate": "summing:aggregate",
        "sweep": "sweeping:sweep",
        "importance": "importance:importance",
        "overfit": "overfitting:overfit",
        "walkforward": "walking:walkforward",
        "certify": "certifying:certify",
        "decay": "walking:decay",
        "equity": "curves:equity",
        "trades": "curves:trades",
        "lookup": "runs:lookup",
        "metrics": "naming:metrics",
        "sql": "asking:sql",
        "shell": "asking:shell",
        "page": "paging:page",
        "mcp": "agents:mcp",
    },
    "Mark and take out": {
        "tag": "marking:tag",
        "note": "marking:note",
        "delete": "marking:delete",
        "restore": "marking:restore",
        "export": "exporting:export",
        "delta": "exporting:delta",
    },
    "Look after the lake": {
        "info": "keeping:info",
        "history": "history:history",
        "doctor": "doctoring:doctor",
        "check": "checking:check",
        "compact": "keeping:compact",
        "backup": "copying:backup",
        "recover": "copying:recover",
        "copy": "copying:copy",
        "merge": "copying:merge",
        "recompute": "keeping:recompute",
    },
}
_PLACES = {name: place for group in COMMANDS.values() for name, place in group.items()}
SETTINGS = {"help_option_names": ["-h", "--help"]}


class Command(Quick, TyperCommand):
    format_options = write_options
    collect_usage_pieces = usage_pieces


class Commands(Quick, TyperGroup):
    """The group of all commands; each is made when it is asked for."""

    format_options = write_options

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands:
            if cmd_name not in _PLACES:
                if ctx.resilient_parsing or cmd_name.startswith("-"):
                    return None
                raise UnknownName.near(
                    "command", cmd_name, _PLACES, hint="\n`bt-lake --help` lists them all."
                )
            self.add_command(load(cmd_name), cmd_name)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for heading, names in COMMANDS.items():
            write_commands(heading, [_described(name) or load(name) for name in names], formatter)


def _described(name: str) -> Any:
    """A command with its help text alone, read from its file: to import all takes 150 ms."""
    file, function = _PLACES[name].split(":")
    source = (Path(__file__).parent / "commands" / f"{file}.py").read_text("utf-8")
    found = re.search(rf'^def {function}\(.*?:\n    """(.*?)"""', source, re.DOTALL | re.MULTILINE)
    return Command(name, help=inspect.cleandoc(found[1])) if found else None


def load(name: str) -> Any:
    """Import the file of a command and make the command from its function."""
    file, function = _PLACES[name].split(":")
    module = import_module(f"bt_lake.cli.commands.{file}")
    single = typer.Typer(
        add_completion=False, rich_markup_mode=None, context_settings=dict(SETTINGS)
    )
    single.command(name, cls=Command)(bound(getattr(module, function)))
    return typer.main.get_command(single)
