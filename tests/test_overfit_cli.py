"""`bt-lake overfit`: the report on stdout, in every format; families of which little can be said."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from cli_lake import Cli
from test_overfit_report import flat
from trials import document, save_moments, save_returns, seeded

from bt_lake.lake import Lake


@pytest.fixture
def cli(lake: Lake, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(lake.path, capsys)


def noise(rows: int = 64, trials: int = 6) -> np.ndarray:
    return seeded().normal(0.0, 0.01, (rows, trials))


@pytest.mark.slow
def test_report(lake: Lake, cli: Cli):
    save_returns(lake, noise(), failed=1)
    said = cli("overfit", "--strategy", "s", "--bootstraps", 100)
    assert said.code == 0
    assert said.lines[0].startswith("s: 7 trials, ")
    assert said.lines[-1].endswith(".")
    assert said.out == str(lake.overfit(strategy="s", bootstraps=100))
    assert said.err == "7 trials · T\n"
    assert cli("overfit", "-f", "md", "--bootstraps", 1).lines[0] == "```"


@pytest.mark.slow
def test_formats(lake: Lake, cli: Cli, tmp_path):
    save_returns(lake, noise())
    asked = ("overfit", "--bootstraps", 50, "--splits", 8, "--seed", 3, "--block", 4)
    found = json.loads(cli(*asked, "--format", "json").out)
    truth = lake.overfit(bootstraps=50, splits=8, seed=3, block=4).to_dict()
    assert found.keys() == truth.keys()
    assert flat(found) == pytest.approx(flat(truth), rel=1e-12)  # a sum's order is not fixed
    (row,) = csv.DictReader(io.StringIO(cli(*asked, "--format", "csv").out))
    assert float(row["overfitting.pbo"]) == found["overfitting"]["pbo"]
    assert float(row["search.p"]) == found["search"]["p"]
    assert row["verdict"] == found["verdict"]
    assert cli(*asked, "-o", tmp_path / "report.parquet").code == 0


def test_window(lake: Lake, cli: Cli):
    save_returns(lake, noise())
    said = cli("overfit", "--from", "2020-01-11", "--to", "2020-02-19", "-f", "json")
    assert json.loads(said.out)["alignment"]["rows"] == 40


def saved(lake: Lake, family: str) -> None:
    rng = seeded()
    match family:
        case "one trial":
            save_returns(lake, noise(trials=1))
        case "no common dates":
            for i in range(2):
                returns = rng.normal(0.0, 0.01, 60)
                whole = document(returns - returns.mean() + 0.0005)  # nothing is won by luck
                whole["equity"]["ts"] += np.timedelta64(100 * i, "D")
                lake.save(whole)
        case "constant curves":
            save_returns(lake, np.zeros((60, 3)))
        case "three points":
            save_returns(lake, noise(rows=3))
        case "all failed":
            save_returns(lake, np.zeros((1, 0)), failed=4)
        case "copies":
            save_moments(lake, [0.1, 0.1, 0.1], n=500)


@pytest.mark.parametrize(
    ("family", "says"),
    [
        ("one trial", "Only one trial is known, so there is no selection to correct for"),
        ("no common dates", "The best of these 2 trials is not distinguishable"),
        ("constant curves", "There is no Sharpe ratio in the only trial"),
        ("three points", "The best trial rests on only 3 returns"),
        ("all failed", "There is no Sharpe ratio in any of the 4 trials (4 failed)"),
        ("copies", "The best of these 3 trials is "),
        ("nothing", "There are no trials to judge."),
    ],
)
def test_bad_families_get_a_sentence_and_no_number(lake: Lake, cli: Cli, family: str, says: str):
    lake.save(strategy="other")
    saved(lake, family)
    said = cli("overfit", "--strategy", "s")
    assert said.code == 0
    assert says in " ".join(said.out.split())
    found = json.loads(cli("overfit", "--strategy", "s", "-f", "json").out)
    assert found["overfitting"] is None
    assert (found["search"] is None) == (family not in ("copies", "no common dates"))
    for name in ("dsr", "pbo"):
        assert family == "no common dates" or f"{name} 0" not in said.out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--splits", 7], 2, "splits must be an even number from 2 to 24, not 7"),
        (["--block", 0], 2, "block, a mean length in rows, must be at least 1, not 0.0"),
        (["--from", "soon"], 2, "from: 'soon' is not a time"),
        (["--from", "2024-01-02", "--to", "2024-01-01"], 2, "the window is empty"),
        (["--where", "nonsense("], 2, "not complete"),
    ],
)
def test_mistakes(lake: Lake, cli: Cli, arguments: list, code: int, says: str):
    lake.save(strategy="s")
    said = cli("overfit", *arguments)
    assert (said.code, said.out) == (code, "")
    assert said.err.startswith("error: ")
    assert says in said.err


def test_no_lake(cli: Cli):
    assert cli("overfit").code == 3


# best --deflate, best --from --to


@pytest.mark.slow
def test_best_beside_luck(lake: Lake, cli: Cli):
    grid = [{"fast": i, "slow": 50} for i in range(6)]
    save_returns(lake, noise() + 0.002, params=grid, failed=2)
    said = cli("best", "sharpe_ratio", "-n", 3, "--deflate")
    luck = lake.overfit().best.deflated.expected_max_annual
    assert (
        said.err == f"3 of 8 trials · slow 50 in all · dsr is against a sharpe of {luck:.2f} "
        "by the spread of all runs: 8 trials · T\n"
    )
    assert said.lines[0].split()[-2:] == ["p", "dsr"]  # the haircut has no room
    assert len(said.lines) == 4
    found = json.loads(cli("best", "sharpe_ratio", "-n", 3, "--deflate", "-f", "json").out)
    # The last digit of a spread depends on the order of DuckDB's threads.
    same = lake.best("sharpe_ratio", 3, deflate=True)["dsr"].to_list()
    assert [row["dsr"] for row in found] == pytest.approx(same, rel=1e-12)
    assert cli("best", "sharpe_ratio", "--family", "all").lines[0].split()[-2:] == ["p", "dsr"]


def test_luck_of_several_families_is_a_span(lake: Lake, cli: Cli):
    for name, ratios in (("a", [0.0, 0.1]), ("b", [0.0, 0.2])):
        with lake.batch() as batch:
            for ratio in ratios:
                batch.save(strategy=name, metrics={"sharpe_ratio": ratio})
    asked = ("best", "sharpe_ratio", "--family", "strategy")
    assert "a sharpe of 0.04 to 0.07 by the spread of 2 families" in cli(*asked).err


@pytest.mark.slow
def test_several_verdicts_say_what_the_best_of_them_is_worth(lake: Lake, cli: Cli):
    with lake.batch() as batch:
        for place, column in enumerate(noise().T):
            batch.save(document(column, symbol="ABC"[place % 3], params={"n": place}))
    asked = ("overfit", "--per", "symbol", "--bootstraps", 50, "--splits", 2)
    assert "of 3 worthless families one or more would be better than luck in 14%" in cli(*asked).err
    assert "worthless" not in cli(*asked, "--symbol", "A").err


def test_best_of_a_window(lake: Lake, cli: Cli):
    save_returns(lake, noise())
    asked = ("best", "total_return", "-n", 1, "--from", "2020-01-11", "--to", "2020-02-19")
    (found,) = json.loads(cli(*asked, "-f", "json").out)
    assert (found["bars"], found["start_at"]) == (40, "2020-01-11T00:00:00Z")
    assert "1 of 6 trials" in cli(*asked).err
    said = cli("best", "win_rate", "--from", "2020-01-11")
    assert (said.code, said.out) == (2, "")
    assert "does not follow from the equity curve" in said.err


@pytest.mark.slow
def test_luck_imports_numpy_and_nothing_heavier(lake: Lake):
    save_returns(lake, noise())
    script = (
        "import sys; from bt_lake.cli.main import run; code = run(sys.argv[1:]);"
        "sys.exit(code or bool({'polars', 'pyarrow', 'pandas'} & set(sys.modules)))"
    )
    for more in (["--deflate"], ["--from", "2020-01-11"], ["--deflate", "--to", "2020-02-01"]):
        arguments = ["--lake", str(lake.path), "best", "sharpe_ratio", *more]
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()


def test_aggregate_beside_luck(lake: Lake, cli: Cli):
    save_returns(lake, noise() + 0.002, failed=2)
    said = cli("aggregate", "--deflate")
    assert said.code == 0
    assert said.lines[0].split()[-4:] == ["trials", "expected", "max", "dsr"]
    assert said.lines[1].split()[-3] == "8"
