"""Studies of Optuna. The files were written by Optuna 5.0's own storages.

Two studies of 8 and 3 trials with random sampling: one trial pruned, one failed, one running.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from types import SimpleNamespace

import pytest

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput, NotFound

DATA = Path(__file__).parent / "data" / "stores"
STORES = ["optuna.db", "optuna-journal.log"]


@pytest.mark.parametrize("name", STORES)
def test_a_trial_is_a_run(lake: Lake, name: str):
    report = lake.import_store("optuna", DATA / name, study="sma on AAPL")
    assert len(report.added) == 8
    runs = lake.sql(
        "select config ->> '$.imported.number' n, status, error, sharpe_ratio, max_drawdown, params, "
        "sweep, strategy from trials order by n"
    ).to_dicts()
    assert [run["status"] for run in runs] == ["ok"] * 3 + ["failed", "ok", "failed", "ok", "ok"]
    assert runs[3]["error"] == "pruned by Optuna"
    assert runs[0]["sharpe_ratio"] == pytest.approx(0.42748002708572025)
    assert runs[0]["max_drawdown"] == pytest.approx(-0.048)
    assert json.loads(runs[0]["params"]) == {"fast": 24, "mode": "sma", "stop": 0.05251997291427973}
    assert {(run["sweep"], run["strategy"]) for run in runs} == {("sma on AAPL", "sma on AAPL")}


@pytest.mark.parametrize("name", STORES)
def test_all_studies_and_none_twice(lake: Lake, name: str):
    first = lake.import_store("optuna", DATA / name)
    assert (len(first.added), first.unfinished) == (10, 1)
    assert lake.sql("select count(*) from runs where extra['objective_1'] = 2").item() == 2
    second = lake.import_store("optuna", DATA / name)
    assert (second.added, len(second.skipped)) == ([], 10)


def test_a_journal_whose_last_line_is_half_written(lake: Lake, tmp_path: Path):
    path = tmp_path / "journal.log"
    path.write_bytes((DATA / STORES[1]).read_bytes()[:-30])
    report = lake.import_store("optuna", path, study="sma on AAPL")
    assert len(report.added) == 8
    assert [bad.column for bad in report.failed] == ["entry"]


def test_clear_refusals(lake: Lake, tmp_path: Path):
    with pytest.raises(NotFound, match="no such file"):
        lake.import_store("optuna", tmp_path / "nowhere.db")
    other = tmp_path / "other.db"
    import sqlite3

    sqlite3.connect(other).execute("create table runs (id int)").connection.close()
    with pytest.raises(BadInput, match="no store of Optuna: studies"):
        lake.import_store("optuna", other)
    with pytest.raises(BadInput, match="no studies to choose from"):
        lake.import_store("sqlite", other, study="x")


def test_the_callback_saves_what_an_import_would(lake: Lake):
    """The two objects have what Optuna's FrozenTrial and Study have of these names."""
    from datetime import datetime

    state = Enum("TrialState", "RUNNING COMPLETE PRUNED FAIL WAITING")
    study = SimpleNamespace(study_name="sma on AAPL", metric_names=["sharpe_ratio"])
    trial = SimpleNamespace(
        number=0, state=state.COMPLETE, values=[0.42748002708572025],
        datetime_start=datetime.fromisoformat("2026-11-28 15:39:13.825775"),
        datetime_complete=datetime.fromisoformat("2026-11-28 15:39:14.151645"),
        params={"fast": 24, "stop": 0.05251997291427973, "mode": "sma"},
        user_attrs={"max_drawdown": -0.04800000000000001, "note": "n0"},
    )  # fmt: skip
    saved = lake.optuna_callback(symbol="AAPL")
    saved(study, trial)
    saved(study, SimpleNamespace(state=state.RUNNING))
    assert lake.sql("select symbol, sharpe_ratio, max_drawdown from runs").rows() == [
        ("AAPL", 0.42748002708572025, -0.04800000000000001)
    ]
    report = lake.import_store("optuna", DATA / STORES[0], study="sma on AAPL")
    assert (len(report.added), len(report.skipped)) == (7, 1)


def test_after_a_line_that_cannot_be_read_no_trial_gets_another_s_numbers(
    lake: Lake, tmp_path: Path
):
    lines = (DATA / STORES[1]).read_text().splitlines()
    made = [place for place, line in enumerate(lines) if '"op_code":4' in line]
    lines[made[3]] = "garbage"
    path = tmp_path / "journal.log"
    path.write_text("\n".join(lines) + "\n")
    report = lake.import_store("optuna", path)
    assert len(report.added) == 3
    assert f"the {len(lines) - made[3] - 1:,} lines behind it cannot be told" in str(
        report.failed[0]
    )


@pytest.mark.parametrize("name", STORES)
def test_a_study_that_is_not_there(lake: Lake, name: str):
    with pytest.raises(BadInput, match=r"no study 'smaa'.*There are sma on AAPL"):
        lake.import_store("optuna", DATA / name, study="smaa")
