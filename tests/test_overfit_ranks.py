"""The pictures behind PBO: logits of the winners, and ranks in both halves of all trials."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from trials import family, seeded

from bt_lake.overfit.cscv import cscv
from bt_lake.overfit.ranks import logits
from bt_lake.overfit.report import overfit


def ranks(returns, blocks, chosen):
    parts = np.split(returns, blocks)
    half = np.concatenate([parts[block] for block in chosen])
    return (half.mean(axis=0) / half.std(axis=0, ddof=1)).argsort().argsort() + 1


def test_every_trial_of_every_split_stands_at_its_rank():
    returns, blocks, trials = seeded().normal(size=(48, 7)), 6, 7
    outside = {rank: [] for rank in range(1, trials + 1)}
    for chosen in combinations(range(blocks), blocks // 2):
        others = [block for block in range(blocks) if block not in chosen]
        there = ranks(returns, blocks, others)
        for trial, rank in enumerate(ranks(returns, blocks, chosen)):
            outside[rank].append(there[trial])
    found = logits(returns, blocks, cscv(returns, blocks)).by_rank
    assert [one.rank for one in found] == pytest.approx([(r - 0.5) / 7 for r in outside])
    for one, there in zip(found, outside.values(), strict=True):
        quartiles = np.quantile(there, [0.25, 0.5, 0.75])
        expected = np.log(quartiles / (trials + 1 - quartiles))
        assert [one.low, one.middle, one.high] == pytest.approx(expected)


@pytest.mark.parametrize("trials", [2, 3, 10, 11, 60])
def test_the_logits_up_to_zero_are_the_pbo(trials):
    returns = seeded().normal(size=(96, trials))
    splits = cscv(returns, 8)
    found = logits(returns, 8, splits)
    below = sum(n for n, end in zip(found.splits, found.edges[1:], strict=True) if end <= 0)
    assert 0.0 in found.edges
    assert sum(found.splits) == splits.winner.size
    assert below / splits.winner.size == splits.pbo


@pytest.mark.parametrize("leverages", [np.ones(10), np.linspace(1, 3, 10)], ids=["same", "scaled"])
def test_trials_that_tie_share_a_rank(leverages):
    """To the last digits of their Sharpe ratios, which no leverage changes but for rounding."""
    returns = np.repeat(seeded().normal(size=(96, 2)), 5, axis=1) * leverages
    found = logits(returns, 8, cscv(returns, 8)).by_rank
    assert [one.rank for one in found] == pytest.approx([0.25, 0.75])


def test_what_is_good_in_one_half_is_good_in_the_other_where_there_is_skill():
    returns = seeded().normal(0.0, 1.0, size=(2000, 30)) + np.linspace(-0.3, 0.3, 30)
    found = logits(returns, 16, cscv(returns, 16)).by_rank
    assert np.corrcoef([one.rank for one in found], [one.middle for one in found])[0, 1] > 0.9
    assert found[0].high < 0 < found[-1].low


def test_the_report_keeps_them_in_json():
    report = overfit(family(seeded().normal(0.0, 0.01, size=(96, 12))), splits=8, bootstraps=50)
    told = json.loads(json.dumps(report.to_dict()))["overfitting"]
    assert sum(told["logits"]["splits"]) == told["splits"]
    assert len(told["logits"]["by_rank"]) == 12
