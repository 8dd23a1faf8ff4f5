"""What luck brings to the best of a search: reproducible, unmoved by what should not matter,
honest on noise, and right where the answer is known."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from trials import DAY, expected, family, seeded, sweep_params, sweep_returns

from bt_lake.metrics.segments import Segments
from bt_lake.overfit import normal, search, sharpe
from bt_lake.overfit.align import Curves
from bt_lake.overfit.memory import default_block, inflation, lags_for, lo_factor, politis_white
from bt_lake.overfit.own import Own
from bt_lake.overfit.peeking import at_every_look
from bt_lake.overfit.resampling import resamples
from bt_lake.overfit.search import Worlds, worlds


def judge(returns, **asked) -> Worlds:
    return worlds(Own.of(family(returns).curves), np.full(returns.shape[1], np.nan), **asked)


def test_resamples_are_blocks_of_the_stated_length():
    counts = np.vstack(list(resamples(rows=500, bootstraps=400, block=5, seed=3)))
    assert counts.shape == (400, 500)
    assert (counts.sum(axis=1) == 500).all()
    # Counts of neighbouring rows correlate by the chance that the block goes on, 1 - 1/5.
    z = counts - 1.0
    assert np.mean(z * np.roll(z, 1, axis=1)) / np.mean(z * z) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("block", [1, 3, 40, 1000])
def test_as_many_rows_are_drawn_as_asked_for(block):
    for draws in (1, 7, 90):
        counts = np.vstack(list(resamples(20, 300, block, 1, draws=draws)))
        assert (counts.sum(axis=1) == draws).all()
        assert counts.min() >= 0


def test_seed_decides():
    returns = seeded().normal(0.0, 0.01, size=(120, 9))
    one = judge(returns, bootstraps=500, seed=7)
    assert one.largest == judge(returns, bootstraps=500, seed=7).largest
    assert one.largest != judge(returns, bootstraps=500, seed=8).largest


def test_order_and_scale_do_not_matter():
    rng = seeded()
    returns = rng.normal(0.0002, 0.01, size=(200, 12))
    order = rng.permutation(12)
    one, other = judge(returns, bootstraps=300), judge(returns[:, order] * 0.25, bootstraps=300)
    assert other.p == pytest.approx(one.p[order])
    assert other.largest == pytest.approx(one.largest, rel=1e-5)
    assert (other.reality_check, other.spa) == pytest.approx((one.reality_check, one.spa))


@pytest.mark.slow
def test_noise_is_rarely_good():
    """200 families of 30 trials: at 5 %, more than 27 come up less than once in a million runs."""
    rng = seeded()
    found = [judge(rng.normal(0, 0.01, (250, 30)), bootstraps=199, seed=i) for i in range(200)]
    assert sum(np.nanmin(one.p) <= 0.05 for one in found) <= 27
    assert 0.4 < np.mean([np.nanmin(one.p) for one in found]) < 0.65


@pytest.mark.slow
def test_luck_is_that_of_unrelated_trials_where_they_are():
    """Of normals the best reaches E[max]; of copies of a few, that of the few."""
    rng = seeded()
    unrelated = judge(rng.normal(0, 0.01, (1000, 100)))
    assert unrelated.largest == pytest.approx(float(sharpe.expected_max(100)), rel=0.08)
    assert 60 < unrelated.independent <= 100
    few = judge(np.repeat(rng.normal(0, 0.01, (1000, 8)), 25, axis=1))
    assert few.independent == pytest.approx(8, rel=0.5)


@pytest.mark.slow
def test_copies_move_nothing():
    """Of the best, the worst and the middle one, as often as you like."""
    returns = seeded().normal(0.0002, 0.01, (500, 30))
    order = np.argsort(returns.mean(axis=0) / returns.std(axis=0))
    one = judge(returns)
    for copied in (order[0], order[15], order[-1]):
        many = judge(np.column_stack([returns, np.repeat(returns[:, [copied]], 300, axis=1)]))
        assert many.p[:30] == pytest.approx(one.p)
        assert many.largest == pytest.approx(one.largest, rel=1e-6)
        # Of 30 trials no more than 30 can be independent; 330 leave that open.
        assert min(many.independent, 30) == pytest.approx(one.independent, rel=1e-4)
        assert many.independent < 33


def test_stepping_down_by_hand():
    """Romano and Wolf's p-values from a hundred worlds, each trial beside those no better."""
    rng = seeded()
    returns = rng.normal(0, 0.01, (60, 7)) + 0.004 * np.arange(7) / 7
    block, n, seen = 4.0, len(returns), []
    widening = float(search._widening(np.array([n]), block)[0])
    mean, deviation = returns.mean(axis=0), returns.std(axis=0, ddof=1)
    for counts in resamples(n, 100, block, 5):
        for line in counts.astype(int):
            world = np.repeat(returns, line, axis=0)
            own = np.maximum(world.std(axis=0, ddof=1), deviation / 2 * math.sqrt(n / (n - 1)))
            seen.append((world.mean(axis=0) - mean) / own * math.sqrt(n) * widening)
    t = mean / deviation * math.sqrt(n)
    by_hand, last = np.empty(7), 0.0
    for trial in np.argsort(-t):
        rivals = [other for other in range(7) if t[other] <= t[trial]]
        exceeding = sum(world[rivals].max() >= t[trial] for world in seen)
        last = max(last, (1 + exceeding) / 101)
        by_hand[trial] = last
    assert judge(returns, bootstraps=100, block=block, seed=5).p == pytest.approx(by_hand)


ARCH = expected("arch")


@pytest.mark.parametrize("name", ARCH["reality_check"])
def test_reality_check_is_that_of_arch(name):
    mine = [name in ("all", f"family {cell['family']}") for cell in sweep_params()]
    p = judge(sweep_returns()[:, mine], block=10, seed=1).reality_check
    truth = ARCH["reality_check"][name]
    error = sum(4 * math.sqrt(truth * (1 - truth) / b) + 1 / b for b in (5000, 20000))
    assert p == pytest.approx(truth, abs=error)


# Trials on dates of their own


def own_dates(*columns):
    """Curves of different lengths, each with its first day."""
    firsts, returns = zip(*columns, strict=True)
    lengths = [len(one) for one in returns]
    days = np.concatenate([first + np.arange(n) for first, n in zip(firsts, lengths, strict=True)])
    return Curves(
        ts=days * DAY,
        equity=np.concatenate([100.0 * np.cumprod(1.0 + one) for one in returns]),
        offsets=np.cumsum([0, *lengths]),
        base=np.full(len(columns), 100.0),
    )


def test_one_table_or_dates_of_their_own_are_the_same_worlds():
    """A trial that knows one day more changes the table, not what is found."""
    returns = seeded().normal(0.0005, 0.01, (400, 12))
    same = own_dates(*((0, column) for column in returns.T))
    longer = own_dates(*((0, column) for column in returns.T), (0, np.append(returns[:, 0], 0.0)))
    one = worlds(Own.of(same), np.full(12, np.nan), seed=1)
    other = worlds(Own.of(longer), np.full(13, np.nan), seed=1)
    assert other.p[:12] == pytest.approx(one.p, abs=0.03)
    assert other.largest == pytest.approx(one.largest, rel=0.03)


@pytest.mark.slow
def test_a_short_trial_is_judged_by_its_own_error():
    """Half a year of luck beside ten years: by its t-value, not by its Sharpe ratio."""
    rng = seeded()
    long = [(0, rng.normal(0, 0.01, 2520)) for _ in range(20)]
    short = rng.normal(size=126)
    # An annual Sharpe ratio of 2.4, a t-value of 1.7.
    short = 0.0015 + 0.01 * (short - short.mean()) / short.std()
    found = worlds(Own.of(own_dates(*long, (2394, short))), np.full(21, np.nan))
    assert found.t[20] == pytest.approx(1.7, abs=0.05)
    assert found.p[20] > 0.2


def test_those_without_a_curve_stand_beside_the_others():
    rng = seeded()
    curves = Own.of(family(rng.normal(0, 0.01, (500, 10))).curves)
    alone = np.append(np.full(10, np.nan), rng.normal(size=40))
    one = worlds(curves, alone[:10])
    both = worlds(curves, alone)
    assert (both.resampled, both.alone) == (10, 40)
    assert both.largest > one.largest
    assert both.largest == pytest.approx(float(sharpe.expected_max(50)), rel=0.1)
    assert np.nanmax(both.p[10:]) <= 1.0
    splendid = worlds(curves, np.append(np.full(10, np.nan), np.full(40, 30.0)))
    assert splendid.p[:10] == pytest.approx(one.p)  # stepped down: they are no rivals any more
    assert (splendid.p[10:] < 0.001).all()


def test_too_much_for_memory_stands_alone(monkeypatch):
    returns = seeded().normal(0.001, 0.01, (300, 8))
    monkeypatch.setattr(search, "MOST_CELLS", 1000)
    found = judge(returns)
    assert (found.resampled, found.alone) == (0, 8)
    assert found.p == pytest.approx(search._alone(found.t, np.ones(8, bool)).p)


@pytest.mark.slow
def test_memory_is_bounded():
    returns = seeded().normal(0, 0.01, size=(24, 10_000))
    own = Own.of(family(returns).curves)
    tracemalloc.start()
    worlds(own, np.full(10_000, np.nan), bootstraps=2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 10_000 * 4


def test_undefined():
    assert judge(np.zeros((50, 3))) is None
    assert judge(np.full((50, 3), 0.001)) is None
    flat_and_moving = np.column_stack([np.zeros(50), seeded().normal(0, 0.01, 50)])
    found = judge(flat_and_moving, bootstraps=99)
    assert np.isnan(found.p[0])
    assert found.resampled == 1


# Memory


def ar(phi, seed, n=2000):
    noise = np.random.default_rng(seed).normal(size=n)
    values = np.empty(n)
    values[0] = noise[0]
    for t in range(1, n):
        values[t] = phi * values[t - 1] + noise[t]
    return np.round(values, 6)


@pytest.mark.parametrize("name", ARCH["block"])
def test_block_length_is_that_of_arch(name):
    if name.startswith("ar"):
        series = ar(float(name.split()[1]), 5)
    else:
        series = sweep_returns()[:, int(name[1:])]
    found = float(politis_white(series[:, None])[0])
    assert found == pytest.approx(max(ARCH["block"][name], 1.0), rel=0.03)


@pytest.mark.parametrize("phi", [0.2, 0.5, 0.8])
def test_block_length_of_a_known_memory(phi):
    """Politis & White's optimum for AR(1): (2 phi / (1 - phi^2))^(2/3) n^(1/3)."""
    best = (2 * phi / (1 - phi * phi)) ** (2 / 3) * 20_000 ** (1 / 3)
    series = np.column_stack([ar(phi, seed, 20_000) for seed in range(9)])
    assert np.median(politis_white(series)) == pytest.approx(best, rel=0.25)


@pytest.mark.parametrize(("rows", "block"), [(12, 3), (27, 3), (28, 4), (756, 10), (1000, 10)])
def test_default_block(rows, block):
    noise = np.random.default_rng(1).normal(size=(rows, 50))
    assert default_block(noise) == block


def test_default_block_grows_with_memory():
    assert default_block(np.column_stack([ar(0.8, seed, 1000) for seed in range(9)])) > 30


# Lo (2002), table 2, page 41: eta(q) of AR(1) returns, for q of 2, 3, 4, 6, 12, 24, 250.
LO = {
    0.9: (1.03, 1.05, 1.07, 1.10, 1.21, 1.41, 3.70),
    0.5: (1.15, 1.28, 1.39, 1.60, 2.12, 2.91, 9.15),
    0.2: (1.29, 1.52, 1.73, 2.07, 2.88, 4.04, 12.92),
    0.0: (1.41, 1.73, 2.00, 2.45, 3.46, 4.90, 15.81),
    -0.2: (1.58, 1.99, 2.33, 2.90, 4.17, 5.95, 19.35),
    -0.5: (2.00, 2.45, 3.02, 3.84, 5.69, 8.26, 27.31),
}


@pytest.mark.parametrize("rho", LO)
def test_lo_scales_a_sharpe_ratio(rho):
    for periods, scale in zip((2, 3, 4, 6, 12, 24, 250), LO[rho], strict=True):
        factor = float(lo_factor(rho ** np.arange(1, periods)))
        assert math.sqrt(periods / factor) == pytest.approx(scale, abs=0.005001)


def test_inflation_of_each_trial():
    """As Lo's factor of its own autocorrelations, whoever lies before it."""
    series = [ar(0.5, 1, 300), ar(0.0, 2, 40), np.zeros(5), np.zeros(0), ar(-0.6, 3, 300)]
    found = inflation(Segments(np.cumsum([0, *map(len, series)])), np.concatenate(series))
    x = series[0] - series[0].mean()
    lags = int(lags_for(300))
    rho = np.array([x[lag:] @ x[:-lag] / (x @ x) for lag in range(1, lags + 1)])
    assert lags == 5
    assert found[0] == pytest.approx(float(lo_factor(rho)))
    assert found[0] > 1.5
    assert found[2:].tolist() == [1.0, 1.0, 1.0]  # none, none, and what would make it surer


# Looking after every trial


def test_no_search_is_fooled_by_looking():
    """2,000 searches of 200 trials of noise, each looked at after every trial. At 5 %, more than
    155 are seen less than once in a million runs."""
    t = seeded().normal(size=(2000, 200))
    ever = sum((at_every_look(line) <= 0.05).any() for line in t)
    assert ever <= 155


def test_the_level_is_never_used_up():
    p = at_every_look(np.full(100_000, 7.0))
    alone = float(normal.cdf(-7.0))
    assert 0.8 < (alone / p).sum() < 1.0
    assert np.isnan(at_every_look(np.array([np.nan, 5.0]))[0])
    assert at_every_look(np.array([np.nan, 5.0]))[1] == at_every_look(np.array([5.0]))[0]
