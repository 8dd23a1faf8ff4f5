"""What is exported comes back: curves and trades from files, and every try in a lake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_lake import Cli

import bt_lake
from bt_lake.lake import Lake

CURVE = {
    "ts": [f"2024-01-{day:02}" for day in range(1, 32)],
    "equity": [100 + d % 7 for d in range(31)],
}
DEAL = {
    "symbol": "None",
    "entry_at": "2024-01-02",
    "exit_at": "2024-01-05",
    "pnl": 2.5,
    "extra": {"a": 1},
}


@pytest.fixture
def lake(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    lake.save(strategy="s", equity=CURVE, trades=[DEAL, {**DEAL, "pnl": -1.0}], params={"n": 1})
    lake.save(strategy="s", equity=CURVE, initial_capital=90.0, metrics={"sharpe_ratio": 9.0})
    lake.save(strategy="s", equity=CURVE, initial_capital=100.0, exit_rule="None")
    lake.save(strategy="null", trades=[DEAL], start_at="2024-01-01", end_at="2024-02-01")
    lake.save(strategy="s", metrics={"sharpe_ratio": 1.5}, exit_rule="")
    lake.save(strategy="s", status="failed", error="x")
    return lake


def everything(lake: Lake) -> list:
    return [
        lake.sql(text).rows()
        for text in (
            "select * exclude (commit_id, ingested_at, timeframe) from runs order by run_id",
            "from equity order by run_id, ts",
            "from trades order by run_id, trade_no",
        )
    ]


FORMULAS = ["@ES", "-5%", "'@ES", "''=1", "'-1", "-1", "=A1", "'x", "None", '"None"', "\t=1"]


@pytest.mark.slow
def test_texts_that_a_spreadsheet_would_run_come_back_from_csv(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    for place, text in enumerate(FORMULAS):
        deal = {**DEAL, "symbol": text, "exit_reason": FORMULAS[place - 1]}
        params = {"rule": text if text != "-1" else "=x"}
        lake.save(
            run_id=text.strip(), strategy=text, symbol=text, exit_rule=text, notes=text,
            tags=[text], params=params, equity=CURVE, trades=[deal],
        )  # fmt: skip
    lake.export(tmp_path / "x.csv", curves=True, trades=True, spread_params=True)
    again = bt_lake.open(tmp_path / "again")
    assert len(again.ingest(tmp_path / "x.csv").added) == len(FORMULAS)
    for one, other in zip(everything(again), everything(lake), strict=True):
        assert one == other


def test_keys_of_an_export_fit_its_runs(tmp_path, capsys):
    lake = bt_lake.open(tmp_path / "lake")
    ids = [lake.save(strategy="s", symbol=text, params={"rule": "=x"}) for text in FORMULAS]
    asked = Cli(lake.path, capsys)
    columns = ["--columns", "strategy,symbol,param.rule"]
    (tmp_path / "keys.csv").write_text(asked("list", "-n", "20", *columns, "-f", "csv").out)
    found = json.loads(asked("lookup", "--keys", tmp_path / "keys.csv", "-f", "json").out)
    assert [row["run_id"] for row in found] == ids[::-1]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_files_with_curves_and_trades_come_back(lake, tmp_path, suffix, folder):
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / f"x{suffix}"
    assert len(lake.export(file, curves=True, trades=True).files) == 3
    again = bt_lake.open(tmp_path / "again")
    report = again.ingest(file.parent if folder else file)
    assert (len(report.added), report.ignored, report.failed) == (6, [], [])
    for one, other in zip(everything(again), everything(lake), strict=True):
        assert one == other


@pytest.mark.slow
def test_a_copy_has_all_the_tries(lake, tmp_path):
    gone = lake.runs(status="ok")["run_id"].to_list()[:2]
    lake.delete(gone)
    copy = bt_lake.open(tmp_path / "copy")
    done = lake.export(tmp_path / "copy", curves=True)
    assert (done.runs, done.deleted) == (6, 2)
    counts = "select count(*), count(deleted_at) from trials"
    assert copy.sql(counts).rows() == lake.sql(counts).rows() == [(6, 2)]
    assert copy.runs().height == 4
    copy.restore(gone)
    assert copy.runs().height == 6
    done = lake.export(tmp_path / "x.csv")
    assert (done.runs, done.deleted) == (4, 2)


def test_rows_without_a_run_id_are_refused(lake, tmp_path):
    lake.export(tmp_path / "x.csv", curves=True)
    beside = Path(tmp_path / "x.equity.csv")
    beside.write_text(beside.read_text().replace("run_id", "run", 1))
    with pytest.raises(bt_lake.LakeError, match="no column run_id"):
        bt_lake.open(tmp_path / "again").ingest(tmp_path / "x.csv")


def test_a_table_whose_curves_stayed_behind_says_so(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    lake.save(strategy="s", equity=[["2024-01-01", 100.0], ["2024-01-02", 101.0]])
    lake.save(strategy="t", metrics={"sharpe_ratio": 1.0})
    lake.export(tmp_path / "w.csv", curves=True)
    (tmp_path / "w.equity.csv").unlink()
    with pytest.warns(UserWarning, match=r"w\.csv: 1 of these runs had a curve .* w\.equity\.csv"):
        bt_lake.open(tmp_path / "other").ingest(tmp_path / "w.csv")
