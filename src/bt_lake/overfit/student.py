"""Student's t over whole arrays: two-sided p-values and the t that belongs to one.

With x = df / (df + t^2) the p-value is the incomplete beta function I_x(df/2, 1/2), evaluated by
its continued fraction (modified Lentz), which needs at most about 50 steps on the side of t^2 = 3
where it is used, at any df. The relative error is about 1e-16 df, and 1e-14 at least (1e-13 for
1,000 returns, 1e-9 for ten million); df = inf is the normal distribution.
"""

from __future__ import annotations

import math

import numpy as np

from bt_lake.overfit import normal
from bt_lake.overfit.arrays import Floats, Numbers

_STEPS = 200
_NEWTON_STEPS = 60


def two_sided(t: Numbers, df: Numbers) -> Floats:
    """P(|T| >= |t|) with `df` degrees of freedom; NaN where t is NaN or df is not positive."""
    size, freedom = _same_shape(np.abs(t), df)
    p = np.full(size.shape, np.nan)
    endless = np.isinf(freedom)
    p[endless] = 2.0 * normal.cdf(-size[endless])
    known = (freedom > 0) & ~endless & ~np.isnan(size)
    p[known] = _two_sided(size[known], freedom[known])
    return p


def quantile(p: Numbers, df: Numbers) -> Floats:
    """The t >= 0 whose two-sided p-value is `p`, by Newton's method on log p."""
    tail, freedom = _same_shape(p, df)
    t = np.array(-normal.quantile(tail / 2.0))
    t[~(freedom > 0)] = np.nan
    finite = np.isfinite(t) & np.isfinite(freedom)
    t[finite] = _newton(t[finite], np.log(tail[finite]), freedom[finite])
    return t


def _same_shape(a: Numbers, b: Numbers) -> tuple[Floats, Floats]:
    one, other = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(b, np.float64))
    return one, other


def _newton(t: Floats, log_p: Floats, df: Floats) -> Floats:
    # The start, the normal quantile, is below the answer; in the fat tail log p is convex, so the
    # steps climb towards the answer and never pass it by much.
    for _ in range(_NEWTON_STEPS):
        tail = _two_sided(t, df)
        slope = 2.0 * np.exp(_log_density(t, df)) / tail
        step = (np.log(tail) - log_p) / slope
        t = t + step
        if np.all(np.abs(step) <= 1e-9 * t):  # what is left is of the order of its square
            break
    return t


def _two_sided(t: Floats, df: Floats) -> Floats:
    half, square = df / 2.0, t * t
    x, y = df / (df + square), square / (df + square)
    tail = square > 3.0
    front = t * np.exp(_log_density(t, df))  # = x^(df/2) y^(1/2) / B(df/2, 1/2)
    p = np.empty_like(t)
    p[tail] = front[tail] / half[tail] * _fraction(half[tail], np.full(tail.sum(), 0.5), x[tail])
    middle = ~tail
    inside = _fraction(np.full(middle.sum(), 0.5), half[middle], y[middle])
    p[middle] = 1.0 - 2.0 * front[middle] * inside
    return p


def _log_density(t: Floats, df: Floats) -> Floats:
    return (
        _log_gamma_step(df / 2.0)
        - 0.5 * np.log(df * math.pi)
        - (df + 1.0) / 2.0 * np.log1p(t * t / df)
    )


def _log_gamma_step(a: Floats) -> Floats:
    """log Gamma(a + 1/2) - log Gamma(a), by a series where the difference would cancel."""
    out = np.empty_like(a)
    large = a > 20.0
    u = 1.0 / a[large]
    u2 = u * u
    series = u * (-1 / 8 + u2 * (1 / 192 + u2 * (-1 / 640 + u2 * (17 / 14336))))
    out[large] = 0.5 * np.log(a[large]) + series
    small = a[~large]
    out[~large] = [math.lgamma(value + 0.5) - math.lgamma(value) for value in small.tolist()]
    return out


def _fraction(a: Floats, b: Floats, x: Floats) -> Floats:
    c = np.ones_like(x)
    d = 1.0 / (1.0 - (a + b) * x / (a + 1.0))
    value = d.copy()
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / (1.0 + term * d)
            c = 1.0 + term / c
            change = c * d
            value = value * change
        if np.all(np.abs(change - 1.0) < 1e-15):
            break
    return value
