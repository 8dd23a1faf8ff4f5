"""bt-lake import: what the command says and how it ends."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from cli_lake import Cli
from older_stores import add_results, result

from bt_lake.warehouse.store import Store

pytest_plugins = ["cli_fixtures"]


@pytest.fixture
def empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    Store(tmp_path / "lake").create()
    return Cli(tmp_path / "lake", capsys)


@pytest.fixture
def trading(tmp_path: Path) -> Path:
    return add_results(tmp_path / "trading.db", result(), result(symbol="AAPL"))


def test_it_says_what_became_of_every_column(empty: Cli, trading: Path):
    said = empty("import", "sqlite", trading, "--set", "strategy=rl")
    assert said.lines[:3] == [
        "theirs           ours                values  how",
        "id               config.imported.id       2  part of the run's id",
        "symbol           symbol                   2",
    ]
    assert said.err == "2 added · 0 already there · T\n"
    assert empty("import", "sqlite", trading).err.endswith("0 added · 2 already there · T\n")


def test_the_same_as_data(empty: Cli, trading: Path):
    columns = json.loads(empty("import", "sqlite", trading, "--dry-run", "-f", "json").out)
    assert columns[9] == {
        "theirs": "total_return",
        "ours": "total_return",
        "values": 2,
        "how": "percent: agrees with final over initial capital in 2 of 2 rows",
    }


def test_a_dry_run(empty: Cli, trading: Path):
    said = empty("import", "sqlite", trading, "--dry-run")
    assert said.err.splitlines()[-1] == "2 would be added · 0 already there · T"
    assert empty("list").out == ""


def test_rows_that_cannot_be_read(empty: Cli, trading: Path):
    add_results(trading, result(total_trades="many"))
    said = empty("import", "sqlite", trading)
    assert said.code == 2
    assert 'backtest_results, id 3, total_trades: "many" is not a number\n' in said.err
    assert "3 added · 0 already there · 1 value left out" in said.err


def test_maps_and_units(empty: Cli, trading: Path):
    with sqlite3.connect(trading) as connection:
        connection.execute("alter table backtest_results add column algo text default 'rl'")
    options = [
        "--map",
        "algo=strategy",
        "--unit",
        "win_rate=percent",
        "--table",
        "backtest_results",
    ]
    empty("import", "sqlite", trading, *options)
    assert empty("sql", "select distinct strategy, win_rate from runs").lines[1].split() == [
        "rl",
        "0.55",
    ]


def test_misuse(empty: Cli, trading: Path):
    unpaired = empty("import", "sqlite", trading, "--map", "algo")
    assert (unpaired.code, unpaired.err) == (
        2,
        "error: --map algo: write THEIRS=OURS, such as algo=strategy\n",
    )
    missing = empty("import", "sqlite", "nowhere.db")
    assert (missing.code, missing.err) == (3, "error: nowhere.db: no such file\n")
    assert empty("import", "oracle", "x").code == 2
