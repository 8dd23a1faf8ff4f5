"""Neighbours in the parameter grid, and what is left out of sample."""

from __future__ import annotations

import numpy as np
import pytest

from bt_lake.overfit.decay import decay, pair, rank_correlation
from bt_lake.overfit.plateau import plateau

GRID = [{"fast": fast, "slow": slow} for fast in (5, 10, 20) for slow in (50, 100, 200)]
SCORES = np.array([1.0, 2.0, 3.0, 4.0, 9.0, 5.0, 6.0, 7.0, -8.0])


def test_moore_neighbourhood():
    found = plateau(GRID, SCORES, 4)
    assert (found.axes, found.neighbours) == (("fast", "slow"), 8)
    assert (found.value, found.median, found.mean, found.lowest) == (9.0, 3.5, 2.5, -8.0)
    assert found.share_near == 0.0
    assert found.share_positive == 8 / 9
    assert plateau(GRID, SCORES, 8).neighbours == 3
    assert plateau(GRID, SCORES, 8).share_near is None


def test_labels_and_other_grids_are_not_neighbours():
    params = [{**cell, "symbol": "AAA"} for cell in GRID]
    params += [{**cell, "symbol": "BBB", "stop": True} for cell in GRID]
    params += [{"fast": 7, "slow": 70, "symbol": "CCC"}, {"fast": "x", "slow": 1}, None, {}]
    scores = np.concatenate([SCORES, SCORES + 100, [50.0, 50.0, 50.0, 50.0]])
    assert plateau(params, scores, 4) == plateau(GRID, SCORES, 4)


def test_repeated_and_failed_cells():
    params = [*GRID, GRID[0], GRID[0], GRID[4]]
    scores = np.array([*SCORES, 3.0, 20.0, 9.0])
    scores[1] = np.nan
    found = plateau(params, scores, 4)
    assert found.neighbours == 7
    assert sorted([3.0, 3.0, 4.0, 5.0, 6.0, 7.0, -8.0])[3] == found.median


@pytest.mark.parametrize(
    "params",
    [
        [None, {"a": 1}],
        [{}, {}],
        [{"a": "x"}, {"a": "y"}],
        [{"a": True}, {"a": False}],
        [{"a": 0.1, "b": 5.0}, {"a": 0.1, "c": 5.0}],
    ],
    ids=["none", "empty", "text", "flags", "other names"],
)
def test_no_grid(params):
    assert plateau(params, np.array([2.0, 1.0]), 0) is None


def test_pairs_need_both_samples():
    keys = ["a", "a", "b", "c", "c", "d", "a"]
    samples = ["in", "out", "in", "out", "in", None, "out"]
    inside, outside = pair(keys, samples)
    assert (inside.tolist(), outside.tolist()) == ([0, 4], [6, 3])
    assert pair([], [])[0].size == 0


def test_decay():
    inside = np.array([3.0, 2.0, 1.0, 1.0, 5.0, np.nan])
    outside = np.array([1.0, 0.0, 0.5, 2.0, 1.0, 9.0])
    found = decay(inside, outside, ["f1", "f1", "f1", "f2", "f2", "f2"])
    assert (found.pairs, found.in_sample, found.out_of_sample, found.change) == (5, 2.0, 1.0, -2.0)
    assert found.share_worse == 0.8
    assert (found.folds, found.winners_above_median) == (2, 0.5)
    assert decay(np.array([np.nan]), np.array([1.0]), ["f"]) is None


def test_decay_of_a_metric_where_less_is_better():
    found = decay(
        np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.3, 0.4]), [1, 1, 1], higher_is_better=False
    )
    assert (found.share_worse, found.winners_above_median) == (1.0, 1.0)


def test_a_fold_of_one_has_no_winner():
    found = decay(np.array([1.0]), np.array([2.0]), ["f"])
    assert (found.folds, found.winners_above_median, found.rank_correlation) == (0, None, None)


def test_rank_correlation():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1.0)
    assert rank_correlation(x, -x) == pytest.approx(-1.0)
    assert rank_correlation(x, np.array([1.0, 1.0, 2.0, 2.0])) == pytest.approx(0.8944271909999159)
    assert rank_correlation(x, np.ones(4)) is None
