"""Write docs/cli.md from the help of the commands: `python docs/make_cli.py`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from bt_lake.cli.by_typer import app
from bt_lake.cli.help import headed_options, split_help
from bt_lake.cli.registry import COMMANDS

PAGE = Path(__file__).with_name("cli.md")
_TITLE = """\
# The command line

<!-- Made from the help of the commands by docs/make_cli.py; change it there. -->
"""


def manual() -> str:
    """All commands as one Markdown page."""
    group: Any = typer.main.get_command(app())
    root = group.make_context("bt-lake", ["list"])
    parts = [_TITLE, *_chapter("bt-lake", group, root)]
    for heading, names in COMMANDS.items():
        parts.append(f"## {heading}\n")
        for name in names:
            command = group.get_command(root, name)
            context = type(root)(command, info_name=name, parent=root)
            parts += [f"### {name}\n", *_chapter(f"bt-lake {name}", command, context)]
    return "\n".join(parts)


def _chapter(path: str, command: Any, context: Any) -> Iterator[str]:
    prose, examples = split_help(command)
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"{prose}\n"
    yield f"```console\n$ {path} {pieces}\n```\n"
    if examples:
        yield "\n".join(["```console", *(f"$ {line}" for line in examples), "```\n"])
    for heading, records in headed_options(command, context).items():
        yield f"| {heading} | |\n|---|---|"
        for name, meaning in records:
            yield f"| `{_cell(name)}` | {_cell(meaning)} |"
        yield ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.write_text(manual(), "utf-8")
