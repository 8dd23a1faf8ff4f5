"""`overfit --benchmark`: what is gained above a run, a file of prices or a rate; and `--peeking`."""

from __future__ import annotations

import numpy as np
import pytest
from cli_lake import Cli
from trials import document, family, moments, save_moments, save_returns, seeded

from bt_lake.overfit.benchmark import Benchmark, above
from bt_lake.warehouse.errors import BadInput

FAST = {"splits": 8, "bootstraps": 200}
START = np.datetime64("2020-01-01", "us")


@pytest.fixture
def rising():
    """Ten long-only trials in a market that rises: all of their gain is the market's."""
    rng = seeded()
    market = rng.normal(0.002, 0.008, 400)
    return market, market[:, None] + rng.normal(0.0, 0.002, (400, 10))


def prices(path, market, *, name="close"):
    days = START + np.arange(-1, market.size) * np.timedelta64(1, "D")
    level = 50.0 * np.cumprod(np.append(1.0, 1.0 + market))
    rows = [f"{str(day)[:10]},{price!r},7" for day, price in zip(days, level.tolist(), strict=True)]
    path.write_text("\n".join([f"date,{name},volume", *rows]) + "\n")
    return path


@pytest.mark.slow
def test_a_market_that_rises_is_no_skill(lake, tmp_path, rising):
    market, returns = rising
    save_returns(lake, returns)
    base = lake.save(document(market, strategy="hold"))
    assert lake.overfit(strategy="s", **FAST).better
    for benchmark in (base, str(prices(tmp_path / "spy.csv", market))):
        report = lake.overfit(strategy="s", benchmark=benchmark, **FAST)
        assert abs(report.best.sharpe_annual) < 4
        excess = (returns - market[:, None])[-report.best.n_returns :]
        best = int(report.best.run_id[1:])
        assert report.best.sharpe == pytest.approx(moments(excess)["sharpe_period"][best], rel=1e-6)
        assert f"above {report.settings.benchmark}" in str(report)


def test_an_edge_above_the_market_is_seen(lake, rising):
    market, returns = rising
    returns[:, 3] += 0.0012
    save_returns(lake, returns)
    base = lake.save(document(market, strategy="hold"))
    report = lake.overfit(strategy="s", benchmark=base[-8:], **FAST)
    assert report.best.run_id == "t003"
    assert report.search.good[0] == ("t003", 1 / 201)


def test_a_rate_a_year(rising):
    _, returns = rising
    found = above(family(returns), Benchmark("0.05 a year", rate=0.05))
    each = 1.05 ** (1 / 252) - 1
    truth = moments(returns - each)
    for name in ("sharpe_period", "skew", "kurtosis"):
        assert getattr(found, name) == pytest.approx(truth[name])


def test_returns_at_times_that_the_benchmark_does_not_know_go(lake, tmp_path, rising):
    market, returns = rising
    save_returns(lake, returns)
    save_moments(lake, [0.5], n=100)
    report = lake.overfit(benchmark=prices(tmp_path / "half.csv", market[:250]), **FAST)
    assert report.best.n_returns == 250
    assert "1,500 returns outside the dates of half.csv do not count" in report.notes
    assert "1 trials have no returns at the times of half.csv" in report.notes


@pytest.mark.parametrize(
    ("benchmark", "says"),
    [
        ("3", "a rate a year is a fraction"),
        ("nowhere.csv", "there is no file nowhere.csv"),
        ("zz", "no run 'zz'"),
    ],
)
def test_benchmarks_that_cannot_be(lake, capsys, benchmark, says):
    save_returns(lake, seeded().normal(0.0, 0.01, (60, 3)))
    said = Cli(lake.path, capsys)("overfit", "--benchmark", benchmark)
    assert said.code in (2, 3)
    assert says in said.err


def test_files_that_are_no_prices(lake, tmp_path, rising):
    market, returns = rising
    save_returns(lake, returns)
    for text, says in (
        ("a,b\n1,2\n", "has the columns a, b; it needs one of times"),
        ("date,close\n2020-01-01,1\n2020-01-01,2\n", "each at a time of its own"),
        ("date,close\n2020-01-01,-1\n2020-01-02,2\n", "with close above 0"),
    ):
        path = tmp_path / "odd.csv"
        path.write_text(text)
        with pytest.raises(BadInput, match=says):
            lake.overfit(benchmark=str(path))
    only = prices(tmp_path / "only.csv", market, name="SPY")
    only.write_text(only.read_text().replace(",7\n", "\n").replace(",volume", ""))
    assert lake.overfit(benchmark=str(only), **FAST).settings.benchmark == "only.csv"


@pytest.mark.slow
def test_peeking(lake, capsys):
    returns = seeded().normal(0.0, 0.01, (500, 12))
    returns[:, 7] += 0.01 * 3 / np.sqrt(252)
    save_returns(lake, returns)
    plain, looked = lake.overfit(**FAST), lake.overfit(peeking=True, **FAST)
    assert plain.search.peeking is None
    assert looked.search.p == plain.search.p
    assert looked.search.peeking > 0
    said = Cli(lake.path, capsys)("overfit", "--peeking", "--splits", 8, "--bootstraps", 200)
    text = " ".join(said.out.split())
    assert "at any look p" in text
    assert "whoever looks after every one would ever see one this good in" in text
