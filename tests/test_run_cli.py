"""run, reproduce and demo on the command line."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from cli_lake import COMMAND, Called, Cli, environment

from bt_lake.examples import market, rsi_reversion, sma_cross, trading
from bt_lake.warehouse.store import Store

STRATEGY = """
    import time

    print("the user's file")

    def run(n, gap=0.0, symbol=None):
        print("the user's own words")
        time.sleep(gap)
        if n == 13:
            raise ValueError("unlucky")
        return {"symbol": symbol, "metrics": {"sharpe_ratio": n / 10, "total_return": n / 100}}
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "strat.py").write_text(textwrap.dedent(STRATEGY))
    return Cli(tmp_path / "lake", capsys)


def rows_of(called: Called) -> list[dict]:
    return json.loads(called.out)


@pytest.mark.slow
def test_one_run_is_shown_and_saved(cli):
    ran = cli(
        "run", "strat.py:run", "-p", "n=5", "--symbol", "A", "--strategy", "mine", "-f", "json"
    )
    assert ran.code == 0 and "the user's file\nthe user's own words\n" in ran.err
    row = rows_of(ran)
    assert (row["strategy"], row["symbol"], row["sharpe_ratio"]) == ("mine", "A", 0.5)
    assert row["params"] in ({"n": 5}, '{"n":5}') and row["sweep"] is None
    again = cli("run", "strat.py:run", "-p", "n=5", "--symbol", "A", "-f", "json")
    assert rows_of(again)["run_id"] != row["run_id"]  # one run is not a sweep: it always runs


@pytest.mark.slow
def test_whatever_a_run_prints_stays_off_stdout(cli, tmp_path):
    (tmp_path / "loud.py").write_text(
        "import os\nos.system('echo imported')\n"
        "def run():\n    print('words')\n    os.write(1, b'bytes\\n')\n    os.system('echo child')\n"
        "    return {'metrics': {'total_return': 0.1}}\n"
    )
    ran = cli.process("run", "loud.py:run", "-f", "json")
    assert rows_of(ran)["total_return"] == 0.1
    assert {"imported", "words", "bytes", "child"} <= set(ran.err.splitlines())
    again = cli.process("reproduce", rows_of(ran)["run_id"], "--yes", "-f", "csv")
    assert again.code == 0 and "bytes" in again.err and "bytes" not in again.out


def test_one_run_that_fails_is_saved_and_said(cli):
    ran = cli("run", "strat.py:run", "-p", "n=13")
    assert (ran.code, ran.out) == (2, "")
    assert "error: n=13 failed, and is saved as" in ran.err and "ValueError: unlucky" in ran.err
    listed = cli("list", "--status", "failed", "-f", "json")
    assert rows_of(listed)[0]["error"].startswith("ValueError: unlucky\n")


@pytest.mark.slow
def test_a_sweep_shows_its_best_and_goes_on_where_it_was(cli):
    asked = ("run", "strat.py:run", "-g", "n=1:6:1", "--if", "n != 2", "-n", 2, "-f", "csv")
    ran = cli(*asked)
    assert ran.code == 0, ran.err
    shown = list(csv.DictReader(io.StringIO(ran.out)))
    assert [float(row["sharpe_ratio"]) for row in shown] == [0.6, 0.5]
    label = shown[0]["sweep"]
    assert re.fullmatch(r"strat-[0-9a-f]{6}", label)
    assert re.search(rf"^5 of 5 runs are in the lake · [\d,]+/s · sweep {label}$", ran.err, re.M)
    again = cli(*asked)
    assert f"5 of 5 runs are in the lake, 5 were before · sweep {label}\n" in again.err
    assert again.out == ran.out


@pytest.mark.slow
def test_a_wider_sweep_shows_the_best_of_all_it_asked_for(cli):
    cli("run", "strat.py:run", "-p", "n=9")
    cli("run", "strat.py:run", "-g", "n=7,8", "--sweep", "first")
    wider = cli("run", "strat.py:run", "-g", "n=5:9:1", "--sweep", "wider", "-n", 3, "-f", "json")
    assert "5 of 5 runs are in the lake, 3 were before" in wider.err
    assert [row["sharpe_ratio"] for row in rows_of(wider)] == [0.9, 0.8, 0.7]
    assert [row["sweep"] for row in rows_of(wider)] == [None, "first", "first"]


@pytest.mark.slow
def test_a_sweep_shows_nothing_that_it_did_not_ask_for(cli):
    wide = ("run", "strat.py:run", "-g", "n=1:6:1", "--sweep", "wide")
    cli(*wide, "--symbol", "A", "--symbol", "B")
    cli("run", "strat.py:run", "-p", "n=9", "--symbol", "A")
    asked = ("run", "strat.py:run", "-g", "n=2:4:1", "--sweep", "narrow", "--symbol", "B")
    narrow = cli(*asked, "-f", "json")
    assert "3 of 3 runs are in the lake, 3 were before" in narrow.err
    found = [(row["symbol"], row["sharpe_ratio"], row["sweep"]) for row in rows_of(narrow)]
    assert found == [("B", 0.4, "wide"), ("B", 0.3, "wide"), ("B", 0.2, "wide")]
    assert "3 of 3 trials" in narrow.err


@pytest.mark.slow
def test_failures_of_a_sweep_are_told_and_do_not_fail_it(cli):
    ran = cli("run", "strat.py:run", "-g", "n=12:14:1", "--sweep", "s")
    assert ran.code == 0
    assert "warning: the first failure was n=13: ValueError: unlucky\n" in ran.err
    assert "3 of 3 runs are in the lake, 1 failed" in ran.err
    assert "`bt-lake list --sweep s --status failed` shows what failed" in ran.err
    listed = cli("list", "--sweep", "s", "--status", "failed").out
    assert "ValueError: unlucky" in listed and "Traceback" not in listed and "^" not in listed
    assert cli("delete", "--sweep", "s", "--status", "failed", "--yes").code == 0
    again = cli("run", "strat.py:run", "-g", "n=12:14:1", "--sweep", "s")
    assert "3 of 3 runs are in the lake, 2 were before, 1 failed" in again.err


@pytest.mark.slow
def test_a_sweep_that_fails_altogether_fails(cli):
    ran = cli("run", "strat.py:run", "-g", "n=13", "-g", "gap=0,0.001")
    assert (ran.code, ran.out) == (2, "")
    fast = cli("run", "strat.py:run", "-g", "n=13", "-g", "gap=0.002", "--fail-fast")
    assert (fast.code, fast.out) == (2, "")
    assert "error: n=13 gap=0.002: ValueError: unlucky" in fast.err
    assert "stopped at the first failure" in fast.err


@pytest.mark.slow
def test_draws_and_folds(cli):
    drawn = cli("run", "strat.py:run", "-g", "n=20:90:1", "--random", 3, "--seed", 7)
    assert drawn.code == 0 and "3 of 3 runs" in drawn.err
    target = "bt_lake.examples.sma_cross:run"
    span = ("--folds", 2, "--train", 0.6, "--start", "2020-01-01", "--end", "2021-12-31")
    folds = cli("run", target, "-g", "fast=5,10", *span, "-f", "json", "-n", 99)
    assert folds.code == 0, folds.err
    found = rows_of(folds)
    assert sorted((row["fold"], row["sample"]) for row in found) == sorted(
        [(f, s) for f in "12" for s in ("in", "out")] * 2
    )
    ends = {(row["fold"], row["sample"]): row["end_at"][:10] for row in found}
    assert ends["2", "out"] == "2021-12-31"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("strat.py:rum",), "no function in .*strat.py 'rum'. Did you mean run?"),
        (("strat.py:run", "-p", "m=1"), "no argument of strat.py:run 'm'"),
        (("strat.py:run",), "missing a required argument: 'n'; give it with -p or --grid"),
        (("strat.py:run", "-p", "n"), "-p n: write NAME=VALUE"),
        (("strat.py:run", "-g", "n=1:9"), "grid: n=1:9: a range is start:stop:step"),
        (("strat.py:run", "-g", "n=9:1:1"), "grid: n=9:1:1: a step of 1 does not lead"),
        (("strat.py:run", "-g", "n=1:3:1", "--if", "m < 2"), "no parameter 'm'"),
        (
            ("strat.py:run", "-g", "n=1:3:1", "--if", "open('x')"),
            "may hold only names, numbers",
        ),
        (("strat.py:run", "-g", "n=1,2", "--folds", "2"), "give its start and end"),
        (("strat.py:run", "-p", "n=1", "--start", "2024-01-01"), "no argument .* 'start'"),
    ],
)
def test_mistakes_are_told_and_leave_no_lake(cli, arguments, words):
    ran = cli("run", *arguments)
    assert ran.code == 2 and ran.out == "" and re.search(words, ran.err.replace("\n       ", " "))
    assert not cli.lake.exists()


def test_no_such_file_or_module(cli):
    assert cli("run", "nothing.py:run").code == 3
    assert cli("run", "no_such_module_here:run").code == 3


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_ctrl_c_says_what_is_in(cli, tmp_path):
    command = [*COMMAND, "--lake", str(cli.lake), "run", "strat.py:run", "-g", "n=100:400:1"]
    ran = subprocess.Popen(
        [*command, "-p", "gap=0.02", "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    end = time.monotonic() + 60
    while not any((cli.lake / "runs").glob("*/c-*")):
        assert time.monotonic() < end and ran.poll() is None
        time.sleep(0.01)
    ran.send_signal(signal.SIGINT)
    out, err = ran.communicate(timeout=60)
    assert (ran.returncode, out) == (130, b"")
    said = re.search(
        r"interrupted: (\d+) of 301 runs are in the lake; start it again", err.decode()
    )
    assert said is not None
    ask = Store(cli.lake).ask(lambda c: c.execute("select count(*) from runs").fetchall())
    assert ask[0][0] == int(said[1])


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_ctrl_c_in_a_single_run_leaves_nothing(cli, tmp_path):
    (tmp_path / "slow.py").write_text(
        "import time\ndef run():\n    open('began', 'w').close()\n    time.sleep(60)\n"
    )
    command = [*COMMAND, "--lake", str(cli.lake), "run", "slow.py:run"]
    ran = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())
    until((tmp_path / "began").exists)
    ran.send_signal(signal.SIGINT)
    _, err = ran.communicate(timeout=60)
    assert ran.returncode == 130
    assert err == "interrupted: the run had not ended, and is not in the lake\n"
    assert not cli.lake.exists()


def until(there) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_reproduce_prints_both_and_says_whether_they_are_the_same(cli, tmp_path):
    (tmp_path / "cross.py").write_text(Path(sma_cross.__file__).read_text())
    made = rows_of(cli("run", "cross.py:run", "-p", "fast=5", "-f", "json"))["run_id"]
    same = cli("reproduce", made[-8:], "--yes")
    assert same.code == 0 and "the same numbers as" in same.err
    assert made in same.out and "sharpe ratio" in same.out
    text = (tmp_path / "cross.py").read_text()
    (tmp_path / "cross.py").write_text(text.replace("mean(closes, fast) >", "closes >"))
    other = cli("reproduce", made, "--yes", "--changed-code")
    assert other.code == 0 and "warning: the code has changed since" in other.err
    assert re.search(r"\d+ numbers differ: ", other.err)
    new = [line for line in cli("list", "-f", "csv", "-n", 1).lines if "run_id" not in line]
    assert made in cli("show", new[0].split(",")[0], "-f", "json").out
    assert cli("reproduce", "ffffffff").code == 3


@pytest.mark.slow
def test_other_numbers_from_the_same_code_are_a_conflict(cli, tmp_path):
    (tmp_path / "chance.py").write_text(
        "import time\ndef run(): return {'metrics': {'total_return': time.time() % 1}}\n"
    )
    made = rows_of(cli("run", "chance.py:run", "-f", "json"))["run_id"]
    ran = cli("reproduce", made, "--yes")
    assert ran.code == 4
    assert "other numbers from the same code, and the function does not name its data" in ran.err
    checked = cli("check")
    assert checked.code == 0 and checked.out == ""
    assert (
        "warning: 1 configuration gave different results with the same code, params" in checked.err
    )
    compared = re.search(r"`bt-lake (compare \S+ \S+)` shows one", checked.err)
    assert compared is not None and cli(*compared[1].split()).code == 0


@pytest.mark.slow
def test_the_demo_shows_it_all(cli):
    ran = cli.process("demo")
    assert ran.code == 0, ran.err
    asked = [line.split()[2] for line in ran.lines if line.startswith("$ bt-lake")]
    assert asked == ["run", "run", "best", "aggregate", "sweep", "compare", "overfit"]
    assert "324 of 324 runs are in the lake" in ran.err
    assert "best plateau: " in ran.err and "dsr is against a sharpe of" in ran.err
    told = [line for line in ran.lines if line.startswith(("$ ", "    --"))]
    assert max(len(line.replace(str(cli.lake), "lake")) for line in told) <= 80
    # What is shown can be typed.
    typed = "\n".join(told).replace("\\\n", "").splitlines()[2].removeprefix("$ bt-lake ")
    assert typed.startswith("best") and cli.process(*shlex.split(typed)).out in ran.out
    trials = Store(cli.lake).ask(
        lambda c: c.execute(
            "select count(*), count(*) filter (status = 'ok') from trials"
        ).fetchall()
    )
    assert trials == [(372, 372)]
    again = cli.process("demo")
    assert again.code == 0 and "324 of 324 runs are in the lake, 324 were before" in again.err
    assert again.out == ran.out


def test_the_demo_keeps_out_of_a_lake_in_use(cli):
    cli("run", "strat.py:run", "-p", "n=1")
    ran = cli("demo")
    assert ran.code == 2 and "give the demo a lake of its own with --lake demo-lake" in ran.err


@pytest.mark.parametrize("example", [sma_cross, rsi_reversion])
@pytest.mark.parametrize("exit_rule", trading.EXIT_RULES)
def test_examples_add_up(example, exit_rule):
    document = example.run(symbol="SYNTH", exit_rule=exit_rule)
    equity, trades = document["equity"]["equity"], document["trades"]
    assert equity[0] == trading.CAPITAL and len(trades["pnl"]) > 5
    assert np.isclose(trading.CAPITAL + trades["pnl"].sum(), equity[-1], rtol=1e-12)
    gross = trades["quantity"] * (trades["exit_price"] - trades["entry_price"])
    assert np.allclose(gross - trades["fees"], trades["pnl"])
    assert np.all(trades["entry_at"] < trades["exit_at"])
    assert np.all(trades["entry_at"][1:] >= trades["exit_at"][:-1])
    stopped = "trailing stop" in trades["exit_reason"]
    assert stopped == (exit_rule == "trailing")


@pytest.mark.slow
def test_examples_take_prices_from_a_csv(cli, tmp_path):
    times, closes = market.synthetic("SYNTH")
    with open(tmp_path / "prices.csv", "w") as file:
        file.write("Date,Close\n")
        for when, close in zip(times[::-1], closes[::-1], strict=True):
            file.write(f"{str(when)[:10]},{float(close)!r}\n")
    target = "bt_lake.examples.sma_cross:run"
    given = rows_of(cli("run", target, "-p", "data=prices.csv", "-f", "json"))
    made_up = rows_of(cli("run", target, "-f", "json"))
    assert given["final_equity"] == made_up["final_equity"]
    assert len(given["data_hash"]) == 32 and made_up["data_hash"] is None


def test_examples_look_at_no_later_prices():
    whole = sma_cross.run(fast=10, slow=40)["equity"]
    part = sma_cross.run(fast=10, slow=40, end="2022-06-30")["equity"]
    count = len(part["ts"])
    # The last bar alone is sold at the end.
    assert np.array_equal(whole["equity"][: count - 1], part["equity"][: count - 1])
    assert str(part["ts"][-1])[:10] == "2022-06-30"
    with pytest.raises(ValueError, match="exit_rule is 'never'"):
        sma_cross.run(exit_rule="never")
