"""Help: examples that can be typed, a page of documentation that follows, completion."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from runpy import run_path

import pytest
import typer
from cli_lake import COMMAND, Cli, environment

from bt_lake.cli.by_typer import app
from bt_lake.cli.everywhere import lake_first
from bt_lake.cli.help import split_help
from bt_lake.cli.registry import COMMANDS

pytest_plugins = ["cli_fixtures"]

NAMES = [name for group in COMMANDS.values() for name in group]
GROUP = typer.main.get_command(app())
ROOT = GROUP.make_context("bt-lake", ["list"])


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_examples(cli: Cli, name: str):
    said = cli(name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: bt-lake {name} ")
    assert "\n  Examples:\n    " in said.out
    assert f"bt-lake {name}" in said.out.split("Examples:")[1]
    assert cli(name, "-h").out == said.out


@pytest.mark.parametrize("name", NAMES)
def test_examples_can_be_typed(name: str):
    for example in split_help(GROUP.get_command(ROOT, name))[1]:
        words = shlex.split(example.split("|")[-1] if "| bt-lake" in example else example)
        words = words[: words.index("|")] if "|" in words else words
        assert words[0] == "bt-lake", example
        arguments = lake_first(words[1:])
        arguments = arguments[2:] if arguments[0] == "--lake" else arguments
        assert arguments[0] == name, example
        command = GROUP.get_command(ROOT, name)
        command.make_context(name, arguments[1:], parent=ROOT)  # raises where it cannot be parsed


@pytest.mark.parametrize("name", NAMES)
def test_first_lines_fit_the_list_of_commands(name: str):
    assert "..." not in GROUP.get_command(ROOT, name).get_short_help_str(65)


def test_the_list_of_commands_has_all_of_them(cli: Cli):
    said = cli("--help")
    assert said.code == 0
    listed = [line.split()[0] for line in said.lines if line.startswith("  ") and line.strip()]
    assert [name for name in listed if name in NAMES] == NAMES


def test_docs_follow_the_help():
    page = Path(__file__).parent.parent / "docs" / "cli.md"
    assert page.read_text("utf-8") == run_path(str(page.with_name("make_cli.py")))["manual"](), (
        "run: python docs/make_cli.py"
    )


def complete(words: str) -> list[str]:
    asked = environment(
        _BT_LAKE_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    done = subprocess.run(COMMAND, env=asked, capture_output=True, text=True, timeout=60)
    return done.stdout.split()


@pytest.mark.slow
def test_completion_of_commands_options_and_metrics():
    assert complete("bt-lake com") == ["compare", "compact"]
    assert "--min-trades" in complete("bt-lake best sharpe_ratio --m")
    assert complete("bt-lake best sharpe") == ["sharpe_ratio", "sharpe_period"]
    assert complete("bt-lake list --format j") == ["json"]
