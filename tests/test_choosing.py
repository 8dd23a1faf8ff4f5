"""The best by several metrics at once: fronts, scores, periods, and runs that are not the same bet."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from cli_lake import Cli
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bt_lake.lake import Lake
from bt_lake.metrics.choosing import front, ranks, z_scores
from bt_lake.queries.choosing import terms
from bt_lake.warehouse.errors import BadInput, UnknownName

pytest_plugins = ["cli_fixtures"]
matrices = st.tuples(st.integers(0, 40), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-5, 5).map(float))
)


@given(matrices)
def test_the_front_is_what_nothing_dominates(values: np.ndarray):
    kept = front(values)
    for place, row in enumerate(values):
        beaten = any((other >= row).all() and (other > row).any() for other in values)
        assert kept[place] == (not beaten)


@given(matrices)
def test_ranks_share_the_mean_of_equals(values: np.ndarray):
    found = ranks(values)
    for column, given_ in zip(found.T, values.T, strict=True):
        for place, value in zip(column, given_, strict=True):
            below, same = (given_ < value).sum(), (given_ == value).sum()
            expected = (below + (same - 1) / 2) / (len(given_) - 1) if len(given_) > 1 else 0.5
            assert place == pytest.approx(expected)


def test_z_scores_are_of_numpy_and_0_where_nothing_differs():
    values = np.c_[np.arange(5.0), np.ones(5)]
    found = z_scores(values)
    assert found[:, 0] == pytest.approx((values[:, 0] - 2) / np.std(values[:, 0], ddof=1))
    assert (found[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sharpe_ratio", [(1, "sharpe_ratio")]),
        ("2*sharpe_ratio + calmar_ratio", [(2, "sharpe_ratio"), (1, "calmar_ratio")]),
        (" - .5 * a b - 3*param.fast ", [(-0.5, "a b"), (-3, "param.fast")]),
        ("my-score + x", [(1, "my-score"), (1, "x")]),
    ],
)
def test_a_score_is_a_sum(text: str, expected: list):
    assert terms(text) == expected


@pytest.mark.parametrize("text", ["", "2**a", "a b * c", "a +", "*", "2*"])
def test_what_is_no_sum(text: str):
    with pytest.raises(BadInput, match="write weights and metrics"):
        terms(text)


@pytest.fixture
def made(lake: Lake) -> Lake:
    table = [
        (1.0, -0.3, 1),
        (2.0, -0.2, 2),
        (3.0, -0.4, 3),
        (1.5, -0.1, 4),
        (2.0, -0.2, 5),
        (None, -0.01, 6),
    ]
    lake.save(
        [
            {
                "strategy": "s",
                "params": {"n": n},
                "metrics": {"sharpe_ratio": s, "max_drawdown": d, "mine": -n},
            }
            for s, d, n in table
        ]
    )
    return lake


def test_pareto(made: Lake):
    frame = made.best(pareto=["sharpe_ratio", "max_drawdown"])
    assert frame["sharpe_ratio"].to_list() == [3.0, 2.0, 2.0, 1.5]  # equal ones are all there
    assert frame["rank"].to_list() == [1, 2, 3, 4]
    assert made.best(pareto=["sharpe_ratio", "mine"], n=2).height == 2
    assert made.best(pareto=["sharpe", "max dd"], columns="run_id", params={"n>": 3}).columns == [
        "rank",
        "run_id",
    ]


def test_scores(made: Lake):
    frame = made.best(score="2*sharpe_ratio + max_drawdown", columns=["sharpe_ratio", "param.n"])
    # ranks of sharpe: 1: 0, 1.5: 1/4, 2: 2.5/4 each, 3: 1; of drawdown: -.4: 0, -.3: 1/4, -.2: 2.5/4, -.1: 1
    assert frame["param.n"].to_list() == [3, 2, 5, 4, 1]
    assert frame["score"].to_list() == pytest.approx([2, 1.875, 1.875, 1.5, 0.25])
    z = made.best(None, 1, score="sharpe_ratio", over="z", columns=["sharpe_ratio"])
    assert z["score"].item() == pytest.approx((3 - 1.9) / np.std([1, 2, 3, 1.5, 2], ddof=1))
    less = made.best(score="volatility - sharpe_ratio")
    assert less.height == 0
    assert made.best(score="0 * mine - mine", columns=["mine"])["mine"][0] == -6


def test_more_is_better_in_every_term(lake: Lake):
    lake.save(
        [{"strategy": "s", "metrics": {"volatility": v, "sharpe_ratio": 1.0}} for v in (0.1, 0.3)]
    )
    assert lake.best(score="volatility", columns=["volatility"])["volatility"].to_list() == [
        0.1,
        0.3,
    ]
    assert lake.best(pareto=["volatility", "sharpe_ratio"])["volatility"].to_list() == [0.1]


def test_only_one_way_to_rank(made: Lake):
    for asked in (
        {},
        {"metric": "cagr", "score": "cagr"},
        {"pareto": ["cagr", "sharpe_ratio"], "score": "cagr"},
        {"pareto": ["cagr", "sharpe_ratio"], "per": "symbol"},
        {"pareto": ["cagr", "sharpe_ratio"], "deflate": True},
        {"pareto": ["cagr"]},
        {"pareto": ["cagr", "cagr"]},
    ):
        with pytest.raises(BadInput):
            made.best(**asked)
    with pytest.raises(UnknownName, match="no metric 'sharp'. Did you mean"):
        made.best(score="2*sharp")
    with pytest.raises(UnknownName, match="There are ranks, z"):
        made.best(score="cagr", over="x")


def test_the_command(cli: Cli):
    said = cli("best", "--pareto", "sharpe_ratio,my_score", "--symbol", "SYNTH")
    assert said.code == 0 and "6 of 6 trials" in said.err  # the one falls as the other rises
    assert said.lines[0].split()[-1] == "my_score"
    rows = list(
        csv.DictReader(
            io.StringIO(cli("best", "--score", "sharpe_ratio", "-n", "2", "-f", "csv").out)
        )
    )
    assert [row["score"] for row in rows] == ["1.0", str(5 / 6)]
    assert "score" in cli("best", "--score", "sharpe_ratio + my_score", "-n", "2").lines[0]
    assert cli("best").code == 2 and cli("best", "cagr", "--score", "cagr").code == 2
