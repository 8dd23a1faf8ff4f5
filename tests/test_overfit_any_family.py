"""Whatever the lake holds, there is an answer: no exception, no warning, no NaN, no 'None'."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from trials import DAY, moments, seeded

from bt_lake.overfit.align import Curves
from bt_lake.overfit.family import Family
from bt_lake.overfit.report import overfit
from bt_lake.overfit.text import render

UNKNOWN = {"sharpe_period": np.nan, "skew": np.nan, "kurtosis": np.nan}


def any_curve(rng):
    """Days and equity of a trial that may be short, gappy, flat, ruined or negative."""
    length = int(rng.choice([0, 1, 2, 3, 5, 13, 40, 100]))
    returns = rng.normal(0.0, 0.02, length) * rng.choice([1.0, 1.0, 0.0, 1e-9])
    equity = 100.0 * np.cumprod(1.0 + returns + rng.choice([0.0, 0.0, 0.01]))
    if length > 3:
        equity[length // 2 :] *= rng.choice([1.0, 1.0, 1.0, 0.0, -1.0])
    seen = rng.random(length) < rng.choice([1.0, 1.0, 0.9])
    days = rng.choice([0, 0, 0, 1, 50]) + np.arange(length)
    return days[seen], equity[seen]


def any_summary(equity):
    if equity.size < 3 or (equity <= 0).any() or np.ptp(equity[1:] / equity[:-1]) < 1e-15:
        return UNKNOWN | {"n_returns": np.nan}
    known = moments((equity[1:] / equity[:-1] - 1.0)[:, None])
    return {name: value[0] for name, value in known.items()} | {"n_returns": equity.size - 1.0}


def any_family(rng):
    curves = [any_curve(rng) for _ in range(rng.integers(0, 12))]
    summaries = [any_summary(equity) for _, equity in curves]
    trials = len(curves)
    grids = [None, {}, {"a": 1, "b": "x"}, {"a": 2.0, "b": "x"}, {"a": 3, "b": "x"}, {"a": True}]
    return Family(
        ids=[f"{i}" for i in range(trials)],
        **{
            name: np.array([summary[name] for summary in summaries], float)
            for name in (*UNKNOWN, "n_returns")
        },
        periods_per_year=rng.choice([252.0, 252.0, 365.0, 6000.0, np.nan], trials),
        failed=rng.random(trials) < 0.1,
        deleted=rng.random(trials) < 0.1,
        params=[grids[i] for i in rng.integers(0, len(grids), trials)],
        curves=None
        if rng.random() < 0.1
        else Curves(
            ts=np.concatenate([np.zeros(0, np.int64), *(days * DAY for days, _ in curves)]),
            equity=np.concatenate([np.zeros(0), *(equity for _, equity in curves)]),
            offsets=np.cumsum([0, *(days.size for days, _ in curves)]),
            base=rng.choice([np.nan, 100.0], trials),
        ),
    )


@pytest.mark.slow
def test_any_family_gets_an_answer():
    rng = seeded()
    for _ in range(300):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            splits = int(rng.choice([2, 4, 8, 16]))
            report = overfit(any_family(rng), splits=splits, bootstraps=20)
        assert report.verdict.endswith(".")
        assert all(map(math.isfinite, numbers(asdict(report))))
        json.dumps(report.to_dict(), allow_nan=False)
        text = render(report)
        assert "None" not in text
        assert max(map(len, text.splitlines())) <= 80


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, float) else []
