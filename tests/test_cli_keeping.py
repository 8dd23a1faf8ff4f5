"""init, info, check, compact: making a lake and looking after it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli_lake import Cli

pytest_plugins = ["cli_fixtures"]


def test_init_makes_a_lake_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    new = Cli(tmp_path / "new", capsys)
    said = new("init")
    assert (said.code, said.out, said.err) == (0, "", f"made a new lake at {new.lake}\n")
    assert new("init").err == f"there is a lake at {new.lake} already\n"
    assert new("list").err.startswith("0 of 0 runs")


def test_init_where_none_can_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "file"
    file.write_text("not a folder")
    said = Cli(file, capsys)("init")
    assert said.code == 4
    assert said.err.startswith(f"error: cannot make a lake at {file}")


def test_info(cli: Cli):
    said = cli("info")
    assert said.lines[0] == str(cli.lake)
    assert said.lines[1].endswith(", format 1, epoch 0")
    assert said.lines[2:5] == [
        "  runs  8, 1 failed",
        "  of    2 strategies, 2 symbols",
        "  made  2026-11-01 12:00 to 2026-11-08 12:00",
    ]
    table = [line.split() for line in said.lines[7:]]
    assert [row[:3] for row in table] == [
        ["table", "rows", "files"],
        ["runs", "8", "8"],
        ["equity", "4", "1"],
        ["trades", "2", "1"],
        ["events", "0", "0"],
    ]
    assert said.err == "`bt-lake compact` would spare 7 files\nT\n"


def test_info_for_programs(cli: Cli):
    shown = json.loads(cli("info", "-f", "json").out)
    assert (shown["runs"], shown["failed"], shown["deleted"], shown["epoch"]) == (8, 1, 0, 0)
    assert shown["tables"]["equity"]["rows"] == 4
    rows = list(csv.DictReader(io.StringIO(cli("info", "-f", "csv").out)))
    assert [row["table"] for row in rows] == ["runs", "equity", "trades", "events"]


@pytest.mark.slow
def test_compact_says_what_became_of_the_files(own: Cli):
    said = own("compact")
    assert (said.code, said.out) == (0, "")
    assert said.err.startswith("10 files became 3 · ")
    assert own("compact").err.startswith("nothing to do · 3 files")
    assert own("best", "sharpe_ratio").err.startswith("7 of 8 trials")
    assert "epoch 1" in own("info").out


@pytest.mark.slow
def test_compact_drops_the_curves_of_deleted_runs_and_keeps_the_count(own: Cli):
    own("delete", "07", "--yes")
    own("compact")
    tables = json.loads(own("info", "-f", "json").out)["tables"]
    assert (tables["runs"]["rows"], tables["equity"]["rows"]) == (8, 0)


def test_check_of_a_whole_lake(cli: Cli):
    said = cli("check")
    assert (said.code, said.out) == (0, "")
    assert said.err.startswith("nothing wrong · ")


def damaged(own: Cli) -> Path:
    file = next((own.lake / "equity").rglob("*.parquet"))
    file.write_bytes(file.read_bytes()[:-40])
    return file


def test_check_names_damage_and_what_to_do(own: Cli):
    file = damaged(own)
    said = own("check")
    assert said.code == 4
    assert said.lines[0].startswith(f"damage: {file.relative_to(own.lake).as_posix()}: not a whole")
    assert said.lines[1].startswith("  to do: ")
    assert said.err.startswith("1 finding · ")
    (found,) = json.loads(own("check", "-f", "json").out)
    assert (found["kind"], found["damage"]) == ("torn", True)


def test_a_damaged_lake_is_exit_code_4(own: Cli):
    damaged(own)
    said = own("equity", "07")
    assert said.code == 4
    assert "`bt-lake check`" in said.err


@pytest.mark.slow
def test_check_repairs(own: Cli):
    damaged(own)
    said = own("check", "--repair")
    assert said.code == 0
    assert "_quarantine" in said.out
    assert own("check").code == 0


@pytest.mark.slow
def test_check_plans_a_repair_with_what_can_be_read(own: Cli):
    file = damaged(own)
    said = own("check", "--repair", "--dry-run")
    assert said.code == 4
    assert file.exists() and "would be: moved to _quarantine" in said.out
    assert "runs with a curve that can be read: 0 before the repair, 0 after it" in said.err
    assert [line for line in said.lines if line.startswith("gone: ")] == [
        line for line in own("check", "--repair").lines if line.startswith("gone: ")
    ]


@pytest.mark.slow
def test_check_looks_deep_or_at_what_is_new(own: Cli):
    assert own("check").err.startswith("nothing wrong · ")
    file = next((own.lake / "equity").rglob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[content.rfind(b"written_by")] ^= 1
    file.write_bytes(content)
    assert own("check").code == 0
    assert own("check", "--deep").code == 4
    assert own("check", "--deep", "--since", "1h").code == 4
    assert own("check", "--deep", "--since", "2999-01-01").code == 0
    assert "leave --since out" in own("check", "--repair", "--since", "1h").err
