"""Normal and Student's t over arrays: as exact as double precision allows, tails included."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from bt_lake.overfit import normal, student

# 30-digit evaluations, rounded to double precision.
TAILS = {
    -1.0: 0.15865525393145705,
    -5.0: 2.8665157187919391e-07,
    -10.0: 7.6198530241605261e-24,
    -20.0: 2.7536241186062337e-89,
    -37.0: 5.7255712225245768e-300,
}


@pytest.mark.parametrize(("z", "p"), TAILS.items())
def test_normal_tail(z, p):
    assert normal.cdf(z) == pytest.approx(p, rel=1e-13)
    assert normal.cdf(-z) == pytest.approx(1.0 - p, rel=1e-15)


def test_normal_agrees_with_the_standard_library():
    z = np.linspace(-8, 8, 4001)
    p = np.concatenate([[5e-324, 1e-300, 1e-16], np.linspace(0.001, 0.999, 999), [1 - 1e-16]])
    # The library's cdf is 1 + erf: exact in absolute terms only.
    assert normal.cdf(z) == pytest.approx([NormalDist().cdf(v) for v in z], rel=0, abs=2e-16)
    assert normal.quantile(p).tolist() == [NormalDist().inv_cdf(v) for v in p]


def test_normal_quantile_undoes_cdf():
    z = np.linspace(-37, 5, 2001)
    assert normal.quantile(normal.cdf(z)) == pytest.approx(z, rel=1e-9, abs=1e-12)


def test_normal_edges():
    assert normal.quantile([0.0, 1.0]).tolist() == [-math.inf, math.inf]
    assert np.isnan(normal.quantile([-0.1, 1.1, math.nan])).all()
    assert normal.cdf([-math.inf, math.inf]).tolist() == [0.0, 1.0]
    assert np.isnan(normal.cdf(math.nan))
    assert normal.cdf(np.zeros((2, 3)).T).shape == (3, 2)


T = np.concatenate([[0.0, 1e-6, 0.01], np.linspace(0.1, 40, 400)])


def test_student_closed_forms():
    assert student.two_sided(T, 1) == pytest.approx(2 / math.pi * np.arctan2(1, T), rel=1e-13)
    two = 2 / (np.sqrt(2 + T**2) * (np.sqrt(2 + T**2) + T))  # 1 - t / sqrt(2 + t^2)
    assert student.two_sided(T, 2) == pytest.approx(two, rel=1e-13)
    assert student.two_sided(T, math.inf) == pytest.approx(2 * normal.cdf(-T), rel=1e-15)


@pytest.mark.parametrize(
    ("t", "df", "p"),
    [
        (2.3254621032648277, 999, 0.02024675497984245),
        (0.5, 23, 0.6218252752423283),
        (10.0, 40, 1.9313117004115577e-12),
        (6.0, 1_000_000, 1.9738498123544347e-09),
    ],
)
def test_student_against_independent_values(t, df, p):
    assert student.two_sided(t, df) == pytest.approx(p, rel=1e-9)
    assert student.two_sided(-t, df) == student.two_sided(t, df)


@pytest.mark.parametrize("df", [1, 2, 3, 11, 39, 41, 239, 999, 100_000, 10_000_000, math.inf])
def test_student_quantile_undoes_p(df):
    p = np.array([1.0, 1 - 1e-9, 0.9, 0.5, 0.05, 1e-4, 1e-8, 1e-15])
    t = student.quantile(p, df)
    assert student.two_sided(t, df) == pytest.approx(p, rel=1e-8)
    assert t[0] == 0.0
    assert (np.diff(t) > 0).all()


def test_student_edges():
    assert student.quantile(0.0, 10) == math.inf
    assert np.isnan(student.two_sided([1.0, math.nan], [0.0, 5.0])).all()
    assert np.isnan(student.quantile([0.5, math.nan], [0.0, 5.0])).all()
    assert student.two_sided([], []).size == 0
    assert student.quantile([], []).size == 0
