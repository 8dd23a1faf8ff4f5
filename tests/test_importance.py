"""What the parameters did: against least squares with dummies, and closed forms."""

from __future__ import annotations

from itertools import product
from xml.etree import ElementTree

import numpy as np
import pytest
from cli_lake import Cli
from hypothesis import given
from hypothesis import strategies as st

from bt_lake.lake import Lake
from bt_lake.metrics.forest import forest
from bt_lake.metrics.variance import variance_shares
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.wording.widths import columns_of

pytest_plugins = ["cli_fixtures"]


def explained(y: np.ndarray, *factors: np.ndarray) -> float:
    """R2 of least squares on dummies of every combination of the factors."""
    _, level = np.unique(np.column_stack(factors), axis=0, return_inverse=True)
    dummies = np.eye(level.max() + 1)[level.ravel()]
    fitted = dummies @ np.linalg.lstsq(dummies, y, rcond=None)[0]
    return 1 - ((y - fitted) ** 2).sum() / ((y - y.mean()) ** 2).sum()


@given(st.integers(0, 999), st.lists(st.integers(2, 4), min_size=1, max_size=3))
def test_shares_are_those_of_least_squares(seed: int, shape: list[int]):
    cells = np.random.default_rng(seed).normal(size=shape)
    y, places = cells.ravel(), np.indices(shape).reshape(len(shape), -1)
    found = variance_shares(cells)
    for axes, share in found.items():
        expected = explained(y, *places[list(axes)])
        if len(axes) == 2:
            expected -= sum(explained(y, places[axis]) for axis in axes)
        assert share == pytest.approx(expected, abs=1e-9)
    assert sum(found.values()) <= 1 + 1e-9
    if len(shape) < 3:
        assert sum(found.values()) == pytest.approx(1)
    again = variance_shares(3 - 7 * cells)
    assert again == pytest.approx(found)


def test_what_adds_up_has_no_interaction():
    cells = np.add.outer(np.array([0.0, 3.0]), np.array([0.0, 4.0]))
    assert variance_shares(cells) == pytest.approx({(0,): 9 / 25, (1,): 16 / 25, (0, 1): 0})
    product_alone = np.outer([-1.0, 1.0], [-1.0, 1.0])
    assert variance_shares(product_alone) == pytest.approx({(0,): 0, (1,): 0, (0, 1): 1})
    assert variance_shares(np.ones((2, 2))) == {}


@pytest.fixture
def grid(lake: Lake) -> Lake:
    """sharpe = fast + 10 (symbol B), slow does nothing; each but one twice, 0.5 apart."""
    lake.save(
        [
            {
                "strategy": "s",
                "symbol": symbol,
                "params": {"fast": fast, "deep": {"slow": slow}, "same": 1},
                "metrics": {"sharpe_ratio": fast + 10 * (symbol == "B") + half, "mine": 1.0},
            }
            for fast, slow, symbol, half in product((1, 2, 3), (5, 6), "AB", (-0.25, 0.25))
        ]
    )
    return lake


def test_of_a_strategy(grid: Lake):
    found = grid.importance("s")
    fast, symbol = 2 / 3, 25.0  # the variance of each
    assert dict(list(found.shares.items())[:2]) == pytest.approx(
        {"symbol": symbol / (fast + symbol), "fast": fast / (fast + symbol)}
    )
    assert found.shares["deep.slow"] == pytest.approx(0) and found.shares[
        "the rest"
    ] == pytest.approx(0)
    assert found.runs == 24 and found.exact
    means = {(p, v): m for p, v, m in found.means().rows()}
    assert means["symbol", "B"] == pytest.approx(12) and means["fast", "3"] == pytest.approx(8)
    assert found.frame()["parameters"][0] == "symbol"
    ElementTree.fromstring(found.plot().svg())
    assert "24 runs on a full grid of 2 x 3 x 2" in repr(found)
    alone = grid.importance("s", symbol="A")
    assert alone.shares["fast"] == pytest.approx(1)


def test_no_line_is_wider_than_80_columns(lake: Lake):
    long, wide = "threshold_of_the_regime_filter_when_markets_are_wild", "閾値"
    lake.save(
        [
            {
                "strategy": "with_a_name_that_says_all_about_the_strategy",
                "params": {long: a, wide: b, "x": c},
                "metrics": {"sharpe_ratio": a * (1 + b * c)},
            }
            for a, b, c in product(range(3), range(30), range(2))
        ]
    )
    text = repr(lake.importance("with_a_name_that_says_all_about_the_strategy"))
    lines = text.splitlines()
    assert max(map(columns_of, lines)) <= 80
    assert [columns_of(line[: line.index("%")]) for line in lines if "%" in line] == [59] * 7
    joined = "".join(line[2:].split("  ")[0] for line in lines)
    assert f"{long} x {wide}" in joined  # a name is folded, not cut
    assert f"mean by {wide}: 0 1.00, 1 1.50," in text and text.count(", ...\n") == 1
    assert any(line.endswith(", 6 4.00,") for line in lines)  # a value stands with its mean


def test_what_is_no_full_grid(grid: Lake):
    grid.save(
        strategy="s",
        symbol="A",
        params={"fast": 9, "deep": {"slow": 5}, "same": 1},
        metrics={"sharpe_ratio": 1.0},
    )
    found = grid.importance("s")
    assert not found.exact and next(iter(found.shares)) == "symbol"
    assert "25 runs on a part of a grid of 2 x 4 x 2" in repr(found)
    with pytest.raises(BadInput, match="13 runs that are no full grid are too few"):
        grid.importance("s", symbol="A")
    assert grid.importance("s", params={"fast<": 9}).runs == 24
    with pytest.raises(BadInput, match="no parameter differs"):
        grid.importance("s", symbol="A", params={"fast": 9})
    for asked in ({"metric": "sharp"}, {"metric": "cagr"}, {"symbol": "nope"}):
        with pytest.raises(LakeError):
            grid.importance("s", **asked)
    level = grid.importance("s", "mine", params={"fast<": 9})
    assert level.shares == {} and "full grid" in repr(level)


@pytest.mark.parametrize("seed", range(4))
def test_a_forest_of_a_grid_that_is_known_tells_what_is_exact(seed: int):
    """Every cell eight times, an additive response and a product: shares within a few percent."""
    rng = np.random.default_rng(seed)
    sizes = np.array([4, 3, 5])
    cells = 3 * rng.normal(size=(4, 1, 1)) + rng.normal(size=(1, 3, 1))
    cells = cells + 2 * rng.normal(size=(4, 1, 1)) * rng.normal(size=(1, 1, 5))
    places = np.tile(np.indices(sizes).reshape(3, -1).T, (8, 1))
    y = cells[tuple(places.T)]
    found, exact = forest(places, y, sizes), variance_shares(cells)
    assert found.shares.keys() == exact.keys()
    for axes, share in exact.items():
        assert found.shares[axes] == pytest.approx(share, abs=0.02), axes
    for axis, means in enumerate(found.means):
        others = tuple(n for n in range(3) if n != axis)
        assert means == pytest.approx(cells.mean(axis=others), abs=0.1 * np.ptp(cells))


def test_of_a_random_search(lake: Lake):
    rng = np.random.default_rng(2)
    stop, lots = rng.uniform(0, 1, 150), rng.integers(1, 9, 150)
    lake.save(
        [
            {"strategy": "r", "params": {"stop": round(s, 6), "lots": int(n), "name": "ab"[i % 2]},
             "metrics": {"sharpe_ratio": 3 * s + 0.1 * n}}
            for i, (s, n) in enumerate(zip(stop, lots, strict=True))
        ]
    )  # fmt: skip
    found = lake.importance("r")
    names = list(found.shares)
    assert not found.exact and names[:2] == ["stop", "lots"]
    truth = 9 / 12 / (9 / 12 + 0.01 * 63 / 12)  # variances of the uniform distributions
    assert found.shares["stop"] == pytest.approx(truth, abs=0.1)
    assert found.shares["name"] < 0.02
    means = found.means().filter(parameter="stop")
    assert means.height == 24 and " to " in means["value"][0]
    assert means["sharpe_ratio"].is_sorted() or means["sharpe_ratio"].arg_max() > 20
    assert repr(lake.importance("r")) == repr(found)
    drawn = found.parallel()
    tree = ElementTree.fromstring(drawn.svg())
    paths = tree.findall("{http://www.w3.org/2000/svg}path")
    assert len(paths) == 150 + 4  # a line a run, and the axes
    texts = [each.text for each in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"stop", "lots", "name", "sharpe", "a", "b"} <= set(texts)


def test_the_command(cli: Cli, tmp_path):
    said = cli("importance", "sma_cross", "--symbol", "SYNTH")
    assert said.code == 0 and "6 runs on a full grid of 2 x 3" in said.lines[0]
    lines = cli("importance", "sma_cross", "--symbol", "SYNTH", "-f", "csv").lines
    assert lines[0] == "parameters,share" and lines[1].startswith("fast,0.77")
    assert (
        cli("importance", "sma_cross", "--symbol", "SYNTH", "--plot", tmp_path / "i.svg").code == 0
    )
    lines = cli("importance", "sma_cross", "--symbol", "SYNTH", "--parallel", tmp_path / "p.svg")
    assert lines.code == 0 and lines.err.startswith("drew ") and not lines.out
    assert (
        cli("importance", "nope").code == 3 and cli("importance", "sma_cross", "-m", "x").code == 2
    )
