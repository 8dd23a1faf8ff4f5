"""Running again what made a run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

import bt_lake
from bt_lake.queries.drifting import drifting
from bt_lake.running.provenance import project_root
from bt_lake.running.trust import NotTrusted
from bt_lake.warehouse.errors import BadInput, NotFound

EXAMPLES = Path(bt_lake.__file__).parent / "examples"
CHANGING = """
from pathlib import Path
def run(n, symbol="X", start=None, end=None):
    value = float(Path("prices.csv").read_text())
    if value < 0:
        raise ValueError("negative")
    return {"symbol": symbol, "metrics": {"score": value},
            "equity": [["2024-01-01", 100.0], ["2024-01-02", 100.0 + n * value]]}
"""


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bt_lake.Lake:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "prices.csv").write_text("1")
    (tmp_path / "strat.py").write_text(CHANGING)
    return bt_lake.open(tmp_path / "lake")


def only_run(lake: bt_lake.Lake, function: str, **options) -> str:
    (run_id,) = lake.run_sweep(function, jobs=1, **options).run_ids
    return run_id


@pytest.mark.slow
@pytest.mark.parametrize("example", ["sma_cross", "rsi_reversion"])
@pytest.mark.parametrize("exit_rule", ["signal", "trailing"])
def test_an_example_gives_identical_numbers(lake, example, exit_rule):
    run_id = only_run(
        lake,
        f"bt_lake.examples.{example}:run",
        exit_rule=exit_rule,
        symbol="SYNTH",
        start="2020-03-01",
        end="2023-10-31",
    )
    again = lake.reproduce(run_id[-8:])
    assert again.same and not again.unexplained and again.differences == {}
    assert (again.code_changed, again.data_changed) == (False, None)
    old, new = lake.run(run_id).row, lake.run(again.run_id).row
    told = ("reproduced_from", "run_id", "commit_id", "created_at", "ingested_at", "duration_s")
    assert {k: v for k, v in old.items() if k not in told} == {
        k: v for k, v in new.items() if k not in told
    }
    assert new["reproduced_from"] == run_id and old["total_trades"] > 0
    one, other = (lake.equity(each).drop("run_id") for each in (run_id, again.run_id))
    assert one.equals(other)


@pytest.mark.slow
def test_an_edited_strategy_is_said_to_have_changed(lake, tmp_path):
    file = tmp_path / "cross.py"
    file.write_text((EXAMPLES / "sma_cross.py").read_text())
    run_id = only_run(lake, "cross.py:run", params={"fast": 5})
    assert lake.reproduce(run_id).same
    file.write_text(file.read_text().replace("mean(closes, fast) >", "1.01 * mean(closes, fast) >"))
    with pytest.raises(NotTrusted, match=r"cross.py, line \d+\): it has changed. --changed-code"):
        lake.reproduce(run_id)
    again = lake.reproduce(run_id, changed_code=True)
    assert again.code_changed is True and not again.same and not again.unexplained
    before, now = again.differences["total_return"]
    assert before != now


def test_it_is_found_again_from_elsewhere(lake, tmp_path, monkeypatch):
    run_id = only_run(lake, "strat.py:run", params={"n": 2}, symbol="Y")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    (tmp_path / "other" / "prices.csv").write_text("1")
    with pytest.raises(NotTrusted, match="not in the current folder.* --allow strat.py:run"):
        lake.reproduce(run_id)
    again = lake.reproduce(run_id, allow=["strat.py:run"])
    assert again.same
    assert lake.run(again.run_id).row["symbol"] == "Y"


def test_changed_data_explains_a_difference(lake, tmp_path):
    (tmp_path / "strat.py").write_text(CHANGING + "run.data = 'prices.csv'\n")
    run_id = only_run(lake, "strat.py:run", params={"n": 2})
    (tmp_path / "prices.csv").write_text("3")
    again = lake.reproduce(run_id)
    assert (again.code_changed, again.data_changed) == (False, True)
    assert again.differences["score"] == (1.0, 3.0) and not again.unexplained


@pytest.mark.slow
def test_an_unexplained_difference_is_one_and_shows_as_drift(lake, tmp_path):
    run_id = only_run(lake, "strat.py:run", params={"n": 2})
    only_run(lake, "strat.py:run", params={"n": 3})
    lake.reproduce(run_id)
    assert drifting(lake.reader).rows() == []
    (tmp_path / "prices.csv").write_text("3")
    again = lake.reproduce(run_id)
    assert again.unexplained and again.data_changed is None
    (row,) = drifting(lake.reader).dicts()
    assert (row["runs"], row["first_run"], row["last_run"]) == (3, run_id, again.run_id)
    assert row["params"] == '{"n":2}' and row["data_is_known"] is False


@pytest.mark.slow
def test_runs_of_other_windows_or_code_do_not_drift(lake, tmp_path):
    only_run(lake, "strat.py:run", params={"n": 2}, end="2024-06-01")
    (tmp_path / "prices.csv").write_text("3")
    only_run(lake, "strat.py:run", params={"n": 2}, end="2024-07-01")
    (tmp_path / "strat.py").write_text(CHANGING + "# edited\n")
    (tmp_path / "prices.csv").write_text("4")
    only_run(lake, "strat.py:run", params={"n": 2}, end="2024-06-01")
    assert drifting(lake.reader).rows() == []


def test_a_reproduction_that_fails_is_kept_as_failed(lake, tmp_path):
    run_id = only_run(lake, "strat.py:run", params={"n": 2})
    (tmp_path / "prices.csv").write_text("-1")
    again = lake.reproduce(run_id)
    assert not again.same and again.error is not None and again.error.startswith("ValueError: neg")
    row = lake.run(again.run_id).row
    assert (row["status"], row["reproduced_from"]) == ("failed", run_id)


def test_folds_and_one_of_several_runs_are_reproduced_as_such(lake, tmp_path):
    (tmp_path / "strat.py").write_text(
        "def run(n, start, end):\n"
        "    return [{'symbol': s, 'start_at': start, 'metrics': {'total_return': n}} for s in 'ab']\n"
    )
    made = lake.run_sweep(
        "strat.py:run", {"n": [1]}, folds=2, start="2024-01-01", end="2024-12-31", jobs=1
    )
    assert len(made.run_ids) == 8
    old = lake.run(made.run_ids[5]).row
    again = lake.reproduce(made.run_ids[5])
    new = lake.run(again.run_id).row
    assert again.same and new["sweep"] is None
    for name in ("symbol", "fold", "sample", "start_at", "params", "config"):
        assert new[name] == old[name]


def test_what_cannot_be_reproduced_says_why(lake, tmp_path):
    saved = lake.save({"strategy": "x"})
    with pytest.raises(BadInput, match="does not say which function made it"):
        lake.reproduce(saved)
    run_id = only_run(lake, "strat.py:run", params={"n": 2})
    (tmp_path / "strat.py").write_text("def ruin(n): pass\n")
    with pytest.raises(NotFound, match="Did you mean ruin"):
        lake.reproduce(run_id)
    os.remove(tmp_path / "strat.py")
    with pytest.raises(NotFound, match=r"there is no file strat.py in .*; start it in the folder"):
        lake.reproduce(run_id)


def test_the_commit_is_kept_in_a_repository(lake):
    run_id = only_run(lake, "bt_lake.examples.sma_cross:run")
    made = lake.run(run_id).row["config"]["run"]
    in_repository = project_root(EXAMPLES) is not None
    assert ({"git_commit", "git_dirty"} <= made.keys()) == in_repository
