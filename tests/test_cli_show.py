"""show, compare, equity, trades: one run and what lies behind it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest
from cli_lake import Cli, run_id

from bt_lake.lake import Lake

pytest_plugins = ["cli_fixtures"]


def section(lines: list[str], title: str) -> list[str]:
    """The lines from a heading to the next empty line."""
    start = lines.index(title)
    return lines[start : lines.index("", start) if "" in lines[start:] else None]


def test_show_has_its_sections(cli: Cli):
    said = cli("show", "07")
    assert section(said.lines, f"Run {run_id(7)}") == [
        f"Run {run_id(7)}",
        "  created  2026-11-07 12:00 UTC",
        "  status   ok",
        "  tags     q4",
        "  notes    first line",
        "           second line",
    ]
    assert section(said.lines, "Strategy") == [
        "Strategy",
        "  name    sma_cross",
        "  params  fast 5, slow 50, risk 1",
    ]
    assert section(said.lines, "Context") == [
        "Context",
        "  market   WAVE 1d",
        "  period   2024-01-01 to 2024-02-01, 4 bars, 252 a year",
        "  capital  100.00 to 121.00",
    ]
    assert said.code == 0
    assert said.err == "T\n"


def test_show_has_metrics_beside_each_other_within_80_columns(cli: Cli):
    said = cli("show", "07")
    place = said.lines.index("Returns                   Ratios                   Risk")
    assert said.lines[place + 1] == (
        "  return         +21.0%     sharpe ratio    6.40     volatility         218.9%"
    )
    assert max(map(len, said.lines)) <= 80


def test_show_draws_the_curve_and_names_the_deepest_fall(cli: Cli):
    lines = cli("show", "07").lines
    chart = section(lines, "Equity and drawdown")
    assert chart[1].startswith("        121 ")
    assert chart[9].startswith("         99 ")
    assert chart[12].startswith("     -10.0% ")
    assert chart[13].split() == ["2024-01-01", "2024-01-16", "2024-02-01"]
    assert any(line.endswith("peak       2024-01-02") for line in lines)
    assert any(line.endswith("recovered  2024-02-01") for line in lines)


def test_show_has_months_and_what_the_source_said_otherwise(cli: Cli):
    lines = cli("show", "07").lines
    assert section(lines, "Returns by month, %")[2].split() == ["2024", "-1.0", "22.2", "21.0"]
    assert lines[-3:] == [
        "The source says otherwise",
        "                reported  computed",
        "  sharpe ratio      9.50      6.40",
    ]


def test_show_says_where_numbers_come_from_when_there_is_no_curve(cli: Cli):
    said = cli("show", "01")
    assert "as the source reported them" in said.out
    assert "Equity" not in said.out
    assert "my_score" in said.out


def test_show_of_a_failed_run(cli: Cli):
    assert cli("show", "08").lines == [
        f"Run {run_id(8)}",
        "  created  2026-11-08 12:00 UTC",
        "  status   failed, took 1.2 s",
        "  error    ZeroDivisionError: division by zero",
        "",
        "Strategy",
        "  name  rsi",
        "",
        "Context",
        "  market  WAVE",
    ]


def test_show_as_json_is_one_document(cli: Cli):
    shown = json.loads(cli("show", "07", "--format", "json").out)
    assert shown["params"] == {"fast": 5, "slow": 50, "risk": 1}
    assert shown["created_at"] == "2026-11-07T12:00:00Z"
    assert shown["monthly_returns"][0]["month"] == "2024-01-01"
    assert shown["monthly_returns"][0]["return"] == pytest.approx(-0.01)
    assert shown["reported"]["sharpe_ratio"] == 9.5


def test_show_as_csv_is_a_row(cli: Cli):
    (row,) = csv.DictReader(io.StringIO(cli("show", "07", "-f", "csv").out))
    assert row["run_id"] == run_id(7)
    assert row["total_trades"] == "2"


def test_show_as_markdown_leaves_out_what_is_not_known(cli: Cli):
    text = cli("show", "08", "-f", "md").out
    assert text.startswith("| field | value |\n| --- | --- |\n| run_id |")
    assert "sharpe_ratio" not in text


def test_show_as_a_picture(cli: Cli, tmp_path: Path):
    file = tmp_path / "curve.svg"
    said = cli("show", "07", "--plot", file)
    assert said.out == ""
    assert said.err == f"drew {file} · T\n"
    texts = [e.text for e in ElementTree.parse(file).iter() if e.text]
    assert f"sma_cross WAVE 1d …{run_id(7)[-8:]}" in texts


@pytest.mark.parametrize(
    ("run", "code", "message"),
    [
        ("nowhere", 3, "no run 'nowhere'"),
        (
            "0000",
            2,
            "'0000' fits 8 runs: give more of its id\n       …00000008 rsi WAVE 2026-11-08\n",
        ),
        ("…", 2, "a run is named by its id"),
    ],
)
def test_show_of_what_is_not_one_run(cli: Cli, run: str, code: int, message: str):
    said = cli("show", run)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith(f"error: {message}")


def test_compare_two(cli: Cli):
    said = cli("compare", "06", "05")
    assert said.lines[0] == "sma_cross, SYNTH, 1d, fast 10, risk 2, and:"
    assert [line.split() for line in said.lines[2:]] == [
        [run_id(6), run_id(5)],
        ["Parameters"],
        ["slow", "70", "60"],
        ["Metrics"],
        ["return", "+60.0%", "*", "+50.0%"],
        ["sharpe", "ratio", "3.00", "*", "2.50"],
        ["max", "drawdown", "-6.0%", "-5.0%", "*"],
        ["trades", "60", "50"],
        ["my_score", "1", "2"],
        [],
        ["no", "correlation:", "too", "few", "days", "in", "common"],
    ]
    assert said.err == "2 runs · T\n"


@pytest.mark.slow
def test_compare_shares_no_parameter_that_differs(own: Cli):
    for run, value in (("x", True), ("y", 1)):
        Lake(own.lake).save(strategy="s", run_id=run, params={"x": value, "n": 2})
    said = own("compare", "x", "y")
    assert said.lines[0] == "s, n 2, and:"


def test_compare_has_every_metric_for_programs(cli: Cli):
    rows = list(csv.reader(io.StringIO(cli("compare", "06", "07", "-f", "csv").out)))
    assert rows[0] == ["section", "name", run_id(6), run_id(7)]
    assert ["param", "slow", "70", "50"] in rows
    assert ["metric", "total_trades", "60", "2"] in rows
    assert "ulcer_index" in [row[1] for row in rows]
    assert [row[1] for row in rows if row[0] == "correlation"] == [run_id(6), run_id(7)]


@pytest.mark.slow
def test_compare_with_all_metrics(cli: Cli):
    assert "ulcer index" not in cli("compare", "06", "07").out
    assert "ulcer index" in cli("compare", "06", "07", "--all").out


def test_compare_as_markdown_keeps_its_columns(cli: Cli):
    lines = cli("compare", "06", "07", "-f", "md").lines
    assert (lines[0], lines[-1]) == ("```", "```")


def test_compare_takes_two_different_runs(cli: Cli):
    said = cli("compare", "06", run_id(6))
    assert said.code == 2
    assert said.err == "error: compare takes two different runs or more\n"


def test_equity_as_a_table(cli: Cli):
    said = cli("equity", "07")
    assert said.out == (
        "time        equity  drawdown\n"
        "2024-01-01  100.00      0.0%\n"
        "2024-01-02  110.00      0.0%\n"
        "2024-01-03   99.00    -10.0%\n"
        "2024-02-01  121.00      0.0%\n"
    )
    assert said.err == "4 points · T\n"


def test_equity_of_several_runs_names_them(cli: Cli):
    said = cli("equity", "07", "06")
    assert said.lines[0].split() == ["run", "time", "equity", "drawdown"]
    assert said.lines[1].startswith(run_id(7))


def test_equity_as_csv_json_and_parquet(cli: Cli, tmp_path: Path):
    rows = list(csv.DictReader(io.StringIO(cli("equity", "07", "-f", "csv").out)))
    assert rows[2]["ts"] == "2024-01-03T00:00:00Z"
    assert float(rows[2]["drawdown"]) == pytest.approx(-0.1)
    objects = json.loads(cli("equity", "07", "-f", "json").out)
    assert [o["equity"] for o in objects] == [100.0, 110.0, 99.0, 121.0]
    cli("equity", "07", "-o", tmp_path / "e.parquet")
    assert pl.read_parquet(tmp_path / "e.parquet")["equity"].to_list() == [100, 110, 99, 121]


def test_trades_as_a_table(cli: Cli):
    said = cli("trades", "07")
    assert said.out == (
        "#  symbol  side   qty  entry       exit                 in at    out at    pnl  return\n"
        "1  WAVE    long     2  2024-01-01  2024-01-02 12:30     50.00     55.00  10.00  +10.0%\n"
        "2  WAVE    short    1  2024-01-03  2024-02-01 00:00  1,000.00  1,004.50  -4.50   -0.4%\n"
    )
    assert said.err == "2 trades · T\n"


def test_a_run_without_trades_has_none(cli: Cli):
    said = cli("trades", "06")
    assert (said.code, said.out, said.err) == (0, "", "0 trades · T\n")
