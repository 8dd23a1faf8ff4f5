"""What a sweep takes for the same run, and what not."""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path

import pytest

import bt_lake
from bt_lake.running.held import held
from bt_lake.running.planning import plan
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.schema import NAMED, SAME_RUN, TOLD

CODE = """
    called = []
    def run(n, symbol=None, timeframe=None, exit_rule=None, start=None, end=None):
        with open("called", "a") as file:
            file.write(f"{n} {symbol} {timeframe} {exit_rule} {start} {end}\\n")
        return {"metrics": {"sharpe_ratio": n * {None: 1, "A": 5, "B": 9}[symbol]}}

    def deaf(n):
        return {"metrics": {"sharpe_ratio": n}}

    def names_itself(n):
        return {"strategy": "own", "symbol": "S", "fold": 2, "metrics": {"sharpe_ratio": n}}
"""


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bt_lake.Lake:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "tt.py").write_text(textwrap.dedent(CODE))
    monkeypatch.delitem(sys.modules, "tt", raising=False)
    return bt_lake.open(tmp_path / "lake")


def sweep(lake: bt_lake.Lake, function="tt.py:run", **options):
    return lake.run_sweep(function, {"n": [1, 2]}, jobs=1, **options)


def best(lake: bt_lake.Lake, swept) -> list[float]:
    ids = [*swept.held_ids, *swept.run_ids]
    return sorted(lake.runs(run_ids=ids)["sharpe_ratio"].to_list())


LABELS = [
    {"symbol": "A"},
    {"timeframe": "1h"},
    {"exit_rule": "trailing"},
    {"strategy": "one"},
    {"start": "2024-01-01"},
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "label"),
    [("tt.py:run", label) for label in LABELS] + [("tt.py:deaf", label) for label in LABELS[:-1]],
)
def test_a_label_that_was_not_asked_for_is_not_the_same_as_any(lake, function, label):
    assert sweep(lake, function, **label).done == 2
    bare = sweep(lake, function)
    assert (bare.done, bare.already) == (2, 0)
    assert (sweep(lake, function, **label).already, sweep(lake, function).already) == (2, 2)
    assert len(lake) == 4
    assert best(lake, sweep(lake, function)) == [1, 2]


@pytest.mark.slow
def test_the_table_shows_what_was_asked_for(lake):
    sweep(lake)
    sweep(lake, symbol=["A", "B"])
    assert best(lake, sweep(lake)) == [1, 2]
    assert best(lake, sweep(lake, symbol="B")) == [9, 18]


def test_a_single_run_with_a_label_is_not_the_sweep_without(lake):
    lake.run_once("tt.py:run", params={"n": 1}, symbol="A")
    assert sweep(lake).done == 2


@pytest.mark.slow
def test_another_name_of_the_strategy_is_another_run(lake):
    sweep(lake, strategy="one")
    assert sweep(lake, strategy="two").done == 2
    assert set(lake.runs()["strategy"]) == {"one", "two"}
    assert sweep(lake, "tt.py:names_itself").done == 2
    assert sweep(lake, "tt.py:names_itself").already == 2
    assert sweep(lake, "tt.py:names_itself", strategy="own").already == 2  # it is called so anyway
    assert sweep(lake, "tt.py:names_itself", strategy="mine").done == 2


@pytest.mark.slow
@pytest.mark.parametrize("form", ["object", "module", "file"])
def test_one_function_is_one_entrypoint(lake, form):
    sweep(lake, symbol="A")
    function = importlib.import_module("tt").run
    again = {"object": function, "module": "tt:run", "file": str(Path("tt.py").absolute()) + ":run"}
    swept = sweep(lake, again[form], symbol="A")
    assert (swept.already, swept.done, len(lake)) == (2, 0, 2)
    if form == "object":
        assert plan(function, params={"n": 1}).job.entrypoint == "tt.py:run"


@pytest.mark.slow
def test_a_function_of_a_package_is_one_by_file_and_by_name(lake, tmp_path):
    (tmp_path / "pkg_a" / "sub").mkdir(parents=True)
    for folder in ("pkg_a", "pkg_a/sub"):
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "pkg_a" / "base.py").write_text("FACTOR = 3\n")
    file = tmp_path / "pkg_a" / "sub" / "strat.py"
    file.write_text(
        "from ..base import FACTOR\ndef run(n): return {'metrics': {'sharpe_ratio': n * FACTOR}}\n"
    )
    assert sweep(lake, "pkg_a/sub/strat.py:run").failed == 0
    assert best(lake, sweep(lake, "pkg_a.sub.strat:run")) == [3, 6]
    from pkg_a.sub.strat import run  # type: ignore[import-not-found]

    assert sweep(lake, run).already == 2
    assert lake.reproduce(lake.runs()["run_id"][0]).same


def test_every_part_of_what_makes_runs_the_same_counts(lake):
    """The flags of the schema are what a sweep compares, beside function, code and data."""
    assert {*TOLD, *NAMED, "params_hash", "start_at", "end_at"} == set(SAME_RUN)


def test_runs_that_were_saved_by_hand_are_compared_by_their_columns(lake):
    made = plan("tt.py:run", {"n": [1]}).job
    lake.save(
        entrypoint="tt.py:run",
        code_hash=made.code_hash,
        params={"n": 1},
        symbol="A",
        strategy="tt",
        metrics={"sharpe_ratio": 1.0},
    )
    asked = plan("tt.py:run", {"n": [1]}, symbol="A")
    bare = plan("tt.py:run", {"n": [1]})
    assert len(held(lake.store, asked.job, asked.trials)) == 1
    assert not held(lake.store, bare.job, bare.trials)


@pytest.mark.slow
def test_a_reproduction_counts_as_the_run_that_it_repeats(lake):
    (first, _) = sweep(lake, symbol="A", strategy="one").run_ids
    lake.reproduce(first)
    assert sweep(lake, symbol="A", strategy="one").already == 2
    assert sweep(lake).done == 2


def test_a_renamed_function_is_gone_and_its_new_name_is_told(lake, tmp_path):
    run_id = sweep(lake).run_ids[0]
    text = (tmp_path / "tt.py").read_text().replace("def run(", "def run2(")
    (tmp_path / "tt.py").write_text(text)
    with pytest.raises(NotFound, match=r"Did you mean run2\?"):
        lake.reproduce(run_id)


@pytest.mark.slow
def test_a_file_that_data_names_by_a_default_is_known(lake, tmp_path):
    (tmp_path / "p.csv").write_text("1")
    body = "    return {'metrics': {'sharpe_ratio': n}}\n"
    (tmp_path / "sh.py").write_text(
        f"def run(n, f='p.csv'):\n{body}run.data = lambda f: f\n"
        f"def none(n, f=None):\n{body}none.data = lambda f: f\n"
        f"def usual(n, data='p.csv'):\n{body}"
        f"def broken(n):\n{body}broken.data = lambda missing: missing\n"
        f"def odd(n):\n{body}odd.data = 7\n"
    )
    for name, known in (("run", True), ("none", False), ("usual", True)):
        sweep(lake, f"sh.py:{name}")
        found = lake.runs(strategy=name if name != "run" else "sh")["data_hash"].to_list()
        assert [each is not None for each in found] == [known, known], name
    (tmp_path / "p.csv").write_text("2")
    assert sweep(lake, "sh.py:run").done == 2
    with pytest.raises(BadInput, match=r"broken.data cannot tell the files of a call: TypeError"):
        sweep(lake, "sh.py:broken")
    with pytest.raises(BadInput, match=r"odd.data gives 7, no path"):
        sweep(lake, "sh.py:odd")
