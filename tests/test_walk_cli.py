"""walkforward and decay as commands."""

from __future__ import annotations

import json

import pytest
from cli_lake import Cli
from test_families import daily, walk
from trials import noise_of, seeded

from bt_lake.lake import Lake


@pytest.fixture
def cli(lake: Lake, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(lake.path, capsys)


def test_walkforward_in_80_columns(lake: Lake, cli: Cli):
    walk(lake, noise_of(seeded(), rows=250, trials=4))
    said = cli("walkforward", "s")
    assert said.code == 0
    assert said.lines[0] == "s: 4 folds, 4 configurations, by sharpe_ratio"
    assert max(map(len, said.lines)) <= 80
    for label in ("traded out of sample", "best fixed, in hindsight", "random choice"):
        assert any(line.strip().startswith(label) for line in said.lines)
    found = json.loads(cli("walkforward", "s", "-f", "json").out)
    assert found == json.loads(json.dumps(lake.walkforward("s").to_dict()))
    assert cli("walkforward", "s", "-f", "csv").lines[0].startswith("fold,params,in_sample")


def test_decay_in_columns(lake: Lake, cli: Cli):
    walk(lake, noise_of(seeded(), rows=250, trials=4))
    said = cli("decay", "--strategy", "s", "-n", 3)
    heads = said.lines[0].split()
    assert heads[heads[0] == "fold"] == "params"  # a fold that all three share is in no column
    assert len(said.lines) == 4
    assert "of 3 pairs" in said.err
    empty = cli("decay", "--sample", "in")
    assert "no configuration has a run in sample and one out of sample" in empty.err


def test_mistakes(lake: Lake, cli: Cli):
    lake.save(strategy="s")
    said = cli("walkforward", "s")
    assert (said.code, said.out) == (3, "")
    assert "--folds" in said.err
    assert cli("walkforward", "s", "-m", "sharp").code != 0


def test_rows_say_what_stretch_they_are_of(lake: Lake, cli: Cli):
    """Where they are not of the whole, or not equally long."""
    walk(lake, noise_of(seeded(), rows=250, trials=2))
    head = cli("best", "sharpe_ratio", "--sample", "out").lines[0].split()
    assert {"fold", "sample"} <= set(head)
    assert "years" not in head
    lake.save(daily(noise_of(seeded(), rows=800, trials=1)[:, 0]))
    said = cli("list", "-n", 2)
    assert "years" in said.lines[0].split()
    assert " 2.2 " in said.lines[1]
