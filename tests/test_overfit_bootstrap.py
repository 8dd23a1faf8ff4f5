"""Reality Check and SPA: reproducible, indifferent to what should not matter, honest on noise."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from trials import seeded

from bt_lake.overfit import bootstrap
from bt_lake.overfit.bootstrap import default_block, reality_check, resamples


def test_resamples_are_blocks_of_the_stated_length():
    counts = np.vstack(list(resamples(rows=500, bootstraps=400, block=5, seed=3)))
    assert counts.shape == (400, 500)
    assert (counts.sum(axis=1) == 500).all()
    # Counts of neighbouring rows correlate by the chance that the block goes on, 1 - 1/5.
    z = counts - 1.0
    assert np.mean(z * np.roll(z, 1, axis=1)) / np.mean(z * z) == pytest.approx(0.8, abs=0.03)


def test_seed_decides():
    returns = seeded().normal(size=(120, 9))
    one = reality_check(returns, bootstraps=500, seed=7)
    assert one == reality_check(returns, bootstraps=500, seed=7)
    assert one != reality_check(returns, bootstraps=500, seed=8)


@pytest.mark.parametrize(("rows", "block"), [(1, 1), (27, 3), (28, 4), (756, 10), (1000, 10)])
def test_default_block(rows, block):
    assert default_block(rows) == block


def test_order_and_scale_do_not_matter():
    rng = seeded()
    returns = rng.normal(0.01, 1.0, size=(200, 12))
    found = dataclasses.asdict(reality_check(returns, bootstraps=300))
    permuted = reality_check(returns[:, rng.permutation(12)] * 64.0, bootstraps=300)
    assert dataclasses.asdict(permuted) == pytest.approx(found)


def test_noise_is_rarely_significant():
    """100 families of noise at the 5 % level. In 250 rows the bootstrap rejects 7 % (RC) and 9 %
    (SPA); even at 10 %, more than 30 rejections come up in 6 of a billion runs."""
    rng = seeded()
    found = [reality_check(rng.normal(size=(250, 10)), bootstraps=199, seed=i) for i in range(100)]
    assert sum(one.reality_check <= 0.05 for one in found) <= 30
    assert sum(one.spa <= 0.05 for one in found) <= 30
    assert all(one.spa_lower <= one.spa <= one.spa_upper for one in found)


def test_planted_edge_is_found_and_hopeless_trials_do_not_hide_it():
    rng = seeded()
    returns = rng.normal(0.0, 0.01, size=(750, 40))
    returns[:, :30] -= 0.004
    returns[:, 35] += 0.003
    found = reality_check(returns, bootstraps=999)
    assert found.spa <= 0.01
    assert found.spa >= 1 / 1000  # never 0
    assert found.statistic > 5


def test_undefined():
    assert reality_check(np.zeros((50, 3))) is None
    assert reality_check(np.full((50, 3), 0.001)) is None
    assert reality_check(np.zeros((1, 3))) is None
    flat_and_moving = np.column_stack([np.zeros(50), seeded().normal(size=50)])
    assert reality_check(flat_and_moving, bootstraps=99) is not None


def test_memory_does_not_grow_with_trials_times_bootstraps():
    returns = seeded().normal(size=(12, 10_000))
    tracemalloc.start()
    reality_check(returns, bootstraps=1000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1000 * 10_000 * 8 / 2


def test_slices_of_trials_do_not_show(monkeypatch):
    returns = seeded().normal(0.1, 1.0, size=(60, 25))
    one = reality_check(returns, bootstraps=400)
    monkeypatch.setattr(bootstrap, "_MEANS", 1500)
    assert reality_check(returns, bootstraps=400) == one
