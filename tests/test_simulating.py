"""Monte Carlo: against closed forms, by seed, and what a user is told."""

from __future__ import annotations

import csv
import io
from itertools import permutations
from xml.etree import ElementTree

import numpy as np
import pytest
from cli_lake import Cli
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bt_lake.lake import Lake
from bt_lake.metrics.paths import paths
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

pytest_plugins = ["cli_fixtures"]
gains = arrays(np.float64, st.integers(2, 30), elements=st.floats(-0.5, 0.5))


def walked(each: np.ndarray) -> tuple[float, float, float]:
    """End, lowest and deepest fall of one path, step by step."""
    equity = peak = lowest = 1.0
    fall = 0.0
    for gain in each:
        equity *= 1 + gain
        peak, lowest = max(peak, equity), min(lowest, equity)
        fall = min(fall, equity / peak - 1)
    return equity, lowest, fall


@given(gains, st.integers(0, 99))
def test_another_order_ends_where_it_ended(each: np.ndarray, seed: int):
    made = paths(each, "shuffle", 20, seed, 1.0)
    assert made.final == pytest.approx(np.full(20, np.prod(1 + each)))
    assert (made.lowest <= 1).all() and (made.drawdown <= 0).all()
    assert made.growth[:, 0] == pytest.approx(1) and made.growth[:, -1] == pytest.approx(made.final)


def test_all_orders_are_alike_likely():
    each = np.array([0.2, -0.1, -0.3, 0.15])
    expected = sorted(walked(np.array(order))[2] for order in permutations(each))
    made = paths(each, "shuffle", 24_000, 1, 1.0)
    known, often = np.unique(made.drawdown.round(9), return_counts=True)
    sizes = np.unique(np.round(expected, 9), return_counts=True)
    assert known == pytest.approx(sizes[0], abs=1e-8)
    assert often / 1000 == pytest.approx(sizes[1], rel=0.12)


@pytest.mark.parametrize(("how", "block"), [("resample", 1.0), ("blocks", 1.0), ("blocks", 6.0)])
def test_the_mean_of_many_paths_is_the_closed_form(how, block):
    """Of independent draws E prod(1 + g) = (1 + mean g)^n; blocks keep each step's mean (in logs)."""
    each = np.random.default_rng(3).normal(0.002, 0.03, 40)
    made = paths(each, how, 40_000, 5, block)
    logs = np.log(made.final)
    error = logs.std(ddof=1) / np.sqrt(logs.size)
    assert abs(logs.mean() - 40 * np.log1p(each).mean()) < 4 * error
    if block == 1.0:
        error = made.final.std(ddof=1) / np.sqrt(made.final.size)
        assert abs(made.final.mean() - (1 + each.mean()) ** 40) < 4 * error
        assert logs.var() == pytest.approx(40 * np.log1p(each).var(), rel=0.05)


def test_blocks_keep_neighbours_together():
    each = np.arange(1, 51) / 1000
    made = paths(each, "blocks", 200, 0, 10.0)
    steps = np.diff(np.log(made.growth), axis=1)
    drawn = np.rint(np.expm1(steps) * 1000).astype(int)
    follows = (np.diff(drawn, axis=1) % 50 == 1).mean()
    assert follows == pytest.approx(1 - 1 / 10 + 1 / 10 / 50, abs=0.02)


def test_nothing_comes_after_ruin():
    made = paths(np.array([0.5, -1.5, 0.5]), "shuffle", 10, 0, 1.0)
    assert (made.final == 0).all() and (made.lowest == 0).all() and (made.drawdown == -1).all()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str]]:
    lake = Lake(tmp_path_factory.mktemp("simulating") / "lake")
    days = [f"2024-0{1 + n // 28}-{1 + n % 28:02}" for n in range(90)]
    equity = 1000 * np.cumprod(1 + np.random.default_rng(0).normal(0.001, 0.02, 90))
    trades = [
        {"entry_at": day, "exit_at": day + "T12:00", "pnl": pnl}
        for day, pnl in zip(days[1:6], [100.0, -50.0, 25.0, -10.0, 40.0], strict=True)
    ]
    curve = {"ts": days, "equity": equity}
    ids = [
        lake.save(strategy="s", equity=curve, trades=trades, initial_capital=1000.0),
        lake.save(strategy="s", metrics={"cagr": 1.0}),
        lake.save(
            strategy="s",
            trades=[{**each, "pnl": None, "return": 0.1} for each in trades],
            initial_capital=10.0,
        ),
        lake.save(strategy="s", trades=trades),
    ]
    return lake, ids


@pytest.mark.filterwarnings("ignore:trades without")
def test_of_a_run(made):
    lake, ids = made
    found = lake.simulate(ids[0], n=300, seed=4)
    (total, fall) = found.quantiles().to_dicts()
    run = lake.run(ids[0]).row
    assert total["actual"] == pytest.approx(run["total_return"])
    assert fall["actual"] == pytest.approx(run["max_drawdown"])
    assert total["q05"] < total["q50"] < total["q95"] and 0 < total["worse"] < 1
    assert total["worse"] == (found.paths.final - 1 < total["actual"] - 1e-12).mean()
    assert found.bands()["step"].to_list() == list(range(91))
    again = lake.simulate(ids[0], n=300, seed=4)
    assert again.quantiles().equals(found.quantiles())
    assert not lake.simulate(ids[0], n=300, seed=5).quantiles().equals(found.quantiles())
    assert lake.simulate(ids[0], ruin=1.0).ruin == 0
    assert "1,000 paths of 90 returns drawn in blocks of 4, seed 0" in repr(lake.simulate(ids[0]))


def test_a_trade_counts_as_a_share_of_the_account_before_it(made):
    lake, ids = made
    found = lake.simulate(ids[0], of="trades", n=50)
    assert found.gains == pytest.approx([100 / 1000, -50 / 1100, 25 / 1050, -10 / 1075, 40 / 1065])
    assert found.actual[0] == pytest.approx(0.105)
    assert found.quantiles()["worse"][0] == 0  # another order ends alike
    assert lake.simulate(ids[0], of="trades", how="resample").quantiles()["q95"][0] > 0.105
    ElementTree.fromstring(found.plot().svg())


def test_what_cannot_be_simulated(made):
    lake, ids = made
    for run, asked, error, said in (
        (ids[1], {}, NotFound, "has 0 returns: too few"),
        (ids[1], {"of": "trades"}, NotFound, "has 0 trades"),
        (ids[2], {"of": "trades"}, BadInput, "trades without a profit: take its returns"),
        (ids[3], {"of": "trades"}, BadInput, "no initial capital"),
        (ids[0], {"of": "days"}, UnknownName, "There are trades, returns"),
        (ids[0], {"of": "trades", "how": "blocks"}, UnknownName, "there are shuffle, resample"),
        (ids[0], {"ruin": 50}, BadInput, "ruin is the share"),
        (ids[0], {"n": 0}, BadInput, "n must be at least 1"),
        (ids[0], {"block": 0.5}, BadInput, "block is a mean length"),
    ):
        with pytest.raises(error, match=said):
            lake.simulate(run, **asked)


def test_the_command(cli: Cli, tmp_path):
    said = cli("simulate", "07", "--of", "trades", "-n", "50")
    assert said.code == 0 and "50 paths of its 2 trades in another order, seed 0" in said.lines[0]
    (total, fall) = csv.DictReader(io.StringIO(cli("simulate", "07", "-f", "csv").out))
    assert float(total["actual"]) == pytest.approx(0.21) and fall["quantity"] == "max_drawdown"
    file = tmp_path / "p.svg"
    assert cli("simulate", "07", "--plot", file).err.startswith(f"drew {file}")
    assert cli("simulate", "07", "--plot", "x.gif").code == 2
    assert cli("simulate", "06").code == 3
