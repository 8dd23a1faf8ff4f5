"""ingest: what it says of what it took in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_lake import COMMAND, TOOK, Cli, documents, environment

from bt_lake.warehouse.store import Store

pytest_plugins = ["cli_fixtures"]

GOOD = {"strategy": "a", "metrics": {"sharpe_ratio": 1.0}}


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    Store(tmp_path / "lake").create()
    return Cli(tmp_path / "lake", capsys)


def write(path: Path, *lines: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts) + "\n", "utf-8")
    return path


def count(cli: Cli) -> int:
    return int(cli("sql", "select count(*) from trials").lines[1])


def test_ingest_says_what_was_added_and_what_was_there(empty: Cli, tmp_path: Path):
    file = write(tmp_path / "runs.ndjson", *documents())
    said = empty("ingest", file)
    assert (said.code, said.out, said.err) == (0, "", "8 added · 0 already there · T\n")
    assert empty("ingest", file).err == "0 added · 8 already there · T\n"
    assert count(empty) == 8


def test_a_folder_and_files_of_no_known_format(empty: Cli, tmp_path: Path):
    write(tmp_path / "in" / "a.json", GOOD)
    write(tmp_path / "in" / "deep" / "b.json", {**GOOD, "strategy": "b"})
    write(tmp_path / "in" / "readme.txt", "hello")
    said = empty("ingest", tmp_path / "in")
    assert said.err == (
        f"no result that bt-lake knows: {tmp_path}/in/readme.txt\n"
        "2 added · 0 already there · 1 file of no known format · T\n"
    )


def test_dry_run_changes_nothing(empty: Cli, tmp_path: Path):
    file = write(tmp_path / "a.json", GOOD)
    assert empty("ingest", file, "--dry-run").err == "1 would be added · 0 already there · T\n"
    assert count(empty) == 0
    never = tmp_path / "never"
    empty("--lake", never, "ingest", file, "--dry-run")
    assert not never.exists()


def test_columns_can_be_set(empty: Cli, tmp_path: Path):
    file = write(tmp_path / "a.json", GOOD)
    empty("ingest", file, "--set", "symbol=AAPL", "--set", "timeframe=1d")
    assert empty("sql", "select symbol, timeframe from runs").lines[1].split() == ["AAPL", "1d"]


def test_the_first_bad_file_stops_it(empty: Cli, tmp_path: Path):
    write(tmp_path / "in" / "a.json", GOOD)
    bad = write(tmp_path / "in" / "b.json", {"strategy": "b", "created_at": "2024-13-01"})
    said = empty("ingest", tmp_path / "in")
    assert said.code == 2
    assert said.err.startswith(f"error: {bad}: ")
    assert "of 2 files read, nothing of this batch added" in said.err
    assert not empty.lake.exists() or count(empty) == 0


def test_bad_runs_are_skipped_and_listed(empty: Cli, tmp_path: Path):
    file = write(tmp_path / "runs.ndjson", GOOD, "{", {"symbol": "no strategy"})
    said = empty("ingest", file, "--on-error", "skip")
    assert said.code == 0
    lines = said.err.splitlines()
    assert lines[0].startswith(f"{file}:2: ")
    assert lines[1].startswith(f"{file}:3: ")
    assert lines[2] == "1 added · 0 already there · 2 failed · T"


def test_a_long_list_of_failures_is_cut(empty: Cli, tmp_path: Path):
    file = write(tmp_path / "runs.ndjson", GOOD, *["{"] * 30)
    said = empty("ingest", file, "--on-error", "skip")
    assert len(said.err.splitlines()) == 22
    assert "... and 10 more" in said.err


def test_unique_refuses_a_repeated_configuration(empty: Cli, tmp_path: Path):
    write(tmp_path / "a.json", GOOD)
    write(tmp_path / "b.json", {**GOOD, "metrics": {"sharpe_ratio": 2.0}})
    assert empty("ingest", tmp_path / "a.json", "--unique").code == 0
    said = empty("ingest", tmp_path / "b.json", "--unique")
    assert said.code == 2
    assert "the same labels, period and params as" in said.err
    assert count(empty) == 1


def test_standard_input(empty: Cli):
    said = empty.process("ingest", "-", input=(json.dumps(GOOD) + "\n").encode())
    assert (said.code, said.out, said.err) == (0, "", "1 added · 0 already there · T\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere/"], 3, "no such file or folder"),
        (["a.json", "--set", "symbol"], 2, "write COLUMN=VALUE"),
        (["a.json", "--set", "symbl=A"], 2, "symbol"),
        (["a.json", "--on-error", "ignore"], 2, "--on-error: no 'ignore'"),
        (["-", "--watch"], 2, "read to its end"),
        ([], 2, "missing argument"),
    ],
)
def test_mistakes(
    empty: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments, code, message
):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.json", GOOD)
    said = empty("ingest", *arguments)
    assert (said.code, said.out) == (code, "")
    assert message in said.err
    assert "Traceback" not in said.err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_watch_takes_in_what_appears_until_ctrl_c(empty: Cli, tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    watching = subprocess.Popen(
        [*COMMAND, "--lake", str(empty.lake), "ingest", str(folder), "--watch"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert watching.stderr is not None
    assert watching.stderr.readline() == "watching; Ctrl-C ends it\n"
    write(folder / "a.json", GOOD)
    assert watching.stderr.readline().startswith("1 added · 0 already there")
    time.sleep(0.1)
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=30)
    assert out == ""
    assert TOOK.sub("T", err) == "interrupted: 1 run came in meanwhile\n"
    assert watching.returncode == 130
    assert count(empty) == 1
