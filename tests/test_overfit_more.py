"""Further statistics against closed forms, brute force, published numbers and another package's."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from trials import family

import bt_lake
from bt_lake.cli.main import run as cli
from bt_lake.overfit import normal
from bt_lake.overfit.confidence_set import confidence_set
from bt_lake.overfit.discovery import storey, worthless
from bt_lake.overfit.false_strategy import false_strategy, min_backtest_years
from bt_lake.overfit.multiple import sidak
from bt_lake.overfit.purged import paths
from bt_lake.overfit.report import overfit

EDGES = np.array([0.20, 0.18, 0.16, 0.10, 0.08, 0.05, 0.02, 0, -0.05, -0.1])
# MCS(-z, size=0.05, reps=4000, block_size=9, method="max", bootstrap="stationary", seed=3) of the
# package arch 8.0.0, of the returns below over their deviation.
ARCH = [0.935, 0.935, 1.0, 0.036, 0.157, 0.036, 0.036, 0.036, 0.0, 0.0]


def related() -> np.ndarray:
    rng = np.random.default_rng(7)
    common = rng.normal(size=(600, 1))
    return np.round((0.6 * common + 0.8 * rng.normal(size=(600, 10)) + EDGES) / 100, 5)


def test_the_confidence_set_is_that_of_arch():
    assert confidence_set(related(), bootstraps=4000, block=9) == pytest.approx(ARCH, abs=0.03)


def test_the_size_of_a_bet_does_not_count_in_the_confidence_set():
    sizes = np.array([1, 9, 2, 5, 1, 3, 4, 1, 2, 7.0])
    usual = confidence_set(related(), bootstraps=200, block=9)
    assert confidence_set(related() * sizes, bootstraps=200, block=9) == pytest.approx(usual)
    still = np.column_stack([related(), np.zeros(600)])
    assert np.isnan(confidence_set(still, bootstraps=200, block=9)[-1])


def test_q_values_are_the_least_false_share_at_which_a_trial_is_called_good():
    p = np.random.default_rng(3).uniform(size=40) ** 2
    null = worthless(p)
    assert null == pytest.approx((np.sum(p > 0.5) + 1) / 20)
    expected = [
        min(min(null * p.size * level / np.sum(p <= level), 1) for level in p if level >= own)
        for own in p
    ]
    assert storey(p) == pytest.approx(expected)
    gaps = storey(np.array([np.nan, *p]))
    assert np.isnan(gaps[0]) and gaps[1:] == pytest.approx(expected)
    assert worthless(np.array([])) == 1.0


def test_the_false_share_is_held_on_average():
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(200):
        z = rng.normal(size=100) + np.where(np.arange(100) < 20, 3.0, 0.0)
        called = storey(normal.cdf(-z)) <= 0.2
        shares.append(np.sum(called[20:]) / max(1, np.sum(called)))
    assert np.mean(shares) == pytest.approx(0.2, abs=0.025)  # three standard errors


def test_45_trials_and_a_ratio_of_1_need_5_years_as_published():
    """Bailey, Borwein, Lopez de Prado & Zhu (2014), p. 465."""
    assert min_backtest_years(45, 1.0) == pytest.approx(5.0, abs=0.01)
    assert min_backtest_years(45, 2.0) == pytest.approx(1.25, abs=0.01)
    assert np.isnan(min_backtest_years(45, -1.0))


def test_a_false_strategy_is_sidaks_of_the_normal_p():
    one = (0.1, 500, 0.0, 3.0)
    single = float(false_strategy(*one, trials=1))
    psr = normal.cdf(0.1 * np.sqrt(499 / (1 + 0.5 * 0.1**2)))
    assert single == pytest.approx(1 - float(psr))
    assert float(false_strategy(*one, trials=7)) == pytest.approx(float(sidak([single] * 7)[0]))


def test_purged_paths_are_those_of_a_slow_reading_of_the_definition():
    returns, purged = np.random.default_rng(9).normal(0.0, 0.01, (120, 5)), 3
    edges = [0, 15, 40, 70, 100, 120]
    groups = [range(a, b) for a, b in pairwise(edges)]
    chosen: dict[int, list[int]] = {g: [] for g in range(5)}
    for tested in combinations(range(5), 2):
        inside = {row for g in tested for row in groups[g]}
        near = {row + step for row in inside for step in range(-purged, purged + 1)}
        rest = [row for row in range(120) if row not in near]
        ratios = [returns[rest, k].mean() / returns[rest, k].std(ddof=1) for k in range(5)]
        for g in tested:
            chosen[g].append(int(np.argmax(ratios)))
    expected = []
    for number in range(4):
        path = np.concatenate([returns[groups[g], chosen[g][number]] for g in range(5)])
        expected.append(path.mean() / path.std(ddof=1))
    found = paths(returns, edges=edges[:-1], purged=purged)
    assert found.sharpe == pytest.approx(expected)
    assert (found.groups, found.splits, len(found.sharpe)) == (5, 10, 4)
    assert paths(returns, edges=[0, 60]) is None


def test_the_verdict_is_the_same_with_more():
    plain = overfit(family(related()), bootstraps=200)
    told = overfit(family(related()), bootstraps=200, folds=[])
    assert plain.more is None and plain.verdict == told.verdict and plain.search == told.search
    more = told.more
    assert more.trials[0].run_id == told.best.run_id
    assert more.count("romano_wolf") == len(told.search.good)
    assert more.count("benjamini_yekutieli") <= more.count("storey")
    assert len(more.paths) == 5 and not more.by_folds
    assert overfit(family(related()[:, :1]), bootstraps=50, folds=[]).more.false_strategy is None
    assert overfit(family(related()[:5]), bootstraps=50, folds=[]).more is not None


def test_of_trials_without_a_p_nothing_is_told(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    lake.save(strategy="m", error="it broke")
    told = lake.overfit(more=True)
    assert told.more.worthless is None
    assert "Storey" not in str(told) and "Romano-Wolf" not in str(told)


@pytest.mark.slow
def test_it_is_shown_to_who_asks(tmp_path, capsys):
    lake = bt_lake.open(tmp_path / "lake")
    days = (np.datetime64("2020-01-01") + np.arange(90)).astype(str).tolist()
    for n in range(4):
        for fold in range(3):
            part = slice(fold * 30, fold * 30 + 30)
            lake.save(
                strategy="m",
                params={"n": n},
                fold=str(fold),
                sample="out",
                equity={"ts": days[part], "equity": np.cumprod(1 + related()[part, n]).tolist()},
            )
    assert lake.overfit(more=True).more.by_folds
    assert cli(["--lake", str(lake.path), "overfit", "--more"]) == 0
    out = capsys.readouterr().out
    for name in ("false discoveries", "minimum backtest length", "purged paths", "3 stored folds"):
        assert name in " ".join(out.split())
    assert cli(["--lake", str(lake.path), "overfit", "--more", "--per", "symbol"]) == 2
