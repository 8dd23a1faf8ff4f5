"""What must hold of `lake.overfit`, whatever was saved in whatever order."""

from __future__ import annotations

import dataclasses
import math
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from test_overfit_report import flat
from trials import document, save_moments, save_returns, seeded, sweep_params, sweep_returns

import bt_lake
from bt_lake.queries import points, trials
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

FAST = {"splits": 8, "bootstraps": 200}
GRID = [{"fast": i % 6, "slow": i // 6} for i in range(30)]


def noise(rng, rows=252, trials=30):
    return rng.normal(0.0, 0.01, size=(rows, trials))


def same(one, other):
    assert other.verdict == one.verdict
    assert flat(other.to_dict()) == pytest.approx(flat(one.to_dict()), rel=1e-9, abs=1e-12)


@pytest.mark.slow
def test_scaling_equity_changes_nothing(tmp_path):
    returns = noise(seeded())
    reports = []
    for name, capital in (("one", 100_000.0), ("other", 3.7)):
        lake = bt_lake.open(tmp_path / name)
        save_returns(lake, returns, params=GRID, capital=capital)
        reports.append(lake.overfit(**FAST))
    same(*reports)


def test_its_picture_has_a_bar_for_each_part_of_the_splits(lake):
    save_returns(lake, noise(seeded()), params=GRID)
    found = lake.overfit(**FAST)
    logits = found.overfitting.logits
    tree = ElementTree.fromstring(found.plot().svg())
    names = "{http://www.w3.org/2000/svg}rect", "{http://www.w3.org/2000/svg}title"
    tips = [(rect.get("class"), rect.findtext(names[1]) or "") for rect in tree.iter(names[0])]
    bars = [(paint, int(tip.split()[0].replace(",", ""))) for paint, tip in tips if "splits" in tip]
    assert [n for _, n in bars] == [n for n in logits.splits if n]
    red = sum(n for paint, n in bars if paint == "bt-f-bad")
    assert red / found.overfitting.splits == pytest.approx(found.overfitting.pbo)
    assert "<pre>" in found._repr_html_() and "<svg" in found._repr_html_()
    bare = dataclasses.replace(found, overfitting=None)
    assert "<svg" not in bare._repr_html_()
    with pytest.raises(NotFound, match="nothing to draw"):
        bare.plot()


def test_the_order_of_saving_changes_nothing(tmp_path):
    rng = seeded()
    returns, reports = noise(rng), []
    for name, order in (("one", None), ("other", rng.permutation(30).tolist())):
        lake = bt_lake.open(tmp_path / name)
        save_returns(lake, returns, params=GRID, order=order)
        reports.append(lake.overfit(**FAST))
    same(*reports)
    assert reports[0].best.run_id == reports[1].best.run_id


@pytest.mark.slow
def test_commits_and_compaction_change_nothing(lake, fold_early):
    returns = noise(seeded(), trials=9)
    for i in range(9):
        lake.save(document(returns[:, i], run_id=f"t{i}", params=GRID[i]))
    one = lake.overfit(**FAST)
    lake.compact()
    same(one, lake.overfit(**FAST))


def test_one_piece_at_a_time_changes_nothing(lake, monkeypatch):
    save_returns(lake, noise(seeded()), params=GRID)
    one = lake.overfit(**FAST)
    monkeypatch.setattr(points, "AT_ONCE", 1000)
    same(one, lake.overfit(**FAST))


def test_deleted_and_failed_runs_count(lake):
    returns = noise(seeded())
    ids = save_returns(lake, returns, failed=20)
    before = lake.overfit(**FAST)
    assert (before.counts.trials, before.counts.failed) == (50, 20)
    lake.delete(before.best.run_id)
    lake.delete(status="failed")
    after = lake.overfit(**FAST)
    assert (after.counts.trials, after.counts.failed, after.counts.deleted) == (50, 20, 21)
    assert after.best.run_id in set(ids) - {before.best.run_id}
    assert after.best.deflated.deviation == pytest.approx(before.best.deflated.deviation)
    assert after.search.luck == before.search.luck
    assert after.alignment == before.alignment
    assert after.overfitting == before.overfitting


@pytest.mark.slow
def test_a_compacted_deletion_leaves_its_sharpe_ratio(lake):
    ids = save_returns(lake, noise(seeded()))
    before = lake.overfit(**FAST)
    lake.delete(ids[:5])
    lake.compact()
    after = lake.overfit(**FAST)
    assert after.counts.trials == 30
    assert after.best.deflated.deviation == pytest.approx(before.best.deflated.deviation)
    assert (after.alignment.trials, after.alignment.left_out) == (
        25,
        {"fewer than two points of equity": 5},
    )


@pytest.mark.slow
def test_only_forgotten_runs_do_not_count(tmp_path):
    """What is gone for good leaves a family as if it had never been, compacted or not."""
    returns = noise(seeded())
    lake, other = bt_lake.open(tmp_path / "lake"), bt_lake.open(tmp_path / "other")
    ids = save_returns(lake, returns, failed=7)
    save_returns(other, returns[:, 5:], failed=7)
    lake.delete(ids[:8])
    lake.delete(status="failed")
    lake.compact()
    before = lake.overfit(**FAST).counts
    assert (before.trials, before.failed, before.deleted, before.with_sharpe) == (37, 7, 15, 30)
    assert lake.sql("select any_value(trials) from deflated()").item() == 37
    lake.store.forget(ids[:5])
    after, truth = lake.overfit(**FAST), other.overfit(**FAST)
    assert (after.counts.trials, after.counts.failed, after.counts.deleted) == (32, 7, 10)
    assert after.best.deflated.deviation == pytest.approx(truth.best.deflated.deviation)
    assert lake.sql("select any_value(trials) from deflated()").item() == 32


def test_capital_before_the_first_point_gives_it_a_return(tmp_path):
    """Without it the lake's `initial_capital` is the first equity, which is no base."""
    returns = noise(seeded(), rows=100, trials=5)
    for capital, rows in ((100.0, 100), (None, 99)):
        lake = bt_lake.open(tmp_path / str(capital))
        with lake.batch() as batch:
            for i in range(5):
                batch.save(document(returns[:, i]) | {"initial_capital": capital and 100_000.0})
        assert lake.overfit(**FAST).alignment.rows == rows


@pytest.mark.slow
def test_noise_is_not_praised(lake):
    """20 families of 20 trials each. Were one in twenty praised, more than 8 would be seen less
    than once in a million; the mean PBO, of deviation 0.05, stays within 0.25 of one half as
    surely."""
    rng = seeded()
    with lake.batch() as batch:
        for family in range(20):
            for _ in range(20):
                batch.save(document(rng.normal(0.0, 0.01, 240), strategy=f"s{family:02}"))
    reports = [lake.overfit(strategy=f"s{family:02}", **FAST) for family in range(20)]
    assert sum(bool(report.better) for report in reports) <= 8
    assert np.mean([report.overfitting.pbo for report in reports]) == pytest.approx(0.5, abs=0.25)


@pytest.mark.slow
def test_a_planted_edge_is_found(lake):
    returns = noise(seeded(), rows=1000, trials=60)
    returns[:, 42] += 0.004
    save_returns(lake, returns)
    report = lake.overfit(bootstraps=1000)
    assert report.best.run_id == "t042"
    assert report.search.good[0] == ("t042", 1 / 1001)
    assert report.overfitting.pbo < 0.01
    assert report.verdict.startswith("The best of these 60 trials is better than luck")


@pytest.mark.slow
def test_text(lake):
    with lake.batch() as batch:
        for i, cell in enumerate(sweep_params()):
            batch.save(document(sweep_returns()[:, i], run_id=f"t{i:03}", params=cell))
        batch.save(strategy="s", error="no data")
    text = str(lake.overfit(strategy="s", bootstraps=50))
    lines = text.splitlines()
    assert lines[0] == "s: 201 trials, 1 failed"
    assert " ".join(lines[-2:]).startswith(
        "The best of these 201 trials is not distinguishable from luck: were all of them "
        "worthless, such a search would show one this good in 5"
    )
    assert max(map(len, lines)) <= 80


def test_years_are_those_of_the_calendar(lake):
    days = pd.bdate_range("2019-01-01", "2024-12-31")
    steps = seeded().normal(0.0005, 0.01, len(days))
    lake.save(strategy="s", equity=pd.Series(1000 * np.cumprod(1 + steps), days))
    report = lake.overfit(strategy="s")
    assert report.best.years == pytest.approx((days[-1] - days[0]).days / 365.25)
    assert f", 6.0 years, {report.best.n_returns:,} returns" in str(report)


# Families about which little can be said


def nothing_is_claimed(report):
    best = report.best
    assert best is None or (best.deflated, best.adjusted, best.p_value) == (None, (), None)
    assert (report.overfitting, report.search) == (None, None)
    assert "better than" not in report.verdict


def test_no_such_strategy(lake):
    lake.save(strategy="sma_cross")
    report = lake.overfit(strategy="sma_cros")
    nothing_is_claimed(report)
    assert report.verdict == "There are no trials to judge."
    assert report.notes == ("no run has strategy 'sma_cros'. Did you mean sma_cross?",)


def test_one_trial(lake):
    save_returns(lake, noise(seeded(), trials=1) + 0.01)
    report = lake.overfit(**FAST)
    nothing_is_claimed(report)
    assert report.best.psr > 0.99
    assert report.verdict.startswith("Only one trial is known, so there is no selection")


def test_no_common_dates(lake):
    rng = seeded()
    with lake.batch() as batch:
        for i in range(4):
            whole = document(rng.normal(0.0, 0.01, 100))
            whole["equity"]["ts"] += np.timedelta64(1000 * i, "D")
            batch.save(whole)
    report = lake.overfit(**FAST)
    assert report.overfitting is None
    assert report.alignment.left_out == {"too few dates in common with the others": 4}
    assert report.search.resampled == 4


@pytest.mark.parametrize("growth", [0.0, 0.001])
def test_constant_curves(lake, growth):
    save_returns(lake, np.full((252, 5), growth), params=GRID)
    report = lake.overfit(**FAST)
    nothing_is_claimed(report)
    assert report.verdict.startswith("There is no Sharpe ratio in any of the 5 trials")


def test_three_points(lake):
    save_returns(lake, np.array([[0.01, 0.02], [0.011, 0.021], [0.0101, 0.0203]]))
    report = lake.overfit(**FAST)
    nothing_is_claimed(report)
    assert report.verdict.startswith("The best trial rests on only 3 returns")


def test_all_failed(lake):
    save_returns(lake, np.zeros((9, 0)), failed=7)
    report = lake.overfit(**FAST)
    nothing_is_claimed(report)
    assert report.verdict == (
        "There is no Sharpe ratio in any of the 7 trials (7 failed), so nothing can be said."
    )


def test_all_deleted(lake):
    lake.delete(save_returns(lake, noise(seeded(), trials=3)))
    report = lake.overfit(**FAST)
    assert report.best is None
    assert "is deleted" in report.verdict


def test_ruined_and_negative_curves(lake):
    returns = noise(seeded(), rows=120, trials=6)
    returns[60, 0] = -1.0  # gone
    returns[60, 1] = -1.5  # below 0
    save_returns(lake, returns)
    report = lake.overfit(**FAST)
    assert report.alignment.left_out == {"equity went negative": 1}
    assert report.counts.with_sharpe == 5


def test_runs_that_only_report_have_no_dsr(lake):
    """Their Sharpe ratios count; what luck is worth cannot be said without the returns."""
    for ratio in (0.5, 1.0, 1.5):
        lake.save(strategy="s", metrics={"sharpe_ratio": ratio}, periods_per_year=252)
    report = lake.overfit(**FAST)
    assert report.counts.with_sharpe == 3
    assert report.best.sharpe_annual == pytest.approx(1.5)
    assert report.verdict.startswith("The best trial rests on an unknown number of returns")
    nothing_is_claimed(report)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"splits": 7}, BadInput, "splits must be an even number from 2 to 24, not 7"),
        ({"bootstraps": 0}, BadInput, "bootstraps must be at least 1"),
        ({"block": 0.0}, BadInput, "block, a mean length in rows"),
        ({"strategi": "s"}, UnknownName, "no filter 'strategi'. Did you mean strategy"),
        ({"where": "sharp > 1"}, BadInput, "sharp"),
        ({"start": "soon"}, BadInput, "from: 'soon' is not a time"),
        ({"start": "2024-01-02", "end": "2024-01-01"}, BadInput, "the window is empty"),
    ],
)
def test_questions_that_cannot_be(lake, given, error, message):
    lake.save(strategy="s")
    with pytest.raises(error, match=message):
        lake.overfit(**given)


# More curves than fit into memory


def hourly(rng, days=40):
    ts = np.datetime64("2024-01-01", "us") + np.arange(days * 24) * np.timedelta64(1, "h")
    return {"ts": ts, "equity": 100.0 * np.cumprod(1 + rng.normal(0.0, 0.01, ts.size))}


def test_of_too_many_points_the_last_of_each_day_counts(lake, monkeypatch):
    rng = seeded()
    with lake.batch() as batch:
        for _ in range(6):
            batch.save(strategy="s", equity=hourly(rng))
    monkeypatch.setattr(points, "AT_ONCE", 2000)
    assert lake.overfit(**FAST).alignment.rows == 959
    monkeypatch.setattr(trials, "MOST_POINTS", 1500)
    report = lake.overfit(**FAST)
    assert report.alignment.rows == 39
    assert "curves of over 1,500 points: a day counts by its last point" in report.notes
    monkeypatch.setattr(trials, "MOST_POINTS", 200)
    report = lake.overfit(**FAST)
    assert (report.overfitting, report.alignment) == (None, None)
    assert any("more than 200 points of equity are not compared" in n for n in report.notes)
    assert report.best.deflated.dsr is not None
    assert (report.search.resampled, report.search.alone) == (0, 6)


def test_different_bar_sizes_meet_on_days(lake):
    """All of them are compared, not only those of the size that has the most points."""
    rng = seeded()
    returns = noise(rng, rows=40, trials=6)
    with lake.batch() as batch:
        for i in range(6):
            batch.save(strategy="s", equity=hourly(rng), timeframe="1h")
            daily = document(returns[:, i], timeframe="1d")
            daily["equity"]["ts"] += np.datetime64("2024-01-01") - np.datetime64("2020-01-01")
            batch.save(daily)
    report = lake.overfit(**FAST)
    assert (report.alignment.trials, report.alignment.rows) == (12, 39)
    assert "curves of different bar sizes: a day counts by its last point" in report.notes
    assert lake.overfit(timeframe="1h", **FAST).alignment.rows == 959


# Windows of time


def day(number):
    return str(np.datetime64("2020-01-01") + number)


@pytest.mark.slow
def test_a_window_is_as_if_the_rest_had_never_been(tmp_path):
    """The last point before it is its capital."""
    returns = noise(seeded(), rows=300)
    whole, part = bt_lake.open(tmp_path / "whole"), bt_lake.open(tmp_path / "part")
    save_returns(whole, returns, params=GRID)
    save_returns(part, returns[100:250], params=GRID)
    one = part.overfit(**FAST)
    other = whole.overfit(start=day(100), end=day(249), **FAST)
    same(one, other)
    assert other.family == f"all runs from {day(100)} to {day(249)}"
    assert whole.overfit(start=day(-9), end=day(999), **FAST).alignment.rows == 300
    assert part.overfit(start=day(0), **FAST).alignment.rows == 150


def test_a_window_without_equity(lake):
    save_returns(lake, noise(seeded(), trials=5))
    report = lake.overfit(start="1999-01-01", end="1999-12-31")
    nothing_is_claimed(report)
    assert (report.counts.trials, report.counts.with_sharpe) == (5, 0)
    assert report.alignment.left_out == {"fewer than two points of equity": 5}
    assert "no trial has any equity from 1999-01-01 to 1999-12-31" in report.notes


def test_a_window_after_ruin(lake):
    returns = noise(seeded(), rows=200, trials=5)
    returns[50, 0] = -1.0
    save_returns(lake, returns)
    report = lake.overfit(start=day(100), **FAST)
    assert report.counts.with_sharpe == 4
    assert report.alignment.left_out == {"equity went negative": 1}


# In sample and out


def save_folds(lake, inside, outside, **columns):
    """Sharpe ratios by fold and configuration."""
    with lake.batch() as batch:
        for sample, values in (("in", inside), ("out", outside)):
            for fold, row in enumerate(values):
                for fast, ratio in enumerate(row):
                    metrics = {"sharpe_ratio": ratio, "max_drawdown": -0.1 * (1 + fast)}
                    batch.save(
                        strategy="wf",
                        params={"fast": fast},
                        fold=f"f{fold}",
                        sample=sample,
                        metrics=metrics,
                        **columns,
                    )


def test_decay_out_of_sample(lake):
    save_folds(lake, [[3.0, 2.0, 1.0], [1.0, 5.0, 2.0]], [[1.0, 0.0, 0.5], [2.0, 1.0, 3.0]])
    lake.save(
        strategy="wf", params={"fast": 9}, fold="f0", sample="in", metrics={"sharpe_ratio": 9}
    )
    report = lake.overfit(strategy="wf")
    held = report.decay["sharpe_ratio"]
    assert (held.pairs, held.in_sample, held.out_of_sample, held.change) == (6, 2.0, 1.0, -1.25)
    assert (held.folds, held.winners_above_median) == (2, 0.5)
    assert held.share_worse == pytest.approx(4 / 6)
    assert report.decay["max_drawdown"].change == 0.0
    assert set(report.decay) == {"sharpe_ratio", "max_drawdown"}
    assert (report.counts.trials, report.decay["sharpe_ratio"].pairs) == (3, 6)
    told = " ".join(str(report).split())
    assert "in, then out of sample sharpe 2.00, then 1.00 (medians of 6 pairs)" in told
    assert "50% of 2 winners stay above the median" in told
    assert "max drawdown -20.0%, then -20.0%" in told
    alone = lake.overfit(strategy="wf", sample="in")
    assert (alone.counts.trials, alone.decay, alone.notes[0][:3]) == (4, {}, "pbo")


def test_pairs_share_everything_but_the_sample(lake):
    save_folds(lake, [[3.0]], [[1.0]], symbol="A")
    save_folds(lake, [[2.0]], [[2.0]], symbol="B")
    lake.save(
        strategy="other",
        params={"fast": 0},
        fold="f0",
        sample="out",
        symbol="A",
        metrics={"sharpe_ratio": -9.0},
    )
    assert lake.overfit().decay["sharpe_ratio"].pairs == 2


def test_decay_within_a_window(lake):
    """Metrics of the window's curves; what rests on trades is not told."""
    rng = seeded()
    with lake.batch() as batch:
        for fast in range(4):
            for sample in ("in", "out"):
                metrics = {"win_rate": 0.5}
                batch.save(
                    document(rng.normal(0.0, 0.01, 90), params={"fast": fast}, sample=sample)
                    | {"metrics": metrics}
                )
    assert set(lake.overfit(**FAST).decay) == {"sharpe_ratio", "cagr", "max_drawdown", "win_rate"}
    windowed = lake.overfit(end=day(59), **FAST).decay
    assert set(windowed) == {"sharpe_ratio", "cagr", "max_drawdown"}


def test_neighbours_share_strategy_symbol_and_fold(lake):
    rng = seeded()
    with lake.batch() as batch:
        for symbol in ("A", "B"):
            for place, cell in enumerate(GRID[:9]):
                batch.save(
                    document(
                        rng.normal(0.01 * (symbol == "A" and place == 7), 0.01, 60),
                        symbol=symbol,
                        params={"risk": {"level": cell["fast"]}, "slow": cell["slow"], "on": True},
                    )
                )
    plateau = lake.overfit(**FAST).best.plateau
    assert plateau.axes == ("risk.level", "slow")
    assert plateau.neighbours == 5


def test_best_trial_by_annual_ratio(lake):
    save_moments(lake, [0.1], n=500, periods_per_year=252)
    save_moments(lake, [0.05], n=500, periods_per_year=252 * 24)
    report = lake.overfit()
    assert report.best.sharpe_annual == pytest.approx(0.05 * math.sqrt(252 * 24))
    assert any("different bar sizes" in note for note in report.notes)
