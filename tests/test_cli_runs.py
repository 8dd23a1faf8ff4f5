"""list, best, lookup: what they say, in every format."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import polars as pl
import pytest
from cli_lake import MIXED, Cli, run_id

from bt_lake.warehouse.schema import HIDDEN, RUNS

pytest_plugins = ["cli_fixtures"]


def shown(text: str) -> list[int]:
    """The numbers of the runs in a CSV."""
    return [int(row["run_id"][-2:]) for row in csv.DictReader(io.StringIO(text))]


def test_best_as_a_table(cli: Cli):
    said = cli("best", "sharpe_ratio", "-n", 3)
    assert said.out == (
        "#  run                                   strategy   symbol  fast  slow  risk"
        "  sharpe  return  max dd  trades\n"
        f"1  {run_id(7)}  sma_cross  WAVE       5    50     1    6.40  +21.0%  -10.0%       2\n"
        f"2  {run_id(6)}  sma_cross  SYNTH     10    70     2    3.00  +60.0%   -6.0%      60\n"
        f"3  {run_id(5)}  sma_cross  SYNTH     10    60     2    2.50  +50.0%   -5.0%      50\n"
    )
    assert said.err == f"3 of 8 trials · {MIXED} · T\n"
    assert said.code == 0


def test_one_run_is_shown_with_all_of_its_params(cli: Cli):
    said = cli("best", "sharpe_ratio", "-n", 1)
    assert said.out == (
        "#  run                                   strategy   symbol  fast  slow  risk"
        "  sharpe  return  max dd  trades\n"
        f"1  {run_id(7)}  sma_cross  WAVE       5    50     1    6.40  +21.0%  -10.0%       2\n"
    )
    assert said.err == f"1 of 8 trials · {MIXED} · T\n"


def test_params_that_all_shown_runs_share_are_told_below(cli: Cli):
    said = cli("list", "--param", "risk=2", "--sort", "param.slow")
    assert " slow " in said.out.splitlines()[0] and " risk " not in said.out.splitlines()[0]
    assert said.err.endswith(" · risk 2 in all · T\n")
    raw = cli("list", "--param", "risk=2", "-f", "csv")
    assert "in all" not in raw.err


def test_best_as_csv_has_every_column_raw(cli: Cli):
    said = cli("best", "sharpe_ratio", "-n", 1, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(said.out))
    assert list(row) == ["rank", *(name for name in RUNS.names if name not in HIDDEN)]
    assert row["run_id"] == run_id(7)
    assert row["total_return"] == "0.20999999999999996"
    assert row["created_at"] == "2026-11-07T12:00:00Z"
    assert json.loads(row["tags"]) == ["q4"]
    assert json.loads(row["params"]) == {"fast": 5, "slow": 50, "risk": 1}
    assert row["notes"] == "first line\nsecond line"
    assert row["error"] == ""


def test_best_as_json_has_objects_for_params(cli: Cli):
    said = cli("best", "my_score", "-n", 1, "-f", "json", "--columns", "run_id,params,param.slow")
    assert said.out == (
        '[\n{"rank": 1, "run_id": "' + run_id(1) + '", '
        '"params": {"fast": 5, "slow": 50, "risk": 2}, "param.slow": "50"}\n]\n'
    )


def test_best_as_markdown(cli: Cli):
    said = cli("best", "calmar_ratio", "-f", "md", "--columns", "run_id,calmar_ratio,tags")
    assert said.out == (
        "| # | run | calmar | tags |\n| ---: | --- | ---: | --- |\n"
        f"| 1 | {run_id(7)} | 78.09 | q4 |\n"
    )


def test_best_as_parquet(cli: Cli, tmp_path: Path):
    file = tmp_path / "best.parquet"
    said = cli("best", "sharpe_ratio", "-n", 2, "-o", file)
    frame = pl.read_parquet(file)
    assert said.out == ""
    assert said.err == f"2 of 8 trials · {MIXED} · T\n"
    assert frame["run_id"].to_list() == [run_id(7), run_id(6)]
    assert frame.schema["created_at"] == pl.Datetime("us", "UTC")
    assert [p.name for p in tmp_path.iterdir()] == ["best.parquet"]


def test_parquet_of_nothing_has_its_columns(cli: Cli, tmp_path: Path):
    file = tmp_path / "none.parquet"
    assert cli("best", "sharpe_ratio", "--symbol", "NONE", "-o", file).code == 0
    assert pl.read_parquet(file).columns == [
        "rank",
        *(name for name in RUNS.names if name not in HIDDEN),
    ]


def test_best_of_each_group_is_one_by_default(cli: Cli):
    said = cli("best", "sharpe_ratio", "--per", "symbol", "-f", "csv")
    assert sorted(shown(said.out)) == [6, 7]
    assert said.out.startswith("symbol,rank,run_id,")


def test_best_passes_over_runs_with_few_trades(cli: Cli):
    said = cli("best", "sharpe_ratio", "--min-trades", 30, "-n", 2, "-f", "csv")
    assert shown(said.out) == [6, 5]


def test_less_is_better_where_the_schema_says_so_and_order_overrides(cli: Cli):
    assert shown(cli("best", "max_drawdown", "-n", 1, "-f", "csv").out) == [1]
    assert shown(cli("best", "max_drawdown", "-n", 1, "-f", "csv", "--order", "asc").out) == [7]


def test_list_is_newest_first_and_tells_failures(cli: Cli):
    said = cli("list", "-n", 2)
    assert said.out == (
        "created           run                                   strategy   symbol  timeframe"
        "  fast  slow  risk  sharpe  return  max dd  trades  status"
        "  error                                tags\n"
        f"2026-11-08 12:00  {run_id(8)}  rsi        WAVE    -        "
        "     -     -     -       -       -       -       -  failed"
        "  ZeroDivisionError: division by zero  -\n"
        f"2026-11-07 12:00  {run_id(7)}  sma_cross  WAVE    1d       "
        "     5    50     1    6.40  +21.0%  -10.0%       2  ok    "
        "  -                                    q4\n"
    )
    assert said.err == "2 of 8 runs · T\n"


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (["--strategy", "rsi"], [8]),
        (["--symbol", "SYNTH", "--since", "2026-11-05"], [6, 5]),
        (["--until", "2026-11-02"], [2, 1]),
        (["--since", "2026-11-06T12:00:00Z", "--until", "2026-11-07T12:00:00Z"], [7, 6]),
        (["--tag", "q4"], [7]),
        (["--status", "failed"], [8]),
        (["--param", "fast=10", "-p", "slow=60"], [5]),
        (["-p", "slow>=60", "-p", "fast=5"], [3, 2]),
        (["-p", "slow=50", "-p", "slow=70", "--symbol", "SYNTH"], [6, 4, 3, 1]),
        (["-p", "fast!=5", "-p", "slow<70"], [5, 4]),
        (["-p", "fast=null"], []),
        (["--where", "json_exists(params, '/fast') is not true"], [8]),
        (["--where", "total_trades > 40 or win_rate = 0.5"], [7, 6, 5]),
        (["--timeframe", "1d", "--symbol", "WAVE"], [7]),
        (["--symbol", "WAVE", "--symbol", "SYNTH", "--strategy", "rsi"], [8]),
    ],
)
def test_filters(cli: Cli, filters: list[str], numbers: list[int]):
    said = cli("list", *filters, "-f", "csv", "--columns", "run_id")
    assert shown(said.out) == numbers
    assert said.err.startswith(f"{len(numbers)} of {len(numbers)} run")


def test_pages_follow_each_other(cli: Cli):
    options = ["--sort", "sharpe_ratio", "-f", "csv", "--columns", "run_id", "-n", 3]
    first = shown(cli("list", *options).out)
    second = shown(cli("list", *options, "--after", run_id(first[-1])).out)
    third = shown(cli("list", *options, "--after", f"…{run_id(second[-1])[-8:]}").out)
    assert first + second + third == [7, 6, 5, 4, 3, 2, 1, 8]


def test_sort_by_a_parameter_shows_it_once(cli: Cli):
    said = cli("list", "--sort", "param.slow", "--order", "asc", "-n", 2, "--symbol", "SYNTH")
    assert said.lines[0].split().count("slow") == 1
    assert [line.split()[2][-2:] for line in said.lines[1:]] == ["01", "04"]


def test_all_runs_stream_to_a_file(cli: Cli, tmp_path: Path):
    said = cli("list", "--all", "-o", tmp_path / "all.csv", "--columns", "run_id")
    assert shown((tmp_path / "all.csv").read_text()) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert said.err == "8 of 8 runs · T\n"


@pytest.mark.parametrize("format", ["table", "csv", "json", "md"])
def test_nothing_found_is_said_on_stderr(cli: Cli, format: str):
    said = cli("list", "--symbol", "WAV", "-f", format, "--columns", "run_id")
    assert (
        said.out
        == {
            "table": "",
            "csv": "run_id\n",
            "json": "[\n]\n",
            "md": "| run |\n| --- |\n",
        }[format]
    )
    assert "no run has symbol 'WAV'. Did you mean WAVE?" in said.err
    assert said.code == 0


def test_lookup_by_options(cli: Cli):
    params = ["-p", "fast=10", "-p", "slow=60.0", "-p", "risk=2"]
    said = cli("lookup", "--strategy", "sma_cross", "--symbol", "SYNTH", *params)
    assert said.lines[1].split()[-1] == "-5.0%"
    assert said.err == "1 of 1 found · T\n"


def test_lookup_of_what_is_not_there(cli: Cli):
    said = cli("lookup", "--strategy", "sma_cross", "-p", "fast=10")
    assert (said.code, said.out) == (3, "")
    assert said.err == ("error: no run fits; parameters fit only when all of them are given\n")


def test_lookup_of_a_file_of_keys_keeps_its_order(cli: Cli, tmp_path: Path):
    keys = tmp_path / "keys.csv"
    keys.write_text(
        "symbol,strategy,param.fast,param_slow,params.risk\n"
        "SYNTH,sma_cross,10,70,2\nNONE,sma_cross,10,70,2\nWAVE,sma_cross,5,50,1\n"
    )
    said = cli("lookup", "--keys", keys, "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["run_id"][-2:] for row in rows] == ["06", "", "07"]
    assert [row["symbol"] for row in rows] == ["SYNTH", "NONE", "WAVE"]
    assert said.err == "2 of 3 found · T\n"
    assert "-" in cli("lookup", "--keys", keys).lines[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["best", "sharp"], "no metric 'sharp'. Did you mean sharpe_ratio, sharpe_period?"),
        (["best", "strategy"], "'strategy' is not a number"),
        (["best", "param.fats"], "no parameter 'fats'. Did you mean fast?"),
        (["best", "sharpe_ratio", "--per", "symbl"], "Did you mean symbol?"),
        (["list", "--param", "fast"], "write NAME=VALUE"),
        (["list", "--since", "yesterday"], "'yesterday' is not a time"),
        (["list", "--where", "1; drop table runs"], "syntax error"),
        (["list", "--where", "nothing > 1"], "nothing"),
        (["lookup"], "look up what?"),
        (["lookup", "--keys", "nowhere.csv"], "cannot read nowhere.csv"),
        (["lookup", "-p", "fast"], "write NAME=VALUE"),
    ],
)
def test_mistakes_say_what_to_do(cli: Cli, arguments: list[str], message: str):
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert message in said.err
    assert "Traceback" not in said.err
