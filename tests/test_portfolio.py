"""Runs as one: against plain loops and closed forms."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
from cli_lake import Cli
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.lake import Lake
from bt_lake.metrics.mixing import clusters, hierarchical, inverse_volatility, mixed, risk_shares
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

pytest_plugins = ["cli_fixtures"]
DAYS = [datetime(2023, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(200)]


def drawn(seed: int, n: int = 120, k: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.001, 0.02, (n, k)) * np.arange(1, k + 1)


@given(st.integers(0, 999), st.sets(st.integers(1, 119), max_size=6))
def test_a_mix_is_what_its_parts_are_worth(seed: int, others: set[int]):
    returns, weights = drawn(seed), np.array([0.5, 0.3, 0.2])
    starts = sorted({0, *others})
    growth, added = mixed(returns, weights, np.array(starts))
    level, parts = 1.0, [0.0] * 3
    for n, row in enumerate(returns):
        if n in starts:
            parts = [level * w for w in weights]
        before = sum(parts)
        parts = [part * (1 + r) for part, r in zip(parts, row, strict=True)]
        level = sum(parts)
        assert growth[n] == pytest.approx(level)
        assert added[n].sum() == pytest.approx(level / before - 1)
    assert risk_shares(added).sum() == pytest.approx(1)


def test_never_rebalanced_is_the_mean_of_what_each_made():
    returns = drawn(1)
    growth, _ = mixed(returns, np.full(3, 1 / 3), np.array([0]))
    assert growth == pytest.approx(np.cumprod(1 + returns, axis=0).mean(axis=1))


def test_rebalanced_each_day_the_risk_is_that_of_the_covariance():
    returns, weights = drawn(2), np.array([0.2, 0.3, 0.5])
    _, added = mixed(returns, weights, np.arange(120))
    covariance = np.cov(returns.T)
    expected = weights * (covariance @ weights) / (weights @ covariance @ weights)
    assert risk_shares(added) == pytest.approx(expected)


def test_weights_by_risk_are_the_closed_forms():
    returns = drawn(3, k=4)
    deviation = returns.std(axis=0, ddof=1)
    assert inverse_volatility(returns) == pytest.approx((1 / deviation) / (1 / deviation).sum())
    variance = np.var(returns[:, :2], axis=0, ddof=1)
    assert hierarchical(returns[:, :2]) == pytest.approx(variance[::-1] / variance.sum())
    one, two = np.random.default_rng(0).normal(0, 0.02, (2, 500))
    noise = np.random.default_rng(1).normal(0, 0.004, (4, 500))
    pairs = np.c_[
        one + noise[0], two + noise[1], one + noise[2], two + noise[3]
    ]  # 0 with 2, 1 with 3
    found = hierarchical(pairs)
    assert found.sum() == pytest.approx(1)

    def held(a: int, b: int) -> tuple[float, np.ndarray]:
        c = np.cov(pairs[:, [a, b]].T)
        w = (1 / np.diag(c)) / (1 / np.diag(c)).sum()
        return w @ c @ w, w

    (first, inner), (second, other) = held(0, 2), held(1, 3)
    share = second / (first + second)
    assert found[[0, 2]] == pytest.approx(share * inner)
    assert found[[1, 3]] == pytest.approx((1 - share) * other)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str], list[np.ndarray]]:
    """Runs 0 to 2 of 200 days, the last of them from day 50 on; 3 stands still, 4 has no curve."""
    lake = Lake(tmp_path_factory.mktemp("portfolio") / "lake")
    moves = [np.random.default_rng(n).normal(0.001, 0.01, 200) for n in range(3)]
    curves = [1000 * np.cumprod(1 + each) for each in moves] + [np.full(200, 5.0)]
    starts = (0, 0, 50, 0)
    runs = [
        {
            "strategy": "s",
            "params": {"n": n},
            "equity": {"ts": DAYS[start:], "equity": curve[start:]},
        }
        for n, (curve, start) in enumerate(zip(curves, starts, strict=True))
    ]
    return lake, lake.save([*runs, {"strategy": "s", "metrics": {"cagr": 0.1}}]), curves


def test_a_portfolio_of_runs(made):
    lake, ids, curves = made
    found = lake.portfolio([ids[0], ids[1][-8:]], rebalance="never", capital=500.0)
    expected = 500 * (curves[0] / curves[0][0] + curves[1] / curves[1][0]) / 2
    assert found.equity()["equity"].to_list() == pytest.approx(expected[1:])
    assert found.equity()["ts"].to_list() == DAYS[1:]
    frame = found.frame()
    assert frame["run_id"].to_list() == ids[:2] and frame["weight"].to_list() == [0.5, 0.5]
    assert frame["total_return"].to_list() == pytest.approx([c[-1] / c[0] - 1 for c in curves[:2]])
    alike = np.corrcoef(curves[0][1:] / curves[0][:-1], curves[1][1:] / curves[1][:-1])[0, 1]
    assert found.correlation[0, 1] == pytest.approx(alike)
    ElementTree.fromstring(found.plot().svg())
    assert "the mix" in found._repr_html_()


def test_it_begins_where_all_have_begun_and_is_rebalanced_by_month(made):
    lake, ids, curves = made
    found = lake.portfolio(ids[:3], weights={ids[0]: 2, ids[1]: 1, ids[2]: 1})
    assert found.weights.tolist() == [0.5, 0.25, 0.25]
    days = DAYS[51:]
    assert found.equity()["ts"].to_list() == days
    level, parts = 100_000.0, None
    for n, day in enumerate(days, start=51):
        if parts is None or day.month != DAYS[n - 1].month:
            parts = [level * w for w in found.weights]
        parts = [p * c[n] / c[n - 1] for p, c in zip(parts, curves, strict=False)]
        level = sum(parts)
    assert found.level[-1] == pytest.approx(level)
    assert "149 days, weights as given, rebalanced each month" in repr(found)


def test_saved_it_is_a_run_with_these_metrics(made):
    lake, ids, _ = made
    found = lake.portfolio(ids[:3], weights="inverse-vol")
    run = lake.run(lake.save(found.document, strategy="mix")).row
    for name in ("total_return", "sharpe_ratio", "max_drawdown", "volatility", "cagr"):
        assert run[name] == pytest.approx(found.metrics[name]), name
    assert run["config"]["portfolio"] == dict(zip(ids[:3], found.weights, strict=True))
    assert run["params"] == {"weights": "inverse-vol", "rebalance": "monthly"}


@pytest.mark.parametrize("weights", ["hrp", "given"])
def test_saved_it_can_be_mixed_again(made, weights: str):
    lake, ids, _ = made
    asked = dict(zip(ids[:3], (3, 1, 3), strict=True)) if weights == "given" else weights
    found = lake.portfolio(ids[:3], weights=asked, rebalance="never", capital=777.0)
    run = lake.save(found.document, strategy="mix")
    again = lake.reproduce(run)
    assert again.same and again.reproduced_from == run and again.run_id != run
    row = lake.run(again.run_id).row
    assert row["strategy"] == "mix" and row["reproduced_from"] == run
    assert row["config"]["portfolio"] == dict(zip(ids[:3], found.weights, strict=True))


def test_clusters_are_those_of_average_linkage():
    rng = np.random.default_rng(4)
    one, other = rng.normal(size=(2, 400, 1))
    noise = 0.4 * rng.normal(size=(400, 6))
    returns = np.hstack([one, other, one, other, one, rng.normal(size=(400, 1))]) + noise
    assert clusters(returns) == [[0, 2, 4], [1, 3], [5]]
    assert clusters(returns, 1.1) == [[n] for n in range(6)] and clusters(returns, -1)[0] == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]
    theirs = by_every_pair(returns, 0.5)
    assert clusters(returns, 0.5) == theirs


def by_every_pair(returns: np.ndarray, least: float) -> list[list[int]]:
    """By every pair of groups, again and again, the slow way."""
    alike = np.corrcoef(returns.T)
    groups = [{n} for n in range(len(alike))]
    while True:
        found = [
            (np.mean([alike[i, j] for i in a for j in b]), n, m)
            for n, a in enumerate(groups)
            for m, b in enumerate(groups)
            if n < m
        ]
        mean, n, m = max(found, default=(-9, 0, 0))
        if mean < least:
            return sorted((sorted(g) for g in groups), key=lambda g: (-len(g), g))
        groups[n] |= groups.pop(m)


def test_runs_that_are_alike_are_told(made):
    lake, ids, curves = made
    twin = lake.save(strategy="s", params={"n": 9}, equity={"ts": DAYS, "equity": curves[0] * 2})
    found = lake.portfolio([*ids[:2], twin])
    lake.delete(twin)
    assert found.clusters == [[0, 2], [1]]
    assert found.frame()["cluster"].to_list() == [1, 2, 1]
    assert "alike by 0.5 or more on average: n=0, n=9; n=1" in repr(found)


def test_what_is_no_portfolio(made):
    lake, ids, _ = made
    for runs, asked, error, said in (
        (ids[:1], {}, BadInput, "two different runs"),
        (ids[:2], {"weights": "eqal"}, UnknownName, "There are equal, inverse-vol, hrp"),
        (ids[:2], {"rebalance": "daily"}, UnknownName, "There are never, monthly"),
        (ids[:2], {"weights": {ids[0]: 1}}, BadInput, "one for each run and no other"),
        (ids[:2], {"weights": {ids[0]: 1, ids[1]: -1}}, BadInput, "0 or more"),
        (ids[:2], {"capital": 0}, BadInput, "capital is what"),
        ([ids[0], ids[3]], {"weights": "hrp"}, BadInput, "does not move"),
        ([ids[0], ids[4]], {}, NotFound, "no equity curve"),
    ):
        with pytest.raises(error, match=said):
            lake.portfolio(runs, **asked)


@pytest.mark.slow
def test_the_command(own: Cli, tmp_path):
    lake = Lake(own.lake)
    runs = [
        {
            "strategy": "p",
            "params": {"n": n},
            "equity": {"ts": DAYS, "equity": 10 + np.arange(200.0) * n},
        }
        for n in (1, 2)
    ]
    one, two = lake.save(runs)
    said = own("portfolio", one, two, "--save", "both", "--plot", tmp_path / "m.svg")
    assert said.code == 0 and "saved as" in said.err
    assert lake.runs(strategy="both")["total_return"].item() > 0
    shown = own("portfolio", one, two, "--weights", f"{one}=3,{two}=1", "-f", "json")
    assert [row["weight"] for row in json.loads(shown.out)["runs"]] == [0.75, 0.25]
    assert "n=1" in own("portfolio", one, two).out
    file = tmp_path / "weights.csv"
    file.write_text(f"run,weight\n{one[-8:]},1\n{two},3\n")
    shown = own("portfolio", one, two, "--weights", file, "-f", "json")
    assert [row["weight"] for row in json.loads(shown.out)["runs"]] == [0.25, 0.75]
    file.write_text(f"run,weight\n{one},much\n")
    wrong = own("portfolio", one, two, "--weights", file)
    assert wrong.code == 2 and "line 2: it needs columns run and weight" in wrong.err
    file.write_text(f"run,weight\n{one},1\n{one},2\n{two},1\n")
    twice = own("portfolio", one, two, "--weights", file)
    assert twice.code == 2 and f"line 3: run {one} has a weight already" in twice.err
    file.write_text(f"run,weight\n{one},1\n{one[-8:]},2\n{two},1\n")
    twice = own("portfolio", one, two, "--weights", file)
    assert twice.code == 2 and "has two weights" in twice.err
    file.write_bytes(b"run,weight\n\xff\xfe,1\n")
    assert "no CSV file in UTF-8" in own("portfolio", one, two, "--weights", file).err
    assert own("portfolio", one, two, "--weights", tmp_path / "none.csv").code == 2
    assert own("portfolio", one, two, "--weights", f"{one}=x").code == 2
    assert own("portfolio", one).code == 2
