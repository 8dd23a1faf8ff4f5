"""What is exported as CSV does not act in the spreadsheet that opens it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from cli_lake import Cli, run_id
from hypothesis import given
from hypothesis import strategies as st

import bt_lake
from bt_lake.cli.writers import csv_text
from bt_lake.warehouse.cells import bared, inert, quoted, read

FORMULAS = [
    "=1+1",
    "+cmd|' /c calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "-",
    "+",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text):
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "AAPL", "-1.5", "+3", "-1e-9", ".5", "-.5", "a=b", "'x", "'-1", "x-y"]
)
def test_other_texts_and_numbers_stay(text):
    assert inert(text) == text


@given(st.text() | st.text("'=-+@5.\t\"Nane"))
def test_every_text_comes_back(text):
    assert bared(inert(text)) == text
    assert read(inert(quoted(text))) == text
    if bared(text) != text:
        assert inert(bared(text)) == text


@given(st.text())
def test_no_cell_begins_like_a_formula_unless_it_is_a_number(text):
    shown = inert(text)
    assert shown in (text, f"'{text}")
    if shown[:1] in tuple("=+-@\t\r\n"):
        float(shown)


def test_numbers_stay_numbers_and_headers_are_cells():
    rows = [(-1.5, -3, "=x", None, ["=x"], {"=x": 1})]
    text = "".join(csv_text(["a", "b", "=head", "d", "e", "f"], rows))
    head, row = csv.reader(io.StringIO(text))
    assert head[2] == "'=head"
    assert row[:4] == ["-1.5", "-3", "'=x", ""]
    raw = "".join(csv_text(["=head"], [("=x",)], raw=True))
    assert raw == "=head\n=x\n"


@pytest.fixture
def lake(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    lake.save(
        {
            "run_id": run_id(1),
            "strategy": "=HYPERLINK(1)",
            "symbol": "-1",
            "notes": "+note",
            "metrics": {"total_return": -0.5},
            "trades": [{"symbol": "@x", "pnl": -1.0, "entry_tag": "=t"}],
        }
    )
    return lake


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


@pytest.mark.parametrize("raw", [False, True])
def test_export_and_answers(lake, tmp_path, capsys, raw):
    mark = "" if raw else "'"
    lake.export(tmp_path / "runs.csv", trades=True, raw=raw)
    (run,) = rows_of(tmp_path / "runs.csv")
    (trade,) = rows_of(tmp_path / "runs.trades.csv")
    assert (run["strategy"], run["notes"]) == (f"{mark}=HYPERLINK(1)", f"{mark}+note")
    assert (run["symbol"], run["total_return"]) == ("-1", "-0.5")
    assert (trade["symbol"], trade["entry_tag"], trade["pnl"]) == (f"{mark}@x", f"{mark}=t", "-1.0")
    said = Cli(lake.path, capsys)("list", "-f", "csv", *["--raw"] * raw)
    (row,) = csv.DictReader(io.StringIO(said.out))
    assert (row["strategy"], row["total_return"]) == (f"{mark}=HYPERLINK(1)", "-0.5")
    exported = Cli(lake.path, capsys)("export", tmp_path / "x.csv", *["--raw"] * raw)
    assert exported.code == 0
    (run,) = rows_of(tmp_path / "x.csv")
    assert run["strategy"] == f"{mark}=HYPERLINK(1)"
