"""What a question costs before it is asked: the packages a command imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_lake import Cli, environment

from bt_lake.cli import by_typer, registry

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


def test_names_of_commands_are_completed_without_importing_any():
    say = """
import atexit, sys
loaded = lambda: [name for name in sys.modules if name.startswith("bt_lake.cli.commands.")]
atexit.register(lambda: print(loaded()))
from bt_lake.cli.main import run
run([])
"""
    asked = environment(_BT_LAKE_COMPLETE="complete_bash", COMP_WORDS="bt-lake com", COMP_CWORD="1")
    done = subprocess.run(
        [sys.executable, "-c", say], env=asked, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == ["compare", "compact", "[]"]


FILE = """
def cross(fast: int, slow: int = 20):
    return {"metrics": {"sharpe_ratio": fast / slow}, "equity": [["2024-01-01", 1], ["2024-01-02", 2]]}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["ingest", "result.json"],
        ["ingest", "results.ndjson"],
        ["run", "cross.py:cross", "-p", "fast=3"],
        ["run", "cross.py:cross", "--grid", "fast=1,2", "--jobs", "1"],
        ["tag", "x", "07"],
        ["delete", "07", "--yes"],
        ["compact"],
    ],
    ids=" ".join,
)
def test_what_writes_does_not_import_pandas(own: Cli, tmp_path: Path, arguments: list[str]):
    """Where it is installed pyarrow imports it, in 0.3 s, unless its functions are chosen with care."""
    (tmp_path / "cross.py").write_text(FILE)
    curve = [["2024-01-01", 100.0], ["2024-01-02", None], ["2024-01-03", 101.0]]
    trade = {"symbol": "A", "pnl": 1, "entry_at": "2024-01-01", "exit_at": "2024-01-03"}
    result = {"strategy": "s", "params": {"n": 1}, "tags": ["a"], "metrics": {"own": 1}}
    result |= {"created_at": "2026-01-01T00:00:00Z", "equity": curve, "trades": [trade]}
    (tmp_path / "result.json").write_text(json.dumps(result))
    lines = [json.dumps(result | {"symbol": symbol}) + "\n" for symbol in "AB"]
    (tmp_path / "results.ndjson").write_text("".join(lines))
    done = subprocess.run(
        [sys.executable, "-c", SAY.format(heavy=["pandas"]), "--lake", str(own.lake), *arguments],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr.splitlines()[-1] == "0", done.stderr


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
    for name in registry.PLACES:  # and what it says of each is what its own help begins with
        short, whole = by_typer._described(name), by_typer.load(name)
        assert short.get_short_help_str(65) == whole.get_short_help_str(65), name
