"""What a question costs before it is asked: the packages a command imports."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cli_lake import Cli, environment

from bt_lake.cli import registry

pytest_plugins = ["cli_fixtures"]

# `duckdb` is the Python side of DuckDB, which most commands need nothing of; `_duckdb` is all of it.
HEAVY = ["numpy", "pandas", "polars", "pyarrow", "pydantic", "rich", "pytz", "duckdb"]
SAY = """
import sys
from bt_lake.cli.main import run
code = run(sys.argv[1:])
print(code, *(name for name in {heavy} if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["best", "sharpe_ratio", "-n", "5", "--symbol", "WAVE", "--min-trades", "1"],
        ["list", "-p", "fast=5", "--since", "2026-01-01", "--format", "csv"],
        ["list", "--where", "total_trades > 1", "-f", "json"],
        ["show", "07"],
        ["compare", "06", "07"],
        ["aggregate", "--by", "symbol"],
        ["sweep", "sma_cross", "-x", "fast", "-y", "slow"],
        ["equity", "07"],
        ["trades", "07"],
        ["lookup", "--strategy", "sma_cross", "-p", "fast=10", "-p", "slow=60", "-p", "risk=2"],
        ["sql", "from runs"],
        ["metrics"],
        ["info"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_questions_import_duckdb_and_nothing_heavy(cli: Cli, arguments: list[str]):
    done = subprocess.run(
        [sys.executable, "-c", SAY.format(heavy=HEAVY), "--lake", str(cli.lake), *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr.splitlines()[-1] == "0"


def test_help_and_version_do_not_even_import_duckdb():
    script = SAY.format(heavy=[*HEAVY, "_duckdb"])
    for arguments in (["--version"], ["--help"], ["best", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stderr.splitlines()[-1] == "0"


def test_the_list_of_commands_imports_none_of_them():
    script = SAY.format(heavy=["bt_lake.queries", "bt_lake.cli.commands.runs"])
    done = subprocess.run(
        [sys.executable, "-c", script, "--help"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr.splitlines()[-1] == "0"
    for name in registry._PLACES:  # and what it says of each is what its own help begins with
        short, whole = registry._described(name), registry.load(name)
        assert short.get_short_help_str(65) == whole.get_short_help_str(65), name
