"""FORMAT.md suffices: what a writer made from it alone wrote is a lake like any other."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import second_writer as other

from bt_lake.cli.main import run
from bt_lake.lake import Lake
from bt_lake.warehouse.schema import TABLES, arrow_schema

START = datetime(2024, 1, 1, tzinfo=UTC)
CURVE = [{"ts": START + timedelta(days=n), "equity": 100.0 + n % 7} for n in range(60)]
TRADES = [
    {"trade_no": 1, "entry_at": START, "exit_at": START + timedelta(days=2), "pnl": 3.0},
    {"trade_no": 2, "entry_at": START, "pnl": None},
]


@pytest.fixture
def lake(tmp_path) -> Lake:
    path = tmp_path / "lake"
    other.found(path)
    for fast in (5, 10.0, 20):
        other.append(
            path,
            {
                "strategy": "theirs", "symbol": "AAPL", "params": {"fast": fast, "on": True},
                "tags": ["a"], "sharpe_ratio": fast / 10, "metrics_from": "reported",
                "extra": [("score", 1.5)], "config": '{"desk": "x"}',
            },
            CURVE if fast > 5 else None,
            TRADES if fast > 10 else None,
        )  # fmt: skip
    return Lake(path)


def test_it_was_made_from_the_page_alone():
    tree = ast.parse(Path(other.__file__).read_text("utf-8"))
    named = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    named |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not [name for name in named if name.startswith("bt_lake")]
    assert {name.split(".")[0] for name in named} >= {"pyarrow"}


@pytest.mark.parametrize("table", TABLES)
def test_the_page_gives_the_physical_types(table):
    assert other.tables()[table].equals(arrow_schema(table), check_metadata=True)


@pytest.mark.slow
def test_everything_works_on_its_lake(lake, tmp_path, capsys):
    """Ask, mark, save beside it, compact, check, copy: as on a lake of our own."""
    best = lake.best("sharpe_ratio")
    assert best["sharpe_ratio"].to_list() == [2.0, 1.0, 0.5]
    assert lake.lookup({"strategy": "theirs", "params": {"fast": 10, "on": True}})["run_id"][0]
    one = lake.run(best["run_id"][0])
    assert one.equity.height == 60 and one.trades.height == 2 and one.row["tags"] == ["a"]
    assert lake.runs(params={"on": True}, where="extra['score'] > 1").height == 3
    other.event(lake.path, best["run_id"][2], "delete")
    other.event(lake.path, best["run_id"][0], "tag", "kept")
    assert lake.runs().height == 2 and lake.runs(tag="kept").height == 1
    lake.save(strategy="ours", params={"fast": 5}, metrics={"sharpe_ratio": 3.0})
    assert lake.restore(best["run_id"][2]) == 1
    assert not lake.check().damaged
    lake.check(repair=True)  # writes lake.sql, which it leaves to us
    assert not lake.check().findings
    assert lake.compact(grace_s=0)
    assert lake.runs().height == 4 and lake.equity(best["run_id"][0]).height == 60
    assert not lake.check().damaged
    assert lake.export(tmp_path / "copy", curves=True, trades=True).runs == 4
    assert run(["--lake", str(lake.path), "list"]) == 0
    assert "theirs" in capsys.readouterr().out
    other.append(lake.path, {"strategy": "theirs", "params": {"fast": 5, "on": True}})
    assert lake.runs().height == 5


def test_a_hash_that_it_left_out_is_said(lake):
    other.append(lake.path, {"strategy": "theirs", "params": '{"fast":1}'})
    [finding] = [f for f in lake.check(deep=True).findings if "params_hash" in f.message]
    assert finding.damage and "lookup" in finding.message


def test_the_page_says_what_a_run_command_leaves_in_config(tmp_path):
    (tmp_path / "s.py").write_text(
        "def go(n, symbol='', start=None):\n    return {'metrics': {}}\n"
    )
    lake = Lake(tmp_path / "lake")
    swept = lake.run_sweep(f"{tmp_path / 's.py'}:go", {"n": [1, 2]}, symbol="A", start="2024-01-01")
    told = lake.run(swept.run_ids[0]).row["config"]["run"]
    page = other.PAGE.read_text("utf-8")
    documented = set(re.findall(r"^\| `run\.(\w+)` \|", page, re.MULTILINE))
    assert told.keys() <= documented and {"labels", "start"} <= told.keys()
