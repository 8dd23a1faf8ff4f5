"""sql, shell, metrics: questions in one's own words."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest
from cli_lake import Cli, environment, run_id

from bt_lake.warehouse.schema import metrics

pytest_plugins = ["cli_fixtures"]

COUNTS = "select strategy, count(*) as n, min(created_at) as first from runs group by 1 order by 1"


def test_sql_shows_values_as_they_are(cli: Cli):
    said = cli("sql", COUNTS)
    assert said.out == (
        "strategy   n  first\nrsi        1  2026-11-08 12:00\nsma_cross  7  2026-11-01 12:00\n"
    )
    assert said.err == "2 rows · T\n"


def test_sql_in_other_formats(cli: Cli, tmp_path: Path):
    assert cli("sql", COUNTS, "-f", "csv").lines[1] == "rsi,1,2026-11-08T12:00:00Z"
    assert json.loads(cli("sql", COUNTS, "-f", "json").out)[0]["n"] == 1
    assert cli("sql", COUNTS, "-f", "md").lines[2] == "| rsi | 1 | 2026-11-08 12:00 |"
    cli("sql", COUNTS, "-o", tmp_path / "n.parquet")
    assert pl.read_parquet(tmp_path / "n.parquet")["n"].to_list() == [1, 7]


def test_values_are_bound(cli: Cli):
    said = cli("sql", "select count(*) as n from runs where symbol = $s", "-v", "s=WAVE' or '1")
    assert said.lines == ["n", "0"]


def test_sql_from_a_file_and_from_stdin(cli: Cli, tmp_path: Path):
    file = tmp_path / "question.sql"
    file.write_text("select 1 as one")
    assert cli("sql", "--file", file).lines == ["one", "  1"]
    assert cli.process("sql", "-", input=b"select 2 as two").out == "two\n  2\n"


def test_macros_work(cli: Cli):
    said = cli("sql", "select run_id from best('sharpe_ratio', n := 1)", "-f", "csv")
    assert said.lines == ["run_id", run_id(7)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["selec 1"], "syntax error"),
        (["from nothing"], "nothing"),
        (["copy runs to 'x.csv'"], "only a SELECT"),
        (["create table x as select 1"], "only a SELECT"),
        (["from read_csv('/etc/passwd')"], "read_csv"),
        (["select 1", "-v", "x"], "write NAME=VALUE"),
        ([], "give one SELECT"),
        (["select 1", "--file", "x.sql"], "give one SELECT"),
        (["--file", "nowhere.sql"], "cannot read nowhere.sql"),
    ],
)
def test_mistakes(cli: Cli, arguments: list[str], message: str):
    said = cli("sql", *arguments)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


def without_duckdb(tmp_path: Path) -> dict[str, str]:
    return environment(PATH=str(tmp_path))


def test_shell_without_duckdb_is_a_prompt_of_its_own(cli: Cli, tmp_path: Path):
    asked = b"select count(*) as n\nfrom runs;\nselec;\nselect 2 as two;\n.quit\nselect 3;\n"
    said = cli.process("shell", input=asked, env=without_duckdb(tmp_path))
    assert said.out == "n\n8\ntwo\n  2\n"
    assert 'error: SQL: syntax error at or near "selec"' in said.err
    assert said.code == 2


def test_shell_answers_a_last_query_without_a_semicolon(cli: Cli, tmp_path: Path):
    said = cli.process("shell", input=b"select 1 as one", env=without_duckdb(tmp_path))
    assert said.out == "one\n  1\n"


@pytest.mark.skipif(shutil.which("duckdb") is None, reason="the duckdb shell is not installed")
def test_shell_of_duckdb_opens_the_lake(cli: Cli):
    query = b".mode csv\nselect count(*) as n from runs;\n"
    said = cli.process("shell", input=query, env=environment(PATH=os.environ["PATH"]))
    assert said.out.splitlines()[-2:] == ["n", "8"]
    assert said.code == 0


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("duckdb") is None, reason="the duckdb shell is not installed")
def test_shell_does_not_run_what_the_lake_says(cli: Cli, tmp_path: Path):
    lake = shutil.copytree(cli.lake, tmp_path / "strangers")
    owned = tmp_path / "owned"
    with open(lake / "lake.sql", "a") as script:
        script.write(f"\n.shell touch {owned}\ncopy (select 1) to '{owned}.csv';\n")
    theirs = Cli(lake, cli._capsys)
    query = b".mode csv\nselect count(*) as n from runs;\n"
    said = theirs.process("shell", input=query, env=environment(PATH=os.environ["PATH"]))
    assert said.out.splitlines()[-2:] == ["n", "8"]
    assert [path.name for path in tmp_path.iterdir()] == ["strangers"]
    checked = theirs("check")
    first = checked.out.splitlines()[0] + checked.err
    assert "lake.sql" in first and "written by somebody else" in checked.out + checked.err


def test_shell_of_no_lake(cli: Cli, tmp_path: Path):
    said = cli("--lake", tmp_path / "nowhere", "shell")
    assert said.code == 3


def test_metrics_lists_the_schema_and_ones_own(cli: Cli):
    said = cli("metrics")
    assert len(said.lines) == 1 + len(metrics()) + 1
    assert said.lines[0].split() == ["name", "unit", "better", "meaning"]
    assert said.lines[-1].split(maxsplit=3) == ["my_score", "-", "-", "a metric of your own"]
    assert said.err == f"{len(metrics())} metrics · 1 of your own\n"


def test_metrics_can_be_listed_without_a_lake(cli: Cli, tmp_path: Path):
    said = cli("--lake", tmp_path / "nowhere", "metrics", "-f", "json")
    assert said.code == 0
    first = json.loads(said.out)[0]
    assert first == {
        "name": "duration_s",
        "unit": "s",
        "better": "lower",
        "meaning": "how long the backtest took",
    }
