"""Walk-forward: the choice in sample, what it was worth out of sample, beside other choices."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from test_families import daily, walk
from trials import noise_of, seeded

from bt_lake.warehouse.errors import BadInput, NotFound


def told(returns):
    return returns.mean() / returns.std(ddof=1) * np.sqrt(252)


def test_what_is_traded_is_the_best_in_sample_of_each_fold(lake):
    returns = noise_of(seeded(), rows=250, trials=4)
    walk(lake, returns)
    found = lake.walkforward("s")
    parts = [returns[50 * fold : 50 * fold + 50] for fold in range(5)]
    chosen = [int(np.argmax([told(part[:, p]) for p in range(4)])) for part in parts[:4]]
    assert [pick.params["place"] for pick in found.picks] == chosen
    traded = np.concatenate([parts[k + 1][:, p] for k, p in enumerate(chosen)])
    assert found.traded["sharpe_ratio"] == pytest.approx(told(traded))
    assert found.traded["total_return"] == pytest.approx(np.prod(1 + traded) - 1)
    assert found.traded["n_returns"] == 200
    inside = [told(parts[k][:, p]) for k, p in enumerate(chosen)]
    outside = [told(parts[k + 1][:, p]) for k, p in enumerate(chosen)]
    assert [p.in_sample for p in found.picks] == pytest.approx(inside)
    assert found.efficiency == pytest.approx(np.mean(outside) / np.mean(inside))
    assert found.changes == sum(a != b for a, b in pairwise(chosen))
    fixed = [told(returns[50:, p]) for p in range(4)]
    assert found.best_fixed.value == pytest.approx(max(fixed))
    assert found.best_fixed.params == {"place": int(np.argmax(fixed))}
    assert found.median_fixed == pytest.approx(np.median(fixed))
    assert found.equity()["equity"].len() == 200
    assert found.frame()["out_run"].null_count() == 0


def test_random_choice_of_copies_is_the_walk_itself(lake):
    returns = np.repeat(noise_of(seeded(), rows=150, trials=1), 3, axis=1)
    walk(lake, returns, folds=2)
    found = lake.walkforward("s")
    assert found.random.median == pytest.approx(found.traded["sharpe_ratio"])
    assert found.random.p > 0.3  # rounding may order copies either way


def test_a_metric_that_is_better_lower(lake):
    returns = noise_of(seeded(), rows=150, trials=3)
    returns[:, 1] *= 0.2
    walk(lake, returns, folds=2)
    found = lake.walkforward("s", "volatility")
    assert [pick.params["place"] for pick in found.picks] == [1, 1]
    assert found.best_fixed.params == {"place": 1}
    assert found.random.p < 0.5


def test_a_planted_edge_is_found_and_noise_is_not(lake):
    rng = seeded()
    returns = noise_of(rng, rows=1500, trials=8)
    returns[:, 3] += 0.006
    walk(lake, returns, strategy="edge")
    found = lake.walkforward("edge")
    assert {pick.params["place"] for pick in found.picks} == {3}
    assert found.psr > 0.99
    assert found.verdict.startswith("What was chosen in sample is better than no skill")
    assert found.random.p < 0.05
    falling = noise_of(rng, rows=250, trials=8) - 0.005
    walk(lake, falling, strategy="none")
    assert "not distinguishable from no skill" in lake.walkforward("none").verdict


def test_only_the_chosen_was_run_out_of_sample(lake):
    """The usual way of walking: nothing else to compare with."""
    returns = noise_of(seeded(), rows=150, trials=3)
    for fold in range(2):
        part = returns[50 * fold : 50 * fold + 50]
        for place in range(3):
            cell = {"params": {"place": place}, "fold": str(fold), "sample": "in"}
            lake.save(daily(part[:, place], 50 * fold, **cell))
        best = int(np.argmax([told(part[:, place]) for place in range(3)]))
        after = returns[50 * fold + 50 : 50 * fold + 100, best]
        cell = {"params": {"place": best}, "fold": str(fold), "sample": "out"}
        lake.save(daily(after, 50 * fold + 50, **cell))
    found = lake.walkforward("s")
    assert (found.traded["n_returns"], found.configurations, found.random) == (100, 3, None)


def test_what_cannot_be_walked(lake):
    lake.save(daily(noise_of(seeded(), trials=1)[:, 0]))
    with pytest.raises(NotFound, match="no run says its fold"):
        lake.walkforward("s")
    with pytest.raises(NotFound, match="no run has strategy 'sx'"):
        lake.walkforward("sx")
    for symbol in "AB":
        walk(lake, noise_of(seeded(), rows=100, trials=1), folds=1, symbol=symbol)
    with pytest.raises(BadInput, match=r"of 2 symbols \(A, B\)"):
        lake.walkforward("s")
    returns = noise_of(seeded(), rows=100, trials=1)[:, 0]
    for fold in range(2):
        for sample in ("in", "out"):
            cell = {"strategy": "o", "fold": str(fold), "sample": sample, "params": {"a": 1}}
            lake.save(daily(returns, 10 * fold, **cell))
    with pytest.raises(BadInput, match="fold 1 begins out of sample before the one before it ends"):
        lake.walkforward("o")


def test_decay_is_sorted_by_what_got_worse(lake):
    for place, (inside, outside) in enumerate([(1.0, 0.5), (2.0, -1.0), (0.5, 0.9)]):
        for sample, value in (("in", inside), ("out", outside)):
            cell = {"params": {"p": place}, "fold": "1", "sample": sample}
            lake.save(strategy="s", metrics={"sharpe_ratio": value}, **cell)
    lake.save(strategy="s", metrics={"sharpe_ratio": 9.0}, params={"p": 9}, sample="in")
    found = lake.decay()
    assert found["change"].to_list() == pytest.approx([-3.0, -0.5, 0.4])
    assert [json.loads(text)["p"] for text in found["params"]] == [1, 0, 2]
    assert lake.decay(n=1).height == 1
    assert lake.decay(fold="2").height == 0
