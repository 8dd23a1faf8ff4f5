"""Files that are still being written, and what editors and copies leave beside them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from bt_lake.cli.main import run
from bt_lake.ingest.pipeline import ingest
from bt_lake.ingest.watching import watch
from bt_lake.warehouse.errors import BadInput

TABLE = "strategy,symbol,sharpe_ratio,total_trades\nA,x,0.1,12\n"
DOCUMENT = json.dumps({"strategy": "d", "metrics": {"sharpe_ratio": 1.5}})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def settle(path: Path) -> None:
    os.utime(path, (time.time() - 60,) * 2)


def test_a_cut_number_is_held_back_and_comes_in_whole(store, rows, results: Path):
    table = results / "t.csv"
    table.write_text(TABLE + "B,x,0.2,12.2".replace("12.2", "7"))
    (results / "whole.csv").write_text(TABLE.replace("A,x", "C,y"))
    report = ingest(store, [results])
    assert (report.held_back, len(report.added)) == ([str(table)], 1)
    with open(table, "a") as file:
        file.write("3\n")
    assert len(ingest(store, [results]).added) == 2
    assert rows("select strategy, total_trades from runs order by 1") == [
        ("A", 12),
        ("B", 73),
        ("C", 12),
    ]


def test_a_table_that_stays_without_an_end_is_refused_unless_named(store, results: Path):
    table = results / "t.csv"
    table.write_text(TABLE.rstrip("\n"))
    settle(table)
    with pytest.raises(BadInput, match="its last line has no end"):
        ingest(store, [results])
    report = ingest(store, [results], on_error="skip")
    assert (len(report.failed), report.added) == (1, [])
    assert len(ingest(store, [table]).added) == 1


def test_a_cut_document_keeps_nobody_waiting(store, results: Path):
    (results / "cut.json").write_text(DOCUMENT[:-9])
    (results / "whole.json").write_text(DOCUMENT)
    (results / "lines.ndjson").write_text(DOCUMENT.replace('"d"', '"e"') + "\n" + DOCUMENT[:-9])
    report = ingest(store, [results])
    assert [Path(path).name for path in report.held_back] == ["cut.json", "lines.ndjson"]
    assert len(report.added) == 1
    settle(results / "cut.json")
    with pytest.raises(BadInput, match="cut.json"):
        ingest(store, [results])


def test_drafts_of_others_are_no_runs(store, rows, results: Path):
    (results / "a.json").write_text(DOCUMENT)
    draft = DOCUMENT.replace("1.5", "9")
    for name in (
        "a.json~",
        "#a.json#",
        "a.json.tmp",
        "a.json.part",
        "a.json.crdownload",
        "a.json.bak",
        "b.swp",
        ".a.json.swp",
    ):
        (results / name).write_text(draft)
    ingest(store, [results])
    assert rows("select sharpe_ratio from runs") == [(1.5,)]
    ingest(store, [results / "a.json.bak"])  # named, it is meant
    assert rows("select count(*) from runs") == [(2,)]


def test_watching_waits_for_the_end(store, rows, results: Path):
    table = results / "t.csv"
    table.write_text(TABLE + "B,x,0.2,7")
    reports = watch(store, [results], every_s=0.01)
    (results / "a.json").write_text(DOCUMENT)
    assert next(reports).files == 1
    with open(table, "a") as file:
        file.write("3\n")
    assert len(next(reports).added) == 2
    assert rows("select total_trades from runs where strategy = 'B'") == [(73,)]


def test_the_command_says_what_it_held_back(tmp_path: Path, results: Path, capsys):
    (results / "t.csv").write_text(TABLE + "B,x,0.2,7")
    assert run(["--lake", str(tmp_path / "lake"), "ingest", str(results)]) == 0
    said = capsys.readouterr().err
    assert "t.csv: held back, it is still being written; the next ingest takes it" in said
    assert "1 file held back" in said
