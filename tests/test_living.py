"""A live run against its backtest: intervals by plain draws, KS against every threshold, slippage by hand."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cli_lake import Cli
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.lake import Lake
from bt_lake.metrics.twosamples import kolmogorov_smirnov
from bt_lake.warehouse.errors import BadInput, NotFound

pytest_plugins = ["cli_fixtures"]
DAYS = [datetime(2018, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(1000)]
LATER = [DAYS[-1] + timedelta(days=n) for n in range(90)]


def walk(seed: int, n: int, mean: float = 0.0005) -> np.ndarray:
    return 1000 * np.cumprod(1 + np.random.default_rng(seed).normal(mean, 0.01, n))


def trade(day: datetime, price: float, out: float, **more) -> dict:
    return {"symbol": "A", "side": "long", "entry_at": day, "exit_at": day + timedelta(days=2),
            "entry_price": price, "exit_price": out, "pnl": out - price, **more}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, dict[str, str]]:
    lake = Lake(tmp_path_factory.mktemp("living") / "lake")
    both = [*DAYS, *LATER[1:]]
    hour = timedelta(hours=9, minutes=31)
    told = [trade(LATER[n], 100.0, 110.0) for n in (10, 20, 30)]
    told.append(trade(LATER[40], 50.0, 40.0, side="short"))
    real = [
        trade(LATER[10] + hour, 101.0, 110.0),
        trade(LATER[20] + hour, 100.0, 108.9),
        trade(LATER[40] + hour, 49.5, 40.4, side="short"),
        trade(LATER[50] + hour, 100.0, 100.0),
        trade(LATER[30] + hour, 100.0, 110.0, symbol="B"),
    ]

    def save(equity, ts, **more) -> str:
        return lake.save(
            strategy="s", equity={"ts": ts, "equity": equity}, periods_per_year=365, **more
        )

    return lake, {
        "backtest": save(walk(1, len(both)), both, trades=told),
        "like": save(walk(2, 90), LATER, sample="live", trades=real),
        "worse": save(walk(3, 90, -0.004), LATER, sample="live"),
        "better": save(walk(4, 90, 0.006), LATER, sample="live"),
        "short": save(walk(5, 9), LATER[:9], sample="live"),
        "hours": lake.save(strategy="s", periods_per_year=8760, equity={
            "ts": [DAYS[0] + timedelta(hours=n) for n in range(90)], "equity": walk(6, 90)}),
    }  # fmt: skip


def test_what_to_expect_is_drawn_from_the_returns_before(made):
    lake, ids = made
    found = lake.live(ids["like"], against=ids["backtest"], n=4000, seed=3)
    equity = walk(1, 1000)
    r = np.diff(equity) / equity[:-1]
    lived = np.diff(walk(2, 90)) / walk(2, 90)[:-1]
    assert found.since and found.returns == 89
    rng = np.random.default_rng(9)
    plain = r[rng.integers(r.size, size=(4000, 89))]  # these returns remember nothing
    sharpe = plain.mean(axis=1) / plain.std(axis=1, ddof=1) * 365**0.5
    growth = np.cumprod(np.c_[np.ones(4000), 1 + plain], axis=1)
    fall = (growth / np.maximum.accumulate(growth, axis=1)).min(axis=1) - 1
    for row, drawn in zip(found.frame().to_dicts(), (sharpe, fall), strict=True):
        low, middle, high = np.quantile(drawn, [0.025, 0.5, 0.975])
        width = high - low
        assert [row["low"], row["median"], row["high"]] == pytest.approx([low, middle, high], abs=0.1 * width)  # fmt: skip
        assert row["below"] == pytest.approx(np.mean(drawn <= row["actual"]), abs=0.05)
    assert found.actual["sharpe_ratio"] == pytest.approx(
        lived.mean() / lived.std(ddof=1) * 365**0.5
    )
    assert (found.distance, found.p_same) == kolmogorov_smirnov(lived, r)
    again = lake.live(ids["like"], against=ids["backtest"], n=4000, seed=3)
    assert again.rows() == found.rows() and repr(again) == repr(found)


def test_the_sentence_says_no_more_than_the_numbers(made):
    lake, ids = made
    says = {
        name: lake.live(ids[name], against=ids["backtest"]).words
        for name in ("like", "worse", "better")
    }
    assert says["like"].endswith("this tells no difference between the two.")
    assert says["worse"].endswith("it does worse than its backtest led to expect.")
    assert says["better"].endswith("it does better than its backtest led to expect.")
    turned = lake.live(ids["backtest"], against=ids["like"])
    assert not turned.since and "of its whole time" in repr(turned)


def test_slippage_is_that_of_trades_of_one_day_symbol_and_side(made):
    lake, ids = made
    slip = lake.live(ids["like"], against=ids["backtest"]).slippage
    assert (slip.live, slip.backtest) == (5, 4)
    assert slip.cost.tolist() == pytest.approx([0.01, 0.01, 0.01 + 0.01])
    assert lake.live(ids["worse"], against=ids["backtest"]).slippage.live == 0


def test_trades_without_a_symbol_are_of_that_of_their_run(tmp_path):
    lake = Lake(tmp_path / "lake")
    trades = [trade(LATER[10], 100.0, 110.0, symbol=None)]

    def save(seed: int, symbol: str | None) -> str:
        equity = {"ts": LATER, "equity": walk(seed, 90)}
        return lake.save(strategy="s", symbol=symbol, equity=equity, trades=trades)

    backtest = save(1, "A")
    matched = [
        lake.live(save(n, symbol), against=backtest, n=100).slippage.cost.size
        for n, symbol in enumerate(("A", "B", None), 2)
    ]
    assert matched == [1, 0, 1]


def test_what_cannot_be_compared_is_refused(made):
    lake, ids = made
    with pytest.raises(BadInput, match="a run against itself"):
        lake.live(ids["like"], against=ids["like"])
    with pytest.raises(NotFound, match="has 8 returns"):
        lake.live(ids["short"], against=ids["backtest"])
    with pytest.raises(BadInput, match="8,760 returns a year and the backtest 365"):
        lake.live(ids["hours"], against=ids["backtest"])


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.lists(st.integers(-5, 5), min_size=1, max_size=30))  # fmt: skip
def test_the_distance_is_the_largest_at_any_threshold(a: list[int], b: list[int]):
    by_hand = max(
        abs(np.mean(np.array(a) <= at) - np.mean(np.array(b) <= at)) for at in range(-5, 6)
    )
    distance, p = kolmogorov_smirnov(np.array(a, float), np.array(b, float))
    assert distance == pytest.approx(by_hand, abs=1e-12) and 0 <= p <= 1


def test_chance_does_as_much_as_it_says():
    """Of samples of one distribution, some 5 % have p under 0.05 (10 to 0 would be 50 deviations)."""
    draw = np.random.default_rng(11)
    p = np.array([kolmogorov_smirnov(draw.normal(size=80), draw.normal(size=300))[1] for _ in range(600)])  # fmt: skip
    assert 0.02 < np.mean(p < 0.05) < 0.09 and 0.4 < np.mean(p < 0.5) < 0.6


def test_the_command(made, cli: Cli):
    lake, ids = made
    asked = ["--lake", lake.path, "live", ids["like"], "--against", ids["backtest"]]
    said = cli(*asked)
    assert (
        said.code == 0 and "Trades: 3 of 5 match one of the backtest; slippage +1.333%" in said.out
    )
    rows = list(csv.DictReader(io.StringIO(cli(*asked, "-f", "csv").out)))
    assert [row["quantity"] for row in rows] == ["sharpe_ratio", "max_drawdown"]
    assert cli("live", "07").code == 2
