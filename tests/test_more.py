"""Numbers on request: against numpy, loops and closed forms; the SQL macro against the method."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.lake import Lake
from bt_lake.metrics.more import sharpe_error, stretches
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.wording.more import MORE

DAYS = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(500)]
TRADES = [(120.0, 0.012), (-50.0, -0.005), (80.0, 0.008), (-30.0, -0.003), (10.0, 0.001)]
CARRIED = [
    {"pnl": pnl, "return": ret, "quantity": 10, "entry_price": 100.0, "exit_price": 100 + pnl / 10,
     "entry_at": DAYS[n], "exit_at": DAYS[n + 3]}
    for n, (pnl, ret) in enumerate(TRADES)
]  # fmt: skip


def walk(seed: int, n: int = 500) -> np.ndarray:
    moves = np.random.default_rng(seed).normal(0.0005, 0.012, n)
    return 10_000 * np.cumprod(1 + np.where(np.arange(n) % 5 == 0, 0.0, moves))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str]]:
    """A run with trades, one without, one with an open trade, one that only gains, one of no curve."""
    lake = Lake(tmp_path_factory.mktemp("more") / "lake")
    curve = {"ts": DAYS, "equity": walk(1)}
    held = {"quantity": 5, "entry_price": 80.0, "entry_at": DAYS[9]}
    ids = [
        lake.save(strategy="s", equity=curve, trades=CARRIED, periods_per_year=252),
        lake.save(strategy="s", equity={"ts": DAYS, "equity": walk(2)}, initial_capital=10_100.0),
        lake.save(strategy="s", equity=curve, trades=[CARRIED[0], held], periods_per_year=252),
        lake.save(strategy="s", equity={"ts": DAYS[:90], "equity": 100 + np.arange(90.0) ** 1.5}),
        lake.save(strategy="s", metrics={"sharpe_ratio": 1.0}),
    ]
    return lake, ids


@pytest.mark.parametrize("rf", [0.0, 0.03])
def test_each_number_is_that_of_plain_arithmetic(made, rf: float):
    lake, ids = made
    (row,) = lake.more(ids[0], rf=rf).to_dicts()
    equity = walk(1)
    r = np.diff(equity) / equity[:-1]
    above = r - ((1 + rf) ** (1 / 252) - 1)
    months = {}
    for day, value in zip(DAYS, equity, strict=True):
        months[day.year, day.month] = value
    closes = np.array([equity[0], *months.values()])
    monthly = np.diff(closes) / closes[:-1]
    gains, losses = ([p for p, _ in TRADES if p * sign > 0] for sign in (1, -1))
    sharpe = above.mean() / above.std(ddof=1)
    error = 1.959963984540054 * sharpe_error(above)
    years = (DAYS[-1] - DAYS[1]) / timedelta(days=365.25)
    expected = {
        "rf": rf,
        "sharpe_ratio": sharpe * 252**0.5,
        "sharpe_low": (sharpe - error) * 252**0.5,
        "sharpe_high": (sharpe + error) * 252**0.5,
        "sortino_ratio": above.mean() / np.sqrt(np.mean(np.minimum(above, 0) ** 2)) * 252**0.5,
        "omega": above[above > 0].sum() / -above[above < 0].sum(),
        "gain_to_pain": monthly.sum() / -monthly[monthly < 0].sum(),
        "recovery_factor": (equity[-1] / equity[0] - 1) / -min(equity / np.maximum.accumulate(equity) - 1),
        "time_in_market": np.mean(r != 0),
        "turnover": sum(10 * (200 + p / 10) for p, _ in TRADES) / 2 / equity.mean() / years,
        "payoff_ratio": mean(gains) / -mean(losses),
        "kelly": 3 / 5 - 2 / 5 / (mean(gains) / -mean(losses)),
        "trade_cvar_95": -0.005,
    }  # fmt: skip
    for name in ("sharpe_low_drawn", "sharpe_high_drawn"):
        expected[name] = row[name]
    assert set(row) == {"run_id", "rf", *MORE}
    assert row.pop("run_id") == ids[0]
    assert row == pytest.approx(expected, rel=1e-9)
    assert row["sharpe_low_drawn"] < row["sharpe_ratio"] < row["sharpe_high_drawn"]
    if not rf:
        stored = lake.run(ids[0]).metrics
        assert [row["sharpe_ratio"], row["sortino_ratio"]] == pytest.approx(
            [stored["sharpe_ratio"], stored["sortino_ratio"]], rel=1e-12
        )


def test_what_is_undefined_is_null(made):
    lake, ids = made
    rows = lake.more(ids).to_dicts()
    assert [row["run_id"] for row in rows] == ids
    _, bare, held, rising, empty = rows
    traded = ("payoff_ratio", "kelly", "trade_cvar_95", "turnover")
    assert [bare[name] for name in traded] == [None] * 4
    assert held["payoff_ratio"] is None and held["trade_cvar_95"] == 0.012
    years = (DAYS[-1] - DAYS[1]) / timedelta(days=365.25)
    assert held["turnover"] == pytest.approx((10 * 212 + 5 * 80) / 2 / walk(1).mean() / years)
    nothing_lost = ("omega", "gain_to_pain", "recovery_factor", "sortino_ratio")
    assert [rising[name] for name in nothing_lost] == [None] * 4
    assert {value for name, value in empty.items() if name not in ("run_id", "rf")} == {None}
    with pytest.raises(BadInput, match="rf: a rate a year is a fraction"):
        lake.more(ids[0], rf=3)


@given(st.integers(0, 2**32 - 1))
def test_the_error_of_a_sharpe_ratio_is_mertens_where_nothing_is_remembered(seed: int):
    """Without lags (under 4 returns of memory) GMM gives Mertens' formula of skew and kurtosis."""
    r = np.random.default_rng(seed).normal(0.001, 0.01, 3)  # 4 (3/100)^(2/9) = 1.8: one lag
    x = (r - r.mean()) / r.std()
    s, skew, kurtosis = r.mean() / r.std(), np.mean(x**3), np.mean(x**4)
    alone = 1 - skew * s + (kurtosis - 1) / 4 * s**2
    adds = x - s / 2 * (x**2 - 1)
    lagged = sum(adds[n] * adds[n - 1] for n in range(1, 3))
    assert sharpe_error(r) ** 2 * 9 == pytest.approx(3 * alone + 2 * 0.5 * lagged, rel=1e-9)


def test_the_drawn_interval_is_as_wide_as_the_computed_one():
    r = np.random.default_rng(5).normal(0.0005, 0.01, 1500)
    drawn, _ = stretches(r, 2000, 1, r.size)
    assert drawn.std() == pytest.approx(sharpe_error(r), rel=0.15)
    assert (stretches(r, 10, 1, 99)[0] == stretches(r, 10, 1, 99)[0]).all()
    assert stretches(r, 500, 1, 50)[0].std() == pytest.approx(50**-0.5, rel=0.2)


def test_seasons_are_groups_of_months_and_weekdays(made):
    lake, ids = made
    frame = lake.seasons(ids[0])
    equity = walk(1)
    r = np.diff(equity) / equity[:-1]
    for row in frame.filter(by="weekday").to_dicts():
        here = np.array(
            [v for v, day in zip(r, DAYS[1:], strict=True) if f"{day:%a}" == row["season"]]
        )
        expected = [
            here.size,
            np.mean(here > 0),
            here.mean(),
            here.min(),
            np.quantile(here, 0.25),
            here.max(),
        ]
        found = [row[n] for n in ("returns", "gains", "mean", "worst", "q25", "best")]
        assert found == pytest.approx(expected, rel=1e-9)
    assert frame.filter(by="weekday")["season"].to_list() == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]  # fmt: skip
    months = frame.filter(by="month")
    assert months["season"].to_list()[::11] == ["Jan", "Dec"] and months["returns"].sum() == 17
    assert lake.seasons(ids[4]).height == 0


def test_the_macro_tells_of_the_same_falls(made):
    lake, ids = made
    for run in ids[:4]:
        frame = lake.drawdowns(run, 1000).drop("run_id")
        found = lake.sql(f"from drawdowns('{run}', n := 1000)")
        assert found.sort("rank").to_dicts() == frame.sort("depth", "trough_at").to_dicts()
    first = lake.sql(f"from drawdowns('{ids[0]}', n := 1)")
    assert first.height == 1 and first["rank"].item() == 1
    with pytest.raises(LakeError, match="no run 'nope': drawdowns takes a whole id"):
        lake.sql("from drawdowns('nope')").rows()


def test_notebooks_get_each_form(made):
    lake, ids = made
    for shown in (lake.run(ids[0]), lake.simulate(ids[0], n=50), lake.run(ids[0]).plot()):
        bundle = shown._repr_mimebundle_()
        assert bundle["text/plain"] == repr(shown) and "<svg" in bundle["text/html"]
        assert bundle["image/svg+xml"].startswith("<svg")
    assert set(lake.run(ids[4])._repr_mimebundle_()) == {"text/plain", "text/html"}
