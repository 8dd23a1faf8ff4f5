"""The rule of a study over many searches: alarms at its rate, an edge found (bench/studies.py)."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "bench"))
from studies import search

RULES = ("study", "study, stopped early", "study with a holdout")


@pytest.mark.thorough
def test_noise_is_called_skill_at_the_stated_rate_and_an_edge_is_found():
    """200 searches of noise: more than 18 alarms have a chance of 0.5 % where 5 % is held."""
    noise, edge = Counter[str](), Counter[str]()
    for seed in range(200):
        noise.update(search(seed, 60, 0.0, 0.0, 200))
    for seed in range(30):
        edge.update(search(seed, 60, 0.0, 4.0, 200))
    assert noise["naive"] >= 180, noise
    for rule in RULES:
        assert noise[rule] <= 18, (rule, noise)
        assert edge[rule] >= 25, (rule, edge)


def test_a_searcher_who_stops_early_gains_nothing():
    said = [search(seed, 40, 0.0, 0.0, 100) for seed in range(6)]
    assert sum("naive" in found for found in said) >= 4
    assert sum("study, stopped early" in found for found in said) <= 1
    assert set(RULES) <= set(search(1, 40, 0.0, 5.0, 100))
