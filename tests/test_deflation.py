"""What a Sharpe ratio of many trials is worth, against the formulas by the standard library."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from bt_lake.overfit.deflation import Deflated, deflate
from bt_lake.overfit.single import FEW_RETURNS, NO_SPREAD


def one(
    ratio=0.1, n=500.0, trials=20.0, deviation=0.5, year=252.0, skew=0.0, kurtosis=3.0
) -> list[float]:
    found: Deflated = deflate(
        np.array([ratio]), np.array([n]), np.array([skew]), np.array([kurtosis]),
        periods_per_year=np.array([year]), trials=np.array([trials]), deviation=np.array([deviation]),
    )  # fmt: skip
    return [float(v[0]) for v in (found.dsr, found.haircut_sharpe, found.expected_max_sharpe)]


def test_what_luck_brings_is_annual_and_grows_with_trials_and_spread():
    quantile = NormalDist().inv_cdf
    for trials, deviation in ((20.0, 0.5), (300.0, 1.25)):
        expected = (1 - np.euler_gamma) * quantile(1 - 1 / trials)
        expected += np.euler_gamma * quantile(1 - 1 / (trials * math.e))
        *_, luck = one(trials=trials, deviation=deviation)
        assert luck == pytest.approx(deviation * expected, rel=1e-4)
        dsr, haircut, _ = one(ratio=2 * luck / math.sqrt(252), trials=trials, deviation=deviation)
        assert dsr > 0.9 and 0 < haircut < 2 * luck
        dsr, *_ = one(ratio=luck / math.sqrt(252), trials=trials, deviation=deviation)
        assert dsr == pytest.approx(0.5)  # as much as luck brings


def test_what_is_undefined():
    dsr, haircut, _ = one(n=float(FEW_RETURNS))
    assert dsr == dsr and haircut == haircut
    dsr, haircut, luck = one(n=FEW_RETURNS - 1.0)
    assert math.isnan(dsr) and math.isnan(haircut) and luck == luck
    for spread in (0.0, NO_SPREAD):
        dsr, _, luck = one(deviation=spread, year=1.0)
        assert math.isnan(dsr) and math.isnan(luck)
    assert one(deviation=2 * NO_SPREAD, year=1.0)[2] > 0
    assert math.isnan(one(deviation=2 * NO_SPREAD, year=100.0)[2])
    for worthless in ({"ratio": 0.0}, {"ratio": -0.1}, {"trials": 1.0}):
        assert math.isnan(one(**worthless)[1])


@pytest.mark.parametrize(
    "skew, kurtosis", [(0.0, 3.0), (500.0, 3.0), (-500.0, 3.0), (0.0, 1e6 + 1)]
)
@pytest.mark.parametrize("trials", [2.0, 40.0, 1e9])
@pytest.mark.parametrize("year", [1.0, 252.0])
def test_the_haircut_leaves_what_one_trial_would_need_for_the_p_value_of_all(
    skew, kurtosis, trials, year
):
    """Over so many returns Student's t is the normal distribution, which the standard library has."""
    normal, n, t = NormalDist(), 1e8, 4.5
    ratio = t / math.sqrt(n)
    error = math.sqrt(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2)
    p = min(2 * normal.cdf(-t / error) * trials, 1.0)
    expected = -normal.inv_cdf(p / 2) / math.sqrt(n) * math.sqrt(year)
    _, haircut, _ = one(ratio, n, trials, year=year, skew=skew, kurtosis=kurtosis)
    assert haircut == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_of_two_trials_there_is_a_haircut_and_of_no_more_than_one_none():
    assert one(trials=2.0)[1] < 0.1 * math.sqrt(252)
    for alone in (0.0, 1.0, math.nan):
        assert math.isnan(one(trials=alone)[1])
