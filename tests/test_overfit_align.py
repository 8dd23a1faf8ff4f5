"""Trials on common dates: what stays, what falls out and why."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from trials import DAY, seeded

from bt_lake.overfit.align import NEGATIVE, NO_CURVE, OTHER_DATES, Curves, align


def curves(*trials, base=np.nan):
    """Each trial as {day: equity}."""
    return Curves(
        ts=np.array([day * DAY for trial in trials for day in trial], np.int64),
        equity=np.array([value for trial in trials for value in trial.values()], float),
        offsets=np.cumsum([0, *(len(trial) for trial in trials)]),
        base=np.full(len(trials), base),
    )


def days(start, stop, level=100.0):
    return {day: level + day for day in range(start, stop)}


def test_same_dates():
    found = align(curves({0: 100, 1: 110, 2: 99}, {0: 50, 1: 50, 2: 60}))
    assert found.returns == pytest.approx(np.array([[0.1, 0.0], [-0.1, 0.2]]))
    assert found.ts.tolist() == [DAY, 2 * DAY]
    assert (found.dates, found.dates_left_out, found.left_out) == (3, 1, {})


def test_the_base_gives_the_first_date_its_return():
    found = align(curves({0: 110, 1: 121}, {0: 100, 1: 90}, base=100.0))
    assert found.returns == pytest.approx(np.array([[0.1, 0.0], [0.1, -0.1]]))
    assert found.ts.tolist() == [0, DAY]
    assert found.dates_left_out == 0


def test_the_base_of_a_trial_that_began_earlier_is_not_the_point_before():
    found = align(curves({0: 100, 1: 110, 2: 121}, {1: 50, 2: 55}, base=100.0))
    assert found.returns == pytest.approx(np.array([[0.1, 0.1]]))


def test_a_return_spans_a_date_that_others_lack():
    found = align(curves({0: 100, 1: 110, 2: 121}, {0: 100, 2: 90}))
    assert found.returns == pytest.approx(np.array([[0.21, -0.1]]))


def test_warm_ups_of_different_lengths_cost_rows_not_trials():
    found = align(curves(*(days(start, 1000) for start in range(0, 100, 10))))
    assert found.kept.size == 10
    assert len(found.returns) == 1000 - 90 - 1


def test_one_odd_trial_falls_out():
    same = [days(0, 1000)] * 20
    for odd in (days(0, 200), days(5000, 6000), {0: 1.0, 999: 2.0}):
        found = align(curves(*same, odd))
        assert found.kept.tolist() == list(range(20))
        assert found.left_out == {OTHER_DATES: 1}
    long = align(curves(*same, days(-5000, 1000, level=10_000.0)))
    assert long.kept.size == 21
    assert long.dates_left_out == 5000 + 1


def test_folds_of_equal_size_share_nothing():
    found = align(curves(days(0, 50), days(0, 50), days(50, 100), days(50, 100)))
    assert found.kept.size == 0
    assert found.returns.shape == (0, 0)
    assert found.left_out == {OTHER_DATES: 4}


def test_why_trials_fall_out():
    found = align(curves({}, {0: 1.0}, {0: 10, 1: -5, 2: 10}, days(0, 3), days(0, 3)))
    assert found.kept.tolist() == [3, 4]
    assert found.left_out == {NO_CURVE: 2, NEGATIVE: 1}


def test_after_ruin_there_are_gaps():
    found = align(curves({0: 100, 1: 50, 2: 0, 3: 0, 4: 10}, days(0, 5)))
    assert found.returns[:2, 0].tolist() == [-0.5, -1.0]
    assert np.isnan(found.returns[2:, 0]).all()


def test_nothing_to_align():
    for nothing in (curves(), curves({}, {}), curves({0: 1.0})):
        found = align(nothing)
        assert found.returns.size == 0
        assert found.kept.size == 0


def test_scaling_and_order_do_not_matter():
    rng = seeded()
    trials = [
        {day: value for day, value in days(rng.integers(0, 30), 300).items() if rng.random() < 0.95}
        for _ in range(12)
    ]
    found = align(curves(*trials))
    order = rng.permutation(12)
    permuted = align(curves(*(trials[i] for i in order)))
    assert sorted(order[permuted.kept].tolist()) == found.kept.tolist()
    assert permuted.ts.tolist() == found.ts.tolist()
    scaled = align(curves(*({d: 7.3 * v for d, v in trial.items()} for trial in trials)))
    assert scaled.returns == pytest.approx(found.returns, abs=1e-14)


@pytest.mark.parametrize("apart", [0, 1])
def test_memory_grows_with_points_not_with_trials_times_dates(apart):
    """Curves sampled at the times of trades have hardly a time in common."""
    trials, rows = 1000, 50
    ts = np.arange(rows) * DAY + apart * np.arange(trials)[:, None]
    many = Curves(
        ts=ts.reshape(-1),
        equity=np.full(ts.size, 100.0),
        offsets=np.arange(trials + 1) * rows,
        base=np.full(trials, np.nan),
    )
    tracemalloc.start()
    found = align(many)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.kept.size == (0 if apart else trials)
    assert found.dates == (ts.size if apart else rows)
    assert peak < 15 * ts.nbytes
