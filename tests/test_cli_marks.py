"""tag, note, delete, restore, export: what changes a lake, or copies it."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from pathlib import Path

import pytest
from cli_lake import Cli, run_id

pytest_plugins = ["cli_fixtures"]


def listed(cli: Cli, *filters: str) -> list[int]:
    text = cli("list", *filters, "-f", "csv", "--columns", "run_id").out
    return [int(row["run_id"][-2:]) for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.slow
def test_tag_and_untag_by_ids(own: Cli):
    said = own("tag", "paper", "06", run_id(5))
    assert (said.code, said.out, said.err) == (0, "", "tagged 2 runs · T\n")
    assert listed(own, "--tag", "paper") == [6, 5]
    assert own("tag", "paper", "06", "--remove").err == "untagged 1 run · T\n"
    assert listed(own, "--tag", "paper") == [5]


def test_tag_by_filters_needs_a_yes(own: Cli):
    asked = own("tag", "grid", "--symbol", "SYNTH")
    assert asked.code == 2
    assert asked.err == ("error: Tag 6 runs as 'grid'? Nobody is here to ask; say so with --yes.\n")
    assert listed(own, "--tag", "grid") == []
    assert own("tag", "grid", "--symbol", "SYNTH", "--yes").err == "tagged 6 runs · T\n"
    assert listed(own, "--tag", "grid") == [6, 5, 4, 3, 2, 1]


@pytest.mark.slow
def test_notes_add_up(own: Cli):
    assert own("note", "slippage was off", "07").err == "noted on 1 run · T\n"
    shown = json.loads(own("show", "07", "-f", "json").out)
    assert shown["notes"] == "first line\nsecond line\nslippage was off"


@pytest.mark.slow
def test_delete_hides_and_restore_brings_back(own: Cli):
    assert own("delete", "06").code == 2
    said = own("delete", "06", "--yes")
    assert said.err == "deleted 1 run · `bt-lake restore` brings them back · T\n"
    assert 6 not in listed(own)
    assert own("best", "sharpe_ratio").err.startswith("6 of 8 trials")
    assert "  deleted  2" in own("show", "06").out
    assert own("equity", "06").code == 3
    assert own("restore", "06").err == "restored 1 run · T\n"
    assert 6 in listed(own)


@pytest.mark.slow
def test_delete_and_restore_by_filters(own: Cli):
    assert own("delete", "--where", "total_trades < 30", "-y").err.startswith("deleted 3 runs")
    assert listed(own) == [8, 6, 5, 4, 3]
    assert own("restore", "--symbol", "SYNTH", "-y").err == "restored 2 runs · T\n"
    assert listed(own) == [8, 6, 5, 4, 3, 2, 1]


def test_forget_leaves_nothing(own: Cli):
    said = own("delete", "06", "--forget", "--yes").err
    assert re.fullmatch(
        r"forgot 1 run · `bt-lake compact` from \d\d:\d\d:\d\d on takes the bytes off the disk · T\n",
        said,
    )
    assert own("best", "sharpe_ratio").err.startswith("6 of 7 trials")
    assert own("restore", "06").code == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["delete", "--yes"], 2, "which runs? Give ids, or filters"),
        (["tag", "x"], 2, "which runs?"),
        (["note", "x", "06", "--symbol", "WAVE"], 2, "give ids or filters, not both"),
        (["delete", "--symbol", "NONE", "--yes"], 3, "no run fits these filters"),
        (["delete", "nowhere", "--yes"], 3, "no run 'nowhere'"),
        (["delete", "0000", "--yes"], 2, "fits 8 runs"),
        (["restore", "06"], 3, "06"),
        (["tag", "06", "paper"], 2, "the tag comes before the run: bt-lake tag paper 06"),
        (["tag", "x", "nowhere"], 3, "no run 'nowhere'"),
        (["delete", "--symbol", "WAV", "--yes"], 3, "no run has symbol 'WAV'. Did you mean WAVE?"),
    ],
)
def test_mistakes_change_nothing(own: Cli, arguments: list[str], code: int, message: str):
    said = own(*arguments)
    assert (said.code, said.out) == (code, "")
    assert message in said.err
    assert listed(own) == [8, 7, 6, 5, 4, 3, 2, 1]


def test_export_to_csv(cli: Cli, tmp_path: Path):
    target = tmp_path / "runs.csv"
    said = cli("export", target, "--symbol", "SYNTH")
    assert (said.code, said.out) == (0, "")
    assert said.err == f"6 runs · no curves (--curves) or trades (--trades) · in {target} · T\n"
    assert len(target.read_text().splitlines()) == 7


def test_an_empty_export_says_why(cli: Cli, tmp_path: Path):
    said = cli("export", tmp_path / "runs.csv", "--symbol", "SYNT")
    assert said.code == 0
    assert "0 runs · no run has symbol 'SYNT'. Did you mean SYNTH?" in said.err
    assert len((tmp_path / "runs.csv").read_text().splitlines()) == 1


def test_export_to_sqlite_with_everything(cli: Cli, tmp_path: Path):
    target = tmp_path / "runs.sqlite"
    said = cli("export", target, "--curves", "--trades")
    assert said.err.startswith("8 runs · 4 points · 2 trades · in ")
    with sqlite3.connect(target) as database:
        assert database.execute("select count(*) from equity").fetchone() == (4,)


@pytest.mark.slow
def test_runs_that_another_lake_has_without_their_curves_are_told(cli: Cli, tmp_path: Path):
    target = tmp_path / "other"
    assert cli("export", target, "--tag", "q4").code == 0
    stays = "warning: 1 run of those already there stays as it is, without the curves or trades"
    again = cli("export", target, "--tag", "q4", "--curves", "--trades")
    assert again.err.startswith(stays)
    assert "0 runs · 0 points · 0 trades · 1 already there · in " in again.err
    whole = tmp_path / "whole"
    cli("export", whole, "--tag", "q4", "--curves", "--trades")
    assert cli("--lake", target, "equity", "07").out == ""
    assert cli("--lake", target, "ingest", whole).err.startswith("0 added · 1 already there")
    assert cli("--lake", target, "equity", "07").out == cli("equity", "07").out != ""
    assert cli("--lake", target, "delete", "07", "--forget", "--yes").code == 0
    assert cli("--lake", target, "ingest", whole).err.startswith("1 added · 0 already there")
    assert cli("--lake", target, "equity", "07").code == 0


def test_export_to_another_lake_that_ingest_reads_back(cli: Cli, tmp_path: Path):
    target = tmp_path / "other"
    assert cli("export", target, "--tag", "q4", "--curves", "--trades").code == 0
    back = cli("--lake", tmp_path / "back", "ingest", target)
    assert back.err.splitlines()[1].startswith("1 added · 0 already there")
    assert cli("--lake", tmp_path / "back", "equity", "07").lines[-1].split()[1] == "121.00"
