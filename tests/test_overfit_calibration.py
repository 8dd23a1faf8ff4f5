"""What the verdict says of its error rate, on six kinds of searches; bench/calibration.py has more."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from trials import family, seeded

from bt_lake.overfit.report import overfit

BENCH = Path(__file__).parents[1] / "bench"
CELLS = (
    "independent, 250 x 20",
    "correlation .9, 500 x 20",
    "190 near copies + 10, 500",
    "AR .1, correlation .9, 250 x 100",
    "skew -2, 250 x 100",
    "30 + 470 repeats of one, 500",
)
FAMILIES = 60


@pytest.mark.long
@pytest.mark.parametrize("name", CELLS)
def test_noise_is_called_better_than_luck_in_one_of_twenty(name, monkeypatch):
    """Of 60 families at 5 %, more than 11 come up less than once in 20,000 runs."""
    monkeypatch.syspath_prepend(str(BENCH))
    from noise import CELLS as KINDS

    make = next(cell.make for cell in KINDS if cell.name == name)
    rng = seeded()
    reports = [
        overfit(family(0.01 * make(rng)), splits=2, bootstraps=400, seed=seed)
        for seed in range(FAMILIES)
    ]
    assert sum(bool(report.better) for report in reports) <= 11
    told = [report.search.p for report in reports if report.search is not None]
    assert np.mean(told) > 0.3  # a share, not a formality


@pytest.mark.long
def test_an_edge_is_seen():
    """One of 20 with an annual Sharpe ratio of 2 over five years: an ideal test sees 94 %."""
    rng = seeded()
    found = 0
    for seed in range(30):
        returns = rng.normal(0.0, 0.01, (1260, 20))
        returns[:, 3] += 0.01 * 2 / np.sqrt(252)
        found += bool(overfit(family(returns), splits=2, bootstraps=400, seed=seed).better)
    assert found >= 21
