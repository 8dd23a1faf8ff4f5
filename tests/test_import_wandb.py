"""Weights & Biases: the table of runs as its page exports it, and as its documented recipe does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput, NotFound

PAGE = """\
"Name","State","Notes","User","Tags","Created","Runtime","Sweep","strategy","symbol","sharpe_ratio","fast","mode"
"sunny-lake-1","finished","first","ann","live, eu","2025-03-01T10:00:00.000Z","12.5","abc","sma","AAPL","1.5","10","ema"
"calm-sea-2","crashed","-","ann","","2025-03-01T11:00:00.000Z","3","","sma","AAPL","NaN","20","sma"
"odd-owl-3","running","","ann","","2025-03-01T12:00:00.000Z","3","","sma","AAPL","","20","sma"
"""
RECIPE = """\
,summary,config,name
0,"{'sharpe_ratio': 1.5, 'my_score': 7, 'bad': nan, 'low': -inf, '_runtime': 3}","{'fast': 10, 'symbol': 'AAPL', 'mode': None}",sunny-lake-1
1,"{""sharpe_ratio"": 0.5}","{""fast"": 20}",calm-sea-2
2,"garbage","{""fast"": 30}",odd-owl-3
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "runs.csv"
    path.write_text(PAGE)
    return path


def test_the_table_of_the_page(lake: Lake, page: Path):
    report = lake.import_store("wandb", page)
    assert (len(report.added), report.unfinished) == (2, 1)
    runs = lake.sql(
        "select strategy, symbol, status, sharpe_ratio, notes, sweep, duration_s, tags, extra, "
        "created_at::varchar as made, config from trials order by created_at"
    ).to_dicts()
    assert [run["status"] for run in runs] == ["ok", "failed"]
    first = runs[0]
    assert (first["strategy"], first["symbol"], first["sharpe_ratio"]) == ("sma", "AAPL", 1.5)
    assert (first["notes"], first["sweep"], first["duration_s"]) == ("first", "abc", 12.5)
    assert sorted(first["tags"]) == ["eu", "live", "name=sunny-lake-1"]
    assert first["made"].startswith("2025-03-01 10:00:00")
    assert dict(first["extra"]) == {"fast": 10.0}
    assert json.loads(first["config"])["imported"]["mode"] == "ema"
    assert any("does not tell parameters from metrics" in said for said in report.warnings)


def test_parameters_can_be_told_and_nothing_comes_twice(lake: Lake, page: Path):
    names = {"fast": "params.fast", "mode": "params.mode"}
    lake.import_store("wandb", page, names=names)
    params = lake.sql("select params from trials order by created_at").to_series().to_list()
    assert json.loads(params[0]) == {"fast": 10, "mode": "ema"}
    page.write_text(PAGE.replace('"running"', '"finished"').replace('"first"', '"seen"'))
    again = lake.import_store("wandb", page, names=names, update=True)
    assert (len(again.added), len(again.updated)) == (1, 1)


def test_the_recipe_of_its_documents(lake: Lake, tmp_path: Path):
    path = tmp_path / "project.csv"
    path.write_text(RECIPE)
    report = lake.import_store("wandb", path)
    runs = lake.sql(
        "select params, symbol, sharpe_ratio, strategy, extra from runs order by sharpe_ratio desc"
    ).to_dicts()
    assert len(runs) == len(report.added) == 3
    assert json.loads(runs[0]["params"]) == {"fast": 10, "mode": None}
    assert (runs[0]["symbol"], runs[0]["sharpe_ratio"]) == ("AAPL", 1.5)
    assert runs[0]["strategy"] == "project"
    assert [(bad.row, bad.column) for bad in report.cells] == [("run odd-owl-3", "metrics")]
    assert report.lost


def test_clear_refusals(lake: Lake, tmp_path: Path):
    with pytest.raises(NotFound, match="no such file"):
        lake.import_store("wandb", tmp_path / "nope.csv")
    with pytest.raises(BadInput, match="wandb sync"):
        lake.import_store("wandb", tmp_path)
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match=r"other\.csv: no table of W&B's runs"):
        lake.import_store("wandb", path)
    path.write_text("Name,State\n1,2,3\n")
    with pytest.raises(BadInput, match=r"other\.csv: row 2: 3 values for 2 columns"):
        lake.import_store("wandb", path)
