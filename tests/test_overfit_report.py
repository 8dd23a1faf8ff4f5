"""The whole answer: good families, bad families, and what must not change it."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from trials import DAY, family, moments, seeded, sweep_params, sweep_returns

from bt_lake.overfit import sharpe
from bt_lake.overfit.align import Curves
from bt_lake.overfit.own import Own
from bt_lake.overfit.report import overfit
from bt_lake.overfit.search import worlds
from bt_lake.overfit.text import render
from bt_lake.overfit.verdict import verdict
from bt_lake.warehouse.errors import BadInput


def ask(trials, **settings):
    return overfit(trials, **{"splits": 8, "bootstraps": 200, **settings})


def noise(rng, rows=252, trials=30):
    return rng.normal(0.0, 0.01, size=(rows, trials))


def nothing_is_claimed(report):
    best = report.best
    assert best is None or (best.deflated, best.adjusted, best.p_value) == (None, (), None)
    assert (report.overfitting, report.search, report.better) == (None, None, None)
    assert "better than" not in report.verdict


def test_one_trial():
    report = ask(family(noise(seeded(), trials=1) + 0.01))
    nothing_is_claimed(report)
    assert report.best.psr > 0.99  # says nothing of selection
    assert report.verdict.startswith("Only one trial is known, so there is no selection")


def test_no_common_dates():
    trials = family(noise(seeded(), trials=4))
    curves = trials.curves
    apart = curves.ts + np.repeat(np.arange(4), 252) * 1000 * DAY
    report = ask(replace(trials, curves=replace(curves, ts=apart)))
    assert report.overfitting is None
    assert report.alignment.trials == 0
    assert report.alignment.left_out == {"too few dates in common with the others": 4}
    assert "pbo: fewer than two trials have an equity curve on common dates" in report.notes
    assert report.search.resampled == 4  # each on its own dates


@pytest.mark.parametrize("growth", [0.0, 0.001])
def test_constant_curves(growth):
    report = ask(family(np.full((252, 5), growth)))
    nothing_is_claimed(report)
    assert report.best is None
    assert report.verdict.startswith("There is no Sharpe ratio in any of the 5 trials")
    assert "pbo: no trial's returns ever vary" in report.notes


def test_three_points():
    returns = np.array([[0.01, 0.02, 0.01], [0.011, 0.021, 0.0101], [0.0101, 0.0203, 0.01]])
    for rows in (2, 3):
        report = ask(family(returns[:rows]))
        nothing_is_claimed(report)
        assert report.best.psr is None
        assert report.best.min_track_record is None
        assert report.verdict.startswith(f"The best trial rests on only {rows} returns")


def test_all_failed():
    report = ask(family(np.zeros((9, 0)), failed=7))
    nothing_is_claimed(report)
    assert report.verdict == (
        "There is no Sharpe ratio in any of the 7 trials (7 failed), so nothing can be said."
    )


def test_no_trials():
    report = ask(family(np.zeros((9, 0))))
    nothing_is_claimed(report)
    assert report.verdict == "There are no trials to judge."


def test_all_deleted():
    trials = family(noise(seeded(), trials=3))
    for name in ("deleted", "failed"):
        report = ask(replace(trials, **{name: np.ones(3, bool)}))
        assert report.best is None
        assert "is deleted or failed" in report.verdict


def test_copies_of_one_trial_are_one():
    """However often the same is saved again, the search is worth one trial."""
    one = noise(seeded(), rows=500, trials=1)
    own = float(worlds(Own.of(family(one).curves), np.zeros(1)).p[0])
    report = overfit(family(np.repeat(one, 6, axis=1)), splits=8)
    if report.best.sharpe > 0:
        assert report.search.p == own
        assert report.search.independent == pytest.approx(1.0, abs=0.2)
    assert report.best.deflated is None
    assert report.overfitting is None  # whichever is picked, it is the same
    assert "dsr: all Sharpe ratios are the same" in report.notes
    assert "pbo: the trials' returns are all the same" in report.notes


def test_losers():
    report = ask(family(noise(seeded()) - 0.01))
    assert report.best.sharpe < 0
    assert report.best.adjusted == ()
    assert report.verdict == "Not even the best of these 30 trials has a positive Sharpe ratio."


def test_unknown_moments():
    """Skew and kurtosis are not needed where the returns themselves are there."""
    trials = family(noise(seeded()) + 0.001)
    report = ask(replace(trials, kurtosis=np.full(30, np.nan)))
    assert (report.best.psr, report.best.interval, report.best.deflated.dsr) == (None, None, None)
    assert report.best.deflated.expected_max > 0
    assert "psr, dsr: the best trial's skew or kurtosis is unknown" in report.notes
    assert report.search.p == ask(trials).search.p


def test_best_trial_without_a_curve():
    """It stands alone beside the resampled ones; what their ranks say is not said of it."""
    trials = family(noise(seeded(), trials=20), failed=1)
    sharpe_period = np.append(trials.sharpe_period[:20], 0.5)
    reported = replace(
        trials,
        sharpe_period=sharpe_period,
        n_returns=np.full(21, 252.0),
        skew=np.zeros(21),
        kurtosis=np.full(21, 3.0),
        failed=np.zeros(21, bool),
    )
    report = ask(reported)
    assert report.best.run_id == "t020"
    assert (report.search.resampled, report.search.alone) == (20, 1)
    assert report.overfitting is not None
    assert "pbo: the best trial is not among those on common dates" in report.notes
    assert report.better
    assert "the data cannot tell" not in report.verdict


def test_without_curves():
    """Sidak's adjustment of PSR's p-values: 1 - PSR^N."""
    trials = family(noise(seeded()) + 0.0005)
    report = ask(replace(trials, curves=None, skew=np.zeros(30), kurtosis=np.full(30, 3.0)))
    assert (report.overfitting, report.alignment) == (None, None)
    assert (report.search.resampled, report.search.alone) == (0, 30)
    assert report.search.p == pytest.approx(1.0 - report.best.psr**30)
    assert report.search.reality_check is None
    assert "Sidak" in str(report)


def test_failed_and_deleted_trials():
    """A failed one could not have won; a deleted one could."""
    returns = noise(seeded()) + 0.0005
    few = ask(family(returns))
    trials = family(returns, failed=20)
    many = ask(trials)
    assert (many.counts.trials, many.counts.failed, many.counts.with_sharpe) == (50, 20, 30)
    assert many.search == few.search
    assert many.best.deflated.trials == 50
    best = trials.best()
    after = ask(replace(trials, deleted=np.arange(50) == best))
    assert after.best.run_id != trials.ids[best]
    assert after.search.luck == many.search.luck


def test_flat_trials_move_nothing():
    returns = noise(seeded()) + 0.0005
    flat = np.column_stack([returns, np.zeros((252, 40)), np.full((252, 3), 0.0001)])
    assert ask(family(flat)).search == ask(family(returns)).search


def test_ruined_and_negative_trials():
    returns = noise(seeded(), trials=10)
    returns[200, 0] = -1.0
    trials = family(returns)
    equity = trials.curves.equity.copy()
    equity[252 + 10] = -5.0
    report = ask(replace(trials, curves=replace(trials.curves, equity=equity)))
    assert report.alignment.left_out == {"equity went negative": 1}
    assert report.alignment.trials == 9
    assert report.overfitting is not None
    json.dumps(report.to_dict(), allow_nan=False)


def test_different_bar_sizes_meet_on_annual_terms():
    rng = seeded()
    daily = family(noise(rng, trials=20))
    scale = np.where(np.arange(20) < 10, 252.0, 252.0 * 25)
    mixed = replace(
        daily,
        periods_per_year=scale,
        sharpe_period=daily.sharpe_period * np.sqrt(252.0 / scale),
    )
    one, other = ask(daily).best, ask(mixed).best
    assert other.run_id == one.run_id
    assert other.sharpe_annual == pytest.approx(one.sharpe_annual)
    assert other.deflated.expected_max_annual == pytest.approx(one.deflated.expected_max_annual)
    assert any("different bar sizes" in note for note in ask(mixed).notes)


def test_scaling_equity_changes_nothing():
    returns = noise(seeded())
    one, other = ask(family(returns)), ask(family(returns, capital=3.7))
    assert other.verdict == one.verdict
    assert flat(other.to_dict()) == pytest.approx(flat(one.to_dict()), rel=1e-9, abs=1e-12)


def test_permuting_trials_changes_nothing():
    rng = seeded()
    returns = noise(rng)
    params = [{"fast": i % 6, "slow": i // 6} for i in range(30)]
    names = np.array([f"t{i:03}" for i in range(30)])
    order = rng.permutation(30)
    one = ask(family(returns, params=params, ids=names.tolist()))
    other = ask(
        family(returns[:, order], params=[params[i] for i in order], ids=names[order].tolist())
    )
    assert other.verdict == one.verdict
    assert flat(other.to_dict()) == pytest.approx(flat(one.to_dict()), rel=1e-9, abs=1e-12)


def flat(value, name=""):
    """All numbers of a nested answer by path; of the most selected trials their shares, as equal
    shares may be cut off anywhere."""
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in flat(item, f"{name}.{key}").items()}
    if isinstance(value, list):
        if value and isinstance(value[0], list):
            value = sorted(item[1:] for item in value)
        return {k: v for i, item in enumerate(value) for k, v in flat(item, f"{name}.{i}").items()}
    return {name: value} if isinstance(value, int | float) else {}


def test_dsr_of_noise_is_not_excessive():
    """200 families of noise: were DSR > 0.95 as frequent as 5 %, more than 27 would be seen
    less than once in a million runs; the mean, of deviation 0.16, stays within 0.1 of one half
    but for once in ten million."""
    rng = seeded()
    found = []
    for _ in range(200):
        each = moments(noise(rng, trials=50))
        best = int(np.argmax(each["sharpe_period"]))
        own = [each[name][best] for name in ("sharpe_period", "skew", "kurtosis")]
        variance = each["sharpe_period"].var(ddof=1)
        found.append(
            sharpe.deflated(own[0], 252, own[1], own[2], trials=50, deviation=np.sqrt(variance))
        )
    assert np.count_nonzero(np.array(found) > 0.95) <= 27
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


def test_planted_edge_is_found():
    """A daily Sharpe ratio of 0.4 over 1,000 days among 100 trials of noise."""
    returns = noise(seeded(), rows=1000, trials=100)
    returns[:, 42] += 0.004
    report = overfit(family(returns), bootstraps=1000)
    assert report.best.run_id == "t042"
    assert report.best.deflated.dsr > 0.99
    assert report.overfitting.pbo < 0.01
    assert report.search.spa < 0.01
    assert report.search.good[0] == ("t042", 1 / 1001)
    assert 0.1 < report.search.at_least < report.best.sharpe
    assert all(one.haircut < 0.3 for one in report.best.adjusted)
    assert report.better
    assert report.verdict == (
        "The best of these 100 trials is better than luck: were all of them worthless, such a "
        "search would show one this good in fewer than 1% of cases."
    )


def test_a_plateau_is_judged_as_one():
    """All 25 cells share one bet that is good: the report says that the neighbours are, too."""
    rng = seeded()
    bet = rng.normal(0.002, 0.01, (1500, 1))
    returns = bet + rng.normal(0.0, 0.002, (1500, 25))
    params = [{"fast": i % 5, "slow": i // 5} for i in range(25)]
    report = ask(family(returns, params=params))
    assert report.better
    assert report.best.plateau.good == report.best.plateau.neighbours
    assert f"{report.best.plateau.good} of {report.best.plateau.neighbours} better than luck" in (
        " ".join(str(report).split())
    )


@pytest.mark.slow
def test_good_trials_do_not_hide_each_other():
    """20 of 200 with an annual Sharpe ratio of 2 over 10 years: found, and said which."""
    returns = noise(seeded(), rows=2520, trials=200)
    returns[:, ::10] += 0.01 * 2 / math.sqrt(252)
    report = overfit(family(returns), bootstraps=1000, splits=8)
    assert report.better
    named = {run_id for run_id, _ in report.search.good}
    assert len(named & {f"t{i:03}" for i in range(0, 200, 10)}) >= 18
    assert len(named) <= 25


def judged(p, *, pbo=0.1, peeking=None, returns=252, failed=0, good=()):
    """The verdict on a family with these numbers."""
    report = ask(family(noise(np.random.default_rng(0), trials=20) + 0.001, failed=failed))
    search = replace(report.search, p=p, peeking=peeking, good=good)
    best = replace(report.best, n_returns=returns)
    return verdict(report.counts, best, search, replace(report.overfitting, pbo=pbo), 0.95)[0]


@pytest.mark.slow
def test_the_sentence_says_how_often_it_is_wrong():
    good = "The best of these 20 trials is better than luck: were all of them worthless, "
    bad = (
        "The best of these 20 trials is not distinguishable from luck: were all of them worthless, "
    )
    assert judged(0.03) == f"{good}such a search would show one this good in 3% of cases."
    assert judged(0.13) == f"{bad}such a search would show one this good in 13% of cases."
    assert judged(0.0502).endswith("in just over 5% of cases.")
    assert judged(0.05).startswith(good)
    assert judged(0.05).endswith("in 5.0% of cases.")
    assert judged(0.051).startswith(bad)
    assert judged(0.999).endswith("in more than 99% of cases.")
    assert "these 10,020 trials" in judged(0.2, failed=10_000)
    assert judged(0.03, peeking=0.2) == (
        f"{bad}whoever looks after every one would ever see one this good in 20% of cases."
    )
    assert judged(0.001, pbo=0.66) == (
        f"{good}such a search would show one this good in fewer than 1% of cases. Which of them is "
        "best the data cannot tell: what leads on one half of the dates is in the lower half on "
        "the other in 66% of the splits."
    )
    assert "cannot tell" not in judged(0.2, pbo=0.66)
    assert judged(0.03, returns=120).endswith(
        "With fewer than 250 returns (120) that share is rough."
    )
    assert judged(0.2, good=(("other", 0.01),)).endswith("Of the others 1 is better than luck.")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"splits": 7}, "splits must be an even number from 2 to 24, not 7"),
        ({"splits": 26}, "splits must be an even number"),
        ({"bootstraps": 0}, "bootstraps must be at least 1"),
        ({"block": 0.5}, "block, a mean length in rows"),
        ({"block": math.nan}, "block, a mean length in rows"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(BadInput, match=message):
        overfit(family(noise(seeded(), trials=2)), **settings)


def test_answer_is_plain():
    report = ask(family(noise(seeded()), failed=1), block=4, seed=9)
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert told["settings"] == {
        "splits": 8,
        "bootstraps": 200,
        "block": 4.0,
        "seed": 9,
        "confidence": 0.95,
        "peeking": False,
        "benchmark": None,
    }


def test_text():
    text = str(overfit(family(sweep_returns(), params=sweep_params(), failed=2)))
    assert max(map(len, text.splitlines())) <= 80
    assert text == SWEEP


SWEEP = """\
family: 202 trials, 2 failed

  best run                 …t183   sharpe 1.17, 2.7 years, 1,000 returns
  its true sharpe          0.11 to 2.22 in 95 of 100, the search aside; memory
                           of 6 lags widens it 1.07x
  best by luck alone       sharpe 1.20, were none of them any good; as 61
                           unrelated trials would
  a search as lucky        p 0.52 (5,000 bootstraps, block 10, seed 0)
  the search counted       sharpe at least -0.54, in 95 of 100
  deflated sharpe          dsr 0.54, against 1.12 by the trials' spread
  haircut sharpe           0.00 (Bonferroni), 0.00 (Holm), 0.00 (Harvey-Liu BHY)
  track record needed      1.6 years against no skill, 8.8 years against luck;
                           you have 2.7
  plateau                  sharpe 0.71 in the median of 5 neighbours, 0% of them
                           within 20% of the best
  can the best be told     pbo 0.59 ± 0.34 (S = 16, 12,870 splits of 992
                           returns); of noise 0.18 to 0.80
  winners out of sample    54% lose, degradation slope -0.59
  reality check, SPA       p 0.26, 0.48
  on common dates          200 trials on 1,000 common returns; 2 out: fewer than
                           two points of equity

The best of these 202 trials is not distinguishable from luck: were all of them
worthless, such a search would show one this good in 52% of cases.
"""


def test_text_of_bad_families():
    for trials in (
        family(np.zeros((9, 0))),
        family(np.zeros((9, 0)), failed=3),
        family(np.zeros((50, 3))),
        family(noise(seeded(), rows=3)),
        family(noise(seeded(), trials=1)),
        replace(family(noise(seeded())), periods_per_year=np.full(30, np.nan), curves=NO_CURVES),
    ):
        text = render(ask(trials))
        assert max(map(len, text.splitlines())) <= 80
        assert "nan" not in text
        assert "None" not in text


NO_CURVES = Curves(np.zeros(0, np.int64), np.zeros(0), np.zeros(31, np.int64), np.full(30, np.nan))
