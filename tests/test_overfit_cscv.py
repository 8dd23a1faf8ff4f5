"""CSCV: exact small cases, and what must not change its answer."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from trials import TRUTH, expected, seeded

from bt_lake.overfit.cscv import cscv

CASES = expected("cscv_small")["cases"]


def read(name):
    return np.loadtxt(TRUTH / "cscv" / name, delimiter=",", skiprows=1)


@pytest.mark.parametrize(
    ("file", "case", "cut"),
    [
        ("small_even_n4_t16.csv", "exact_blocks", np.s_[:]),
        ("ties_and_zero_variance.csv", "exact_blocks", np.s_[:]),
        ("ties_and_zero_variance.csv", "excluded|exact_blocks", np.s_[:, :3]),
        ("residual_t18_s4.csv", "drop_first", np.s_[:]),
        ("residual_t18_s4.csv", "drop_last", np.s_[:16]),
    ],
)
def test_every_split_of_a_small_case(file, case, cut):
    truth = CASES[file][case]
    found = cscv(read(file)[cut], CASES[file]["S"])
    assert found.pbo == float(Fraction(truth["pbo_default"]))
    assert np.mean(found.logit < 0) == float(Fraction(truth["pbo_strict_lt"]))
    assert found.probability_of_loss == float(Fraction(truth["prob_oos_loss"]))
    for i, split in enumerate(truth["combos"]):
        assert found.winner[i] == split["winner"]
        assert found.rank[i] == float(Fraction(split["oos_rank"]))
        assert found.logit[i] == pytest.approx(split["logit"], abs=1e-12)
        assert found.in_sample[i] == pytest.approx(split["is_sr"], abs=1e-12)
        assert found.out_of_sample[i] == pytest.approx(split["oos_sr"], abs=1e-12)


def one_by_one(returns, blocks):
    """The definition, split by split, on the rows themselves."""
    from itertools import combinations

    parts = np.split(returns[len(returns) % blocks :], blocks)
    for inside in combinations(range(blocks), blocks // 2):
        scores = []
        for chosen in (inside, [b for b in range(blocks) if b not in inside]):
            half = np.concatenate([parts[b] for b in chosen])
            flat = np.ptp(half, axis=0) <= 1e-15
            deviation = np.where(flat, np.inf, half.std(axis=0, ddof=1))
            scores.append(np.where(np.isnan(deviation), 0.0, half.mean(axis=0) / deviation))
        first, second = (np.nan_to_num(score) for score in scores)
        winner = int(np.argmax(first))
        rank = (second < second[winner]).sum() + ((second == second[winner]).sum() + 1) / 2
        yield winner, rank, first[winner], second[winner]


def test_agrees_with_the_definition():
    rng = seeded()
    returns = rng.normal(0.0003, 0.01, size=(133, 37))
    returns[:60, 3] = 0.0  # flat for a while
    returns[:, 4] = 0.001  # constant growth
    returns[100:, 5] = np.nan  # ruined
    returns[:, 6] = 1e-3 * returns[:, 7] - 5.0  # far from zero: cancellation
    found = cscv(returns, 8)
    winner, rank, inside, outside = zip(*one_by_one(returns, 8), strict=True)
    assert found.winner.tolist() == list(winner)
    assert found.rank == pytest.approx(rank)
    assert found.in_sample == pytest.approx(inside, rel=1e-9, abs=1e-12)
    assert found.out_of_sample == pytest.approx(outside, rel=1e-9, abs=1e-12)


def test_chunks_do_not_show(monkeypatch):
    returns = seeded().normal(size=(80, 11))
    whole = cscv(returns, 8)
    monkeypatch.setattr("bt_lake.overfit.cscv._CHUNK", 33)
    assert cscv(returns, 8).logit.tolist() == whole.logit.tolist()


def test_constant_growth_with_rounding_scores_zero():
    equity = 100.0 * 1.001 ** np.arange(201)
    steady = equity[1:] / equity[:-1] - 1  # 0.001, give or take the last digit
    assert np.ptp(steady) > 0
    returns = np.column_stack([steady, seeded().normal(0.0, 0.01, size=200)])
    found = cscv(returns, 10)
    assert np.abs(found.in_sample).max() < 10
    assert (found.in_sample >= 0).all()


def test_permuting_trials_changes_only_their_names():
    rng = seeded()
    returns = rng.normal(size=(96, 40))
    order = rng.permutation(40)
    found, permuted = cscv(returns, 8), cscv(returns[:, order], 8)
    assert order[permuted.winner].tolist() == found.winner.tolist()
    assert permuted.rank.tolist() == found.rank.tolist()
    assert permuted.pbo == found.pbo


def test_copies_of_a_trial_tie():
    """Bit-equal or not, copies rank alike and the first of them wins."""
    rng = seeded()
    one = rng.normal(0.05, 1.0, size=(96, 1))
    returns = np.hstack([rng.normal(-1.0, 1.0, size=(96, 7)), one, one, one * 3.0])
    found = cscv(returns, 8)
    assert set(found.winner.tolist()) == {7}
    assert set(found.rank.tolist()) == {9.0}  # three copies share ranks 8 to 10


def test_noise_gives_about_one_half():
    """Mean PBO of 200 families of noise; its deviation is 0.20, so 0.08 is 5.6 standard errors:
    a false alarm in less than 1 of ten million runs."""
    rng = seeded()
    pbo = [cscv(rng.normal(size=(96, 20)), 8).pbo for _ in range(200)]
    assert np.mean(pbo) == pytest.approx(0.5, abs=0.08)


def test_equalised_trials_overfit_surely():
    """All trials with the same mean and spread: who is better here is worse there (pbo vignette)."""
    returns = seeded().normal(size=(240, 20))
    returns = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    found = cscv(returns, 8)
    assert found.pbo == 1.0
    assert found.probability_of_loss == 1.0
    assert found.degradation()[0] < 0.0


def test_planted_edge_is_found():
    """Daily Sharpe 0.4 over 1,000 days among noise: the winner everywhere."""
    returns = seeded().normal(0.0, 0.01, size=(1000, 50))
    returns[:, 17] += 0.004
    found = cscv(returns, 16)
    assert found.pbo < 0.01
    assert found.most_selected(1)[0][0] == 17
    assert found.most_selected(1)[0][1] > 0.95


@pytest.mark.parametrize(
    "returns",
    [
        np.zeros((100, 5)),
        np.full((100, 5), 0.001),
        np.random.default_rng(0).normal(size=(100, 1)),
        np.random.default_rng(0).normal(size=(31, 5)),
        np.zeros((0, 0)),
    ],
    ids=["never invested", "constant growth", "one trial", "too few rows", "nothing"],
)
def test_undefined(returns):
    assert cscv(returns, 16) is None
