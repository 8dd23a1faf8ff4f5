"""What one call leaves behind, and what the next one sees of it."""

from __future__ import annotations

import json
import os
import random
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from cli_lake import Cli

import bt_lake
from bt_lake.warehouse.errors import BadInput

CODE = """
    import os, random
    import numpy as np
    count = 0

    def counts(n):
        global count
        count += 1
        return {"metrics": {"score": count}}

    def wanders(n):
        here = open("rel.csv").read()
        os.chdir("/")
        os.environ["LEFT_BEHIND"] = str(n)
        os.environ["HOME"] = "elsewhere"
        return {"metrics": {"score": float(here)}}

    def sees(n):
        return {"metrics": {"score": "LEFT_BEHIND" in os.environ}}

    def draws(n):
        return {"metrics": {"score": random.random() + np.random.rand()}}

    def does_not(n):
        return {"metrics": {"score": n}}

    def only(n, _x=None):
        return {"metrics": {"score": n}}
    def positional(n, /):
        return {"metrics": {"score": n}}
    def slow(fast, slow=50):
        return {"metrics": {"score": fast}}
"""


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bt_lake.Lake:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "state.py").write_text(textwrap.dedent(CODE))
    (tmp_path / "rel.csv").write_text("7")
    return bt_lake.open(tmp_path / "lake")


def scores(lake: bt_lake.Lake, **filters) -> dict[int, float]:
    rows = lake.sql("select params ->> 'n' as n, extra['score'] as score from runs order by 1")
    return {int(n): score for n, score in rows.rows()}


def sweep(lake: bt_lake.Lake, function: str, count: int = 6, **options):
    return lake.run_sweep(f"state.py:{function}", {"n": range(count)}, **options)


def test_folder_and_environment_are_put_back(lake):
    home = os.environ.get("HOME")
    assert sweep(lake, "wanders", jobs=1).failed == 0
    assert set(scores(lake).values()) == {7.0}
    here = Path.cwd()
    for _ in range(2):
        assert lake.run_once("state.py:wanders", params={"n": 1})[1] is None
    assert Path.cwd() == here and "LEFT_BEHIND" not in os.environ
    assert os.environ.get("HOME") == home


@pytest.mark.slow
def test_state_of_a_module_stays_unless_each_run_is_fresh(lake):
    sweep(lake, "counts", jobs=1)
    assert sorted(scores(lake).values()) == [1, 2, 3, 4, 5, 6]
    lake.delete(strategy="counts")
    fresh = sweep(lake, "counts", jobs=2, fresh=True)
    assert fresh.done == 6 and set(scores(lake).values()) == {1}


@pytest.mark.slow
def test_one_and_two_jobs_draw_the_same(lake):
    sweep(lake, "draws", jobs=1)
    one = scores(lake)
    lake.delete(strategy="draws")
    sweep(lake, "draws", jobs=2)
    assert scores(lake) == one and len(set(one.values())) == 6
    run_id = lake.runs(params={"n": 3})["run_id"][0]
    assert lake.reproduce(run_id).same
    assert json.loads(lake.sql("select config from runs limit 1").item())["run"]["seed"] == 0


@pytest.mark.slow
def test_another_seed_is_another_run_where_anything_is_drawn(lake):
    sweep(lake, "draws", jobs=1)
    assert sweep(lake, "draws", jobs=1, seed=1).done == 6
    assert sweep(lake, "draws", jobs=1, seed=1).already == 6
    for seed in (0, 1):
        assert sweep(lake, "does_not", jobs=1, seed=seed).already == (6 if seed else 0)
    (first,) = lake.run_once("state.py:draws", params={"n": 9}, seed=5)[0]
    assert lake.reproduce(first).same


def test_a_call_leaves_the_callers_own_draws_alone(lake):
    random.seed(3)
    np.random.seed(3)
    wanted = random.random(), np.random.rand()
    random.seed(3)
    np.random.seed(3)
    lake.run_once("state.py:draws", params={"n": 1})
    assert (random.random(), np.random.rand()) == wanted


@pytest.mark.slow
def test_words_on_what_makes_no_sense(lake, capsys):
    with pytest.raises(BadInput, match="'n' stands before the / in its definition"):
        sweep(lake, "positional")
    with pytest.raises(BadInput, match="give folds as well"):
        sweep(lake, "counts", train=0.5)
    slow = lake.run_sweep("state.py:slow", {"fast": [10, 60]}, conditions="fast < slow", jobs=1)
    assert slow.total == 1
    tenths = lake.run_sweep(
        "state.py:only", {"n": "0.1:0.3:0.1"}, conditions=["n * 3 == 0.9"], jobs=1
    )
    assert tenths.total == 1
    cli = Cli(lake.path, capsys)
    script = "import bt_lake\ndef f(n): pass\nbt_lake.open('lake').run_sweep(f, {'n': [1]})\n"
    import subprocess

    done = subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True)
    assert "was typed in here, and worker processes cannot see it" in done.stderr
    assert cli("run", "state.py:counts", "-p", "n=1", "--train", "0.5").code == 2
