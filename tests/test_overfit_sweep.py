"""Ground truth of a sweep of 200 trials in 6 families, from independent implementations.

Not compared: readings of N the lake does not offer, and cutting 1,000 rows into 16 uneven blocks.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from trials import expected, family, moments, sweep_params, sweep_returns

from bt_lake.overfit import multiple, sharpe, student
from bt_lake.overfit.cscv import cscv
from bt_lake.overfit.own import Own
from bt_lake.overfit.plateau import plateau
from bt_lake.overfit.report import overfit
from bt_lake.overfit.search import worlds

TRUTH = expected("sweep")["noise"]
RETURNS = sweep_returns()
RATIOS = moments(RETURNS)["sharpe_period"]
PARAMS = sweep_params()
BEST = TRUTH["best"]
WINNER = 183


def close(value):
    return pytest.approx(value, rel=1e-8, abs=1e-10)


def psr(**changes):
    given = {"sr": BEST["sr"], "skew": BEST["skew_b"], "kurt": BEST["kurt_b"]}
    given |= {"above": 0.0, "memory": 1.0} | changes
    return sharpe.probabilistic(
        given["sr"], BEST["n"], given["skew"], given["kurt"], given["above"], given["memory"]
    )


def test_sharpe_ratios():
    assert dict(zip((f"t{i:03}" for i in range(200)), RATIOS, strict=True)) == close(
        TRUTH["sr_all"]
    )
    assert RATIOS.var(ddof=1) == close(TRUTH["sr"]["var_ddof1"])
    assert RATIOS.argmax() == WINNER


def test_psr_and_its_variants():
    truth = TRUTH["psr0"]
    unbiased = {"skew": BEST["skew_u"], "kurt": BEST["kurt_u"]}
    assert psr() == close(truth["default_biased_moments_sr_ddof1"])
    assert psr(**unbiased) == close(truth["pypbo_psr_from_returns(unbiased,sr_ddof1)"])
    assert psr(**unbiased, sr=BEST["sr_ddof0"]) == close(truth["purgedcv(unbiased,sr_ddof0)"])
    assert psr(kurt=BEST["kurt_b"] - 3) == close(truth["WRONG_excess_kurt"])
    assert psr(above=0.5 / math.sqrt(252)) == close(TRUTH["psr_vs_annual_0.5"]["default"])


def test_min_track_record():
    truth = TRUTH["min_trl_95"]
    moments_ = (BEST["sr"], BEST["skew_b"], BEST["kurt_b"])
    assert sharpe.min_track_record(*moments_) == close(truth["vs_0"])
    assert sharpe.min_track_record(*moments_, 0.5 / math.sqrt(252)) == close(truth["vs_annual_0.5"])


@pytest.mark.parametrize("name", ["N=200_all", "N=eq9", "N=6_clusters", "N=effective_rank"])
def test_dsr(name):
    truth = TRUTH["dsr"][name]
    assert sharpe.expected_max(truth["n"]) == close(truth["E_max_z"])
    found = sharpe.deflated(
        BEST["sr"],
        BEST["n"],
        BEST["skew_b"],
        BEST["kurt_b"],
        trials=truth["n"],
        deviation=math.sqrt(TRUTH["sr"]["var_ddof1"]),
    )
    assert found == close(truth["DSR"])


@pytest.mark.parametrize(
    ("name", "blocks", "rows"),
    [
        ("S=8|exact", 8, slice(None)),
        ("S=10|exact", 10, slice(None)),
        ("S=16|drop_first", 16, slice(None)),
        ("S=16|drop_last", 16, slice(992)),
    ],
)
def test_pbo(name, blocks, rows):
    truth = TRUTH["pbo"][name]
    found = cscv(RETURNS[rows], blocks)
    slope, intercept, r_squared = found.degradation()
    assert found.winner.size == truth["n_combos"]
    assert found.pbo == pytest.approx(truth["pbo_le"], abs=1e-12)
    assert found.probability_of_loss == pytest.approx(truth["prob_oos_loss"], abs=1e-12)
    assert np.mean(found.logit < 0) == pytest.approx(truth["pbo_lt"], abs=1e-12)
    assert found.logit.mean() == pytest.approx(truth["logit_mean"], abs=1e-12)
    assert np.median(found.logit) == pytest.approx(truth["logit_median"], abs=1e-12)
    assert found.logit.min() == pytest.approx(truth["logit_min"], abs=1e-12)
    assert found.logit.max() == pytest.approx(truth["logit_max"], abs=1e-12)
    assert np.mean(found.rank / 201) == pytest.approx(truth["mean_omega"], abs=1e-12)
    assert (slope, intercept, r_squared) == close((truth["slope"], truth["intercept"], truth["r2"]))
    assert found.in_sample.mean() == close(truth["mean_is_sr"])
    assert found.out_of_sample.mean() == close(truth["mean_oos_sr"])
    assert np.unique(found.winner).size == truth["distinct_winners"]
    assert found.most_selected(1) == [(truth["most_selected"][0], close(truth["most_selected"][1]))]


T_VALUES = RATIOS * math.sqrt(1000)
TWO_SIDED = multiple.p_values(RATIOS, 1000)
# P(T >= t), of a t-value's sign
ONE_SIDED = np.where(
    T_VALUES > 0, student.two_sided(T_VALUES, 999) / 2, 1 - student.two_sided(T_VALUES, 999) / 2
)


@pytest.mark.parametrize("sides", ["one_sided", "two_sided"])
@pytest.mark.parametrize(
    ("name", "adjust"),
    [
        ("bonferroni", multiple.bonferroni),
        ("sidak", multiple.sidak),
        ("holm", multiple.holm),
        ("fdr_by", multiple.benjamini_yekutieli),
    ],
)
def test_adjusted_p_values(name, adjust, sides):
    truth = TRUTH["multiple_testing"]
    p = ONE_SIDED if sides == "one_sided" else TWO_SIDED
    assert p[WINNER] == close(truth[f"p_{sides}_best"])
    check_adjusted(adjust(p), truth[f"{name}_{sides}"])


def test_harvey_liu():
    check_adjusted(
        multiple.harvey_liu(TWO_SIDED), TRUTH["multiple_testing"]["harvey_liu_bhy_two_sided"]
    )


def check_adjusted(adjusted, truth):
    assert adjusted.min() == close(truth["min_adj_p"])
    assert adjusted[WINNER] == close(truth["adj_p_of_best"])
    assert np.count_nonzero(adjusted <= 0.05) == truth["n_reject_5pct"]


@pytest.mark.parametrize(
    ("name", "adjust"),
    [
        ("independent 1-(1-p)^N", multiple.sidak),
        ("bonferroni", multiple.bonferroni),
        ("holm", multiple.holm),
        ("fdr_by", multiple.benjamini_yekutieli),
        ("harvey_liu_bhy", multiple.harvey_liu),
    ],
)
def test_haircut(name, adjust):
    truths = TRUTH["multiple_testing"]["haircut_of_best(two-sided p, t dist df=T-1)"]
    truth, p = truths[name], adjust(TWO_SIDED)[WINNER]
    left = multiple.haircut(p, 1000)
    assert p == close(truth["p_adj"])
    assert left == close(truth["haircut_sr_daily"])
    assert 100 * (1 - left / BEST["sr"]) == close(truth["haircut_pct"])


def test_reality_check():
    """White's; and of returns of one volatility, which is Hansen's with all trials in it."""
    found = judged(RETURNS, seed=1)
    scaled = judged(RETURNS / RETURNS.std(axis=0, ddof=1) / 100, seed=2)
    for p, other in (
        (found.reality_check, TRUTH["spa"]["independent_B20000"]["unstudentised_upper"]),
        (
            scaled.reality_check,
            TRUTH["spa"]["independent_on_unit_vol_returns_B20000"]["unstudentised_upper"],
        ),
    ):
        error = sum(4 * math.sqrt(other * (1 - other) / b) + 1 / b for b in (5000, 20000))
        assert p == pytest.approx(other, abs=error)
    assert found.spa <= scaled.reality_check + 0.03


def judged(returns, seed):
    own = Own.of(family(returns).curves)
    return worlds(own, np.full(returns.shape[1], np.nan), block=10, seed=seed)


@pytest.mark.parametrize("name", [f"family_{i}" for i in range(6)])
def test_plateau(name):
    truth = TRUTH["plateau_moore_neighbourhood"][name]
    mine = [params["family"] == name[-1] for params in PARAMS]
    winner = int(np.argmax(np.where(mine, RATIOS, -np.inf)))
    found = plateau(PARAMS, RATIOS, winner)
    assert [PARAMS[winner]["p1"], PARAMS[winner]["p2"]] == truth["best_cell"]
    assert found.axes == ("p1", "p2")
    assert found.neighbours == truth["n_neighbours"]
    assert found.value == close(truth["best_sr"])
    assert found.median == close(truth["neighbour_median"])
    assert found.mean == close(truth["neighbour_mean"])
    assert found.mean / found.value == close(truth["mean_over_best"])
    assert found.lowest == close(truth["neighbour_min"])
    assert found.share_near == close(truth["share_of_neighbours_ge_80pct_of_best"])
    assert found.share_positive == close(truth["share_of_grid_positive"])


def test_everything_from_curves():
    """The whole report, from 200 equity curves."""
    report = overfit(family(RETURNS, params=PARAMS), bootstraps=2000)
    assert report.best.run_id == TRUTH["sr"]["argmax"]
    assert report.best.memory > 1  # which PSR and MinTRL count, and the truth does not
    assert report.best.psr == close(psr(memory=report.best.memory))
    record = (TRUTH["min_trl_95"]["vs_0"] - 1) * report.best.memory + 1
    assert report.best.min_track_record == close(record)
    deflated, truth = report.best.deflated, TRUTH["dsr"]["N=200_all"]
    assert (deflated.trials, deflated.expected_max) == close((truth["n"], truth["SR0_daily"]))
    assert deflated.expected_max_annual == close(truth["SR0_annual"])
    assert deflated.dsr == close(truth["DSR"])
    pbo = TRUTH["pbo"]["S=16|drop_first"]
    assert report.overfitting.pbo == pytest.approx(pbo["pbo_le"], abs=1e-12)
    assert report.overfitting.slope == close(pbo["slope"])
    assert (report.overfitting.rows, report.overfitting.rows_dropped) == (1000, 8)
    assert report.overfitting.most_selected[0][0] == pbo["winner_mode_trial"]
    assert report.alignment.left_out == {}
    assert report.best.plateau.neighbours == 5
    assert "not distinguishable" in report.verdict
