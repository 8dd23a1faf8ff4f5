"""What a Sharpe ratio of many trials is worth, against the formulas by the standard library."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from bt_lake.overfit.deflation import FEW_RETURNS, NO_SPREAD, Deflated, deflate


def one(ratio=0.1, n=500.0, trials=20.0, deviation=0.5, year=252.0) -> list[float]:
    found: Deflated = deflate(
        np.array([ratio]), np.array([n]), np.array([0.0]), np.array([3.0]),
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
