"""Daily curves meet on their own days, whatever hour of UTC these begin at."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from trials import noise_of, seeded

ZONES = (None, "America/New_York", "Asia/Tokyo")


def save(lake, returns, zone, place):
    """A point a business day at midnight there, across a change of the clocks."""
    days = pd.bdate_range("2021-01-01", periods=len(returns), tz=zone)
    curve = pd.Series(1000 * np.cumprod(1 + returns), days)
    return lake.save(strategy="s", equity=curve, params={"place": place})


@pytest.fixture
def runs(lake):
    returns = noise_of(seeded(), rows=200, trials=3)
    return [
        save(lake, returns[:, place], zone, f"{zone}{place}")
        for zone in ZONES
        for place in range(3)
    ]


def test_overfit_compares_all_of_them(lake, runs):
    report = lake.overfit(splits=4, bootstraps=10)
    assert (report.alignment.trials, report.alignment.rows) == (9, 199)
    assert report.alignment.left_out == {}
    assert report.overfitting.pbo is not None


def test_the_same_days_of_two_zones_are_one_bet(lake, runs):
    found = lake.compare(runs[0], runs[3], runs[6])
    assert found.overlap[0][1:] == [199, 199]
    assert found.correlation[0][1:] == pytest.approx([1.0, 1.0])


def test_intraday_curves_meet_at_their_moments(lake):
    hours = pd.date_range("2021-01-01", periods=24 * 30, freq="h")
    returns = noise_of(seeded(), rows=len(hours), trials=2)
    for place, zone in enumerate(("UTC", "Asia/Tokyo")):
        curve = pd.Series(1000 * np.cumprod(1 + returns[:, place]), hours.tz_localize("UTC"))
        lake.save(strategy="s", equity=curve.tz_convert(zone), params={"place": place})
    assert lake.overfit(splits=4, bootstraps=10).alignment.rows == len(hours) - 1


def test_years_are_those_of_start_and_end(lake):
    """A round trip without the curve changes nothing."""
    metrics = {"sharpe_ratio": 1.0, "sharpe_period": 0.06, "n_returns": 1560}
    lake.save(
        strategy="s",
        start_at="2019-01-01",
        end_at="2024-12-31",
        periods_per_year=252,
        metrics=metrics,
    )
    assert lake.overfit().best.years == pytest.approx(6.0, abs=0.01)
