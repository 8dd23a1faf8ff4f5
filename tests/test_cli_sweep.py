"""sweep and aggregate: a metric over parameters and over groups."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cli_lake import MIXED, Cli

from bt_lake.lake import Lake

pytest_plugins = ["cli_fixtures"]

SYNTH = ["--symbol", "SYNTH"]


def test_a_heatmap_beside_its_numbers(cli: Cli):
    said = cli("sweep", "sma_cross", "-x", "fast", "-y", "slow", *SYNTH)
    assert said.out == (
        "             slow\n"
        "fast      50    60    70\n"
        "   5    0.50  1.00  1.50    ░░░░▒▒\n"
        "  10    2.00  2.50  3.00    ▓▓████\n"
    )
    assert said.err == "6 trials · T\n"


def test_what_is_aggregated_is_said(cli: Cli):
    said = cli("sweep", "sma_cross", "-x", "fast", "-y", "slow", "--how", "max")
    assert said.err == f"max over symbol, risk · 7 trials · {MIXED} · T\n"
    assert "6.40" in said.lines[2]


def test_a_parameter_is_fixed_by_a_filter(cli: Cli):
    said = cli("sweep", "sma_cross", "-x", "fast", "-y", "slow", "-p", "risk=2")
    assert said.err == "6 trials · T\n"


def test_one_parameter_is_drawn_as_bars(cli: Cli):
    said = cli("sweep", "sma_cross", "-x", "slow", "-m", "total_return", *SYNTH)
    assert said.out == (
        "slow  return  runs\n"
        "  50  +25.0%     2  █\n"
        "  60  +35.0%     2  ███████████████\n"
        "  70  +45.0%     2  ██████████████████████████████\n"
    )


def test_the_long_table_is_the_default_for_programs(cli: Cli):
    said = cli("sweep", "sma_cross", "-x", "fast", "-y", "slow", *SYNTH, "-f", "csv")
    assert said.lines == [
        "param.fast,param.slow,sharpe_ratio,runs",
        "5,50,0.5,1",
        "5,60,1.0,1",
        "5,70,1.5,1",
        "10,50,2.0,1",
        "10,60,2.5,1",
        "10,70,3.0,1",
    ]


def test_a_metric_called_like_a_column_beside_it(own: Cli):
    Lake(own.lake).save(strategy="s", params={"k": 1}, metrics={"runs": 7.0})
    asked = ["sweep", "s", "-x", "k", "-m", "runs", "-f", "csv"]
    assert own(*asked).lines == ["param.k,extra.runs,runs", "1,7.0,1"]
    assert own(*asked, "--as", "pivot").lines == ["param.k,extra.runs", "1,7.0"]


def test_a_pivot(cli: Cli):
    options = ["-x", "fast", "-y", "slow", *SYNTH, "--as", "pivot"]
    assert cli("sweep", "sma_cross", *options, "-f", "csv").lines == [
        "param.fast,50,60,70",
        "5,0.5,1.0,1.5",
        "10,2.0,2.5,3.0",
    ]
    objects = json.loads(cli("sweep", "sma_cross", *options, "-f", "json").out)
    assert objects[1] == {"param.fast": 10, "50": 2.0, "60": 2.5, "70": 3.0}


@pytest.mark.parametrize("y", [["-y", "slow"], []])
def test_plots(cli: Cli, tmp_path: Path, y: list[str]):
    file = tmp_path / "sweep.svg"
    said = cli("sweep", "sma_cross", "-x", "fast", *y, *SYNTH, "--plot", file)
    assert said.out == ""
    assert said.err.startswith(f"drew {file} · ")
    texts = [e.text for e in ElementTree.parse(file).iter() if e.text]
    assert "sharpe of sma_cross" in texts
    assert any(text.startswith("fast 10") for text in texts)  # what a cell or bar says on hover


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["sma_cross", "-x", "fats"], 2, "no parameter 'fats'. Did you mean fast?"),
        (["sma_cross", "-x", "fast", "-y", "fast"], 2, "x and y are both param.fast"),
        (["sma_cross", "-x", "fast", "-m", "sharp"], 2, "no metric 'sharp'"),
        (["sma_cross"], 2, "missing option"),
        (["sma_cross", "-x", "fast", "--how", "mode"], 2, "--how: no 'mode'"),
        (["sma_cross", "-x", "fast", "--plot", "x.gif"], 2, "cannot draw x.gif"),
        (["sma_cross", "-x", "fast", "--strategy", "a"], 2, "no such option: --strategy"),
    ],
)
def test_mistakes(cli: Cli, arguments: list[str], code: int, message: str):
    said = cli("sweep", *arguments)
    assert (said.code, said.out) == (code, "")
    assert message in said.err


def test_a_strategy_that_is_not_there(cli: Cli):
    said = cli("sweep", "sma_cros", "-x", "fast", "-y", "slow")
    assert said.out == ""
    assert "Did you mean sma_cross?" in said.err


def test_aggregate_as_a_table(cli: Cli):
    said = cli("aggregate", "--by", "symbol", "--strategy", "sma_cross", "--above", "1")
    assert said.out == (
        "symbol  runs  mean  median   std   min   max   q25   q75  above 1\n"
        "WAVE       1  6.40    6.40     -  6.40  6.40  6.40  6.40   100.0%\n"
        "SYNTH      6  1.75    1.75  0.94  0.50  3.00  1.12  2.38    66.7%\n"
    )
    assert said.err == f"sharpe of 2 groups · {MIXED} · T\n"


def test_aggregate_tells_failures_where_there_are_some(cli: Cli):
    assert cli("aggregate").lines[0].split()[:3] == ["strategy", "runs", "failed"]


def test_aggregate_reads_in_the_unit_of_its_metric(cli: Cli):
    said = cli("aggregate", "--by", "param.fast", "-m", "total_return", *SYNTH)
    assert [line.split()[:3] for line in said.lines] == [
        ["fast", "runs", "mean"],
        ["10", "3", "+50.0%"],
        ["5", "3", "+20.0%"],
    ]


def test_aggregate_as_csv_is_raw(cli: Cli):
    options = ["--by", "symbol,param.fast", "--quantiles", "0.5", "-m", "total_trades"]
    rows = list(csv.DictReader(io.StringIO(cli("aggregate", *options, *SYNTH, "-f", "csv").out)))
    assert [row["q50"] for row in rows] == ["50.0", "20.0"]
    assert rows[0]["param.fast"] == "10"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--by", "symbl"], "Did you mean symbol?"),
        (["--quantiles", "2"], "'2' is not a number between 0 and 1"),
        (["--quantiles", "x"], "'x' is not a number between 0 and 1"),
        (["--above", "much"], "--above: 'much' is not a number"),
        (["-m", "sharp"], "no metric 'sharp'"),
    ],
)
def test_mistakes_of_aggregate(cli: Cli, arguments: list[str], message: str):
    said = cli("aggregate", *arguments)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
