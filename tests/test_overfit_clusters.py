"""Counting independent trials: families whose right answer is known by construction."""

from __future__ import annotations

import numpy as np
import pytest
from trials import seeded

from bt_lake.overfit.clusters import MAX_TRIALS, clusters
from bt_lake.overfit.correlation import (
    average_correlation,
    effective_rank,
    independent_by_average,
    standardise,
)


def count(returns):
    return clusters(standardise(returns)).count


def around(rng, factors, copies, noise, rows=500):
    """`copies` trials around each of `factors` independent ones."""
    return np.repeat(rng.normal(size=(rows, factors)), copies, axis=1) + noise * rng.normal(
        size=(rows, factors * copies)
    )


def test_known_families():
    rng = seeded()
    assert count(rng.normal(size=(500, 1))) == 1
    assert count(rng.normal(size=(500, 2))) == 2
    assert count(rng.normal(size=(500, 100))) == 100  # unrelated trials stand alone
    assert count(np.repeat(rng.normal(size=(500, 1)), 10, axis=1)) == 1  # one trial, ten times
    assert count(around(rng, 1, 50, noise=0.1)) == 1  # near copies
    assert count(around(rng, 7, 20, noise=0.5)) == 7
    assert count(np.zeros((500, 99))) == 99  # constant trials resemble nothing
    assert count(np.repeat(around(rng, 3, 1, noise=0.0), 33, axis=1)) == 3  # equal distances


def test_opposite_bets_are_two():
    rng = seeded()
    bet = rng.normal(size=(500, 1)) * np.where(np.arange(30) % 2, 1.0, -1.0)
    assert count(bet + 0.1 * rng.normal(size=(500, 30))) == 2


def test_loners_beside_clusters_count_alone():
    rng = seeded()
    together = around(rng, 4, 25, noise=0.5)
    assert count(np.hstack([together, rng.normal(size=(500, 20))])) == pytest.approx(24, abs=2)


def test_order_does_not_matter():
    rng = seeded()
    returns = around(rng, 5, 12, noise=0.6)
    order = rng.permutation(60)
    found = clusters(standardise(returns))
    permuted = clusters(standardise(returns[:, order]))
    assert permuted.count == found.count
    pairs = set(zip(found.labels[order].tolist(), permuted.labels.tolist(), strict=True))
    assert len(pairs) == found.count
    assert found.labels[0] == 0  # numbered by first appearance


def test_ceiling():
    assert clusters(np.zeros((2, MAX_TRIALS + 1))) is None


def test_average_correlation_is_the_mean_of_all_pairs():
    returns = around(seeded(), 3, 4, noise=1.0)
    rho = np.corrcoef(returns.T)[~np.eye(12, dtype=bool)].mean()
    z = standardise(returns)
    assert average_correlation(z) == pytest.approx(rho, rel=1e-9)
    assert independent_by_average(rho, 12) == pytest.approx(rho + (1 - rho) * 12)
    assert independent_by_average(-0.5, 12) == 12.0
    assert np.isnan(average_correlation(z[:, :1]))


def test_effective_rank():
    rng = seeded()
    assert effective_rank(standardise(np.repeat(rng.normal(size=(99, 1)), 5, axis=1))) == (
        pytest.approx(1.0)
    )
    orthogonal, _ = np.linalg.qr(rng.normal(size=(99, 9)))
    assert effective_rank(orthogonal) == pytest.approx(9.0)
    assert np.isnan(effective_rank(standardise(np.ones((99, 3)))))
