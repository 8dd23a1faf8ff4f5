"""The best by several metrics at once: fronts, scores, periods, and runs that are not the same bet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import numpy as np
import pytest
from cli_lake import Cli
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bt_lake.lake import Lake
from bt_lake.metrics.choosing import front, ranks, z_scores
from bt_lake.queries.choosing import terms
from bt_lake.queries.stability import SUMMARY
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

pytest_plugins = ["cli_fixtures"]
DAYS = [datetime(2019, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(900)]
matrices = st.tuples(st.integers(0, 40), st.integers(1, 3)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-5, 5).map(float))
)


@given(matrices)
def test_the_front_is_what_nothing_dominates(values: np.ndarray):
    kept = front(values)
    for place, row in enumerate(values):
        beaten = any((other >= row).all() and (other > row).any() for other in values)
        assert kept[place] == (not beaten)


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def curves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str], list[np.ndarray]]:
    """Runs 0 to 3: 1 is nearly 0, 2 and 3 are their own; 4 has no curve; better as they go down."""
    lake = Lake(tmp_path_factory.mktemp("choosing") / "lake")
    draw = np.random.default_rng(7)
    first = draw.normal(0.0030, 0.01, 900)
    moves = [
        first,
        first + draw.normal(-0.0005, 0.002, 900),
        *(draw.normal(m, 0.01, 900) for m in (0.001, 0.0004)),
    ]
    made = [1000 * np.cumprod(1 + each) for each in moves]
    runs = [
        {
            "strategy": "s",
            "params": {"n": n},
            "equity": {"ts": DAYS, "equity": each},
            "periods_per_year": 365,
        }
        for n, each in enumerate(made)
    ]
    runs.append({"strategy": "s", "params": {"n": 4}, "metrics": {"sharpe_ratio": 99.0}})
    return lake, lake.save(runs), made


def test_stability_is_the_metric_of_each_window(curves):
    lake, ids, _equity = curves
    frame = lake.stability(ids[:4])
    assert frame.columns == ["run_id", *SUMMARY, "2019", "2020", "2021"]
    assert frame["run_id"].to_list() == ids[:4]
    for year in ("2019", "2020", "2021"):
        windowed = lake.best(
            "sharpe_ratio", 4, start=f"{year}-01-01", end=f"{year}-12-31", params={"n<": 4}
        )
        same = dict(windowed.select("run_id", "sharpe_ratio").iter_rows())
        assert dict(frame.select("run_id", year).iter_rows()) == pytest.approx(same)
    values = frame.select("2019", "2020", "2021").to_numpy()
    for row, found in zip(values, frame.to_dicts(), strict=True):
        assert (found["periods"], found["above_0"]) == (3, pytest.approx((row > 0).mean()))
        assert found["worst"] == row.min()
        assert found["ahead"] == pytest.approx((row > np.median(values, axis=0)).mean())
        order = np.argsort(np.argsort(row))
        assert found["trend"] == pytest.approx(np.corrcoef(order, [0, 1, 2])[0, 1])


def test_stability_by_other_periods_and_of_what_has_no_curve(curves):
    lake, ids, _ = curves
    quarters = lake.stability(ids[0], "max_drawdown", by="quarter")
    assert quarters.columns[6:8] == ["2019-Q1", "2019-Q2"] and quarters["above_0"].item() == 0
    risk = lake.stability(ids[:3], "volatility", by="month")
    assert risk["worst"][0] == max(v for v in risk.row(0)[6:] if v is not None)
    none = lake.stability([ids[0], ids[4]])
    assert none.row(1)[1:] == (0, None, None, None, None, None, None, None)
    assert lake.stability(strategy="s", n=2).height == 2
    with pytest.raises(BadInput, match="win_rate does not follow from a part of the curve"):
        lake.stability(ids[0], "win_rate")
    with pytest.raises(UnknownName, match="There are year, quarter, month"):
        lake.stability(ids[0], by="decade")


def test_picked_runs_are_not_the_same_bet(curves):
    lake, ids, equity = curves
    returns = [each[1:] / each[:-1] - 1 for each in equity]
    alike = np.corrcoef(returns)
    assert alike[0, 1] > 0.9 and abs(alike[0, 2]) < 0.2
    frame = lake.pick("sharpe_ratio", 3)
    assert frame["run_id"].to_list() == [ids[0], ids[2], ids[3]]
    assert frame["correlation"].to_list() == [
        None,
        pytest.approx(alike[0, 2]),
        pytest.approx(max(alike[0, 3], alike[2, 3])),
    ]
    assert lake.pick(max_correlation=1.0)["run_id"].to_list() == ids[:4]
    assert lake.pick(max_correlation=-1.0)["run_id"].to_list() == ids[:1]
    assert lake.pick(n=1, params={"n": 1})["run_id"].to_list() == [ids[1]]
    with pytest.raises(NotFound):
        lake.pick(strategy="nope")
    with pytest.raises(BadInput, match="from -1 to 1"):
        lake.pick(max_correlation=50)


def test_stability_and_pick_on_the_command_line(cli: Cli):
    said = cli("stability", "07")
    assert said.code == 0 and said.lines[0].split()[-1] == "2024"
    assert (
        cli("stability", "07", "-f", "csv")
        .lines[0]
        .startswith("run_id,periods,above_0,ahead,worst,trend,2024")
    )
    assert cli("stability", "07", "--symbol", "X").code == 2
    rows = list(csv.DictReader(io.StringIO(cli("pick", "-f", "csv").out)))
    assert [row["run_id"][-2:] for row in rows] == ["07"]
    assert (
        cli("pick", "--max-correlation", "2").code == 2 and cli("pick", "--symbol", "no").code == 3
    )


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


def test_the_front_is_drawn_in_a_colour_of_its_own(cli: Cli, tmp_path):
    lake = Lake(cli.lake)
    best = set(lake.best(pareto=["sharpe_ratio", "total_trades"], n=99)["run_id"])
    tree = ElementTree.fromstring(lake.front("sharpe_ratio", "total_trades").svg())
    dots = list(tree.iter("{http://www.w3.org/2000/svg}circle"))
    assert sum(dot.get("class") == "bt-f-s2" for dot in dots) == len(best) < len(dots)
    file = tmp_path / "front.svg"
    assert cli("best", "--pareto", "sharpe_ratio,total_trades", "--plot", file).code == 0
    assert ElementTree.parse(file).getroot() is not None
    for wrong in (["best", "sharpe_ratio"], ["best", "--pareto", "sharpe_ratio,cagr,volatility"]):
        said = cli(*wrong, "--plot", file)
        assert said.code == 2 and "--plot draws the front of two metrics" in said.err


def test_stability_by_fold_is_of_configurations_out_of_sample(tmp_path):
    lake = Lake(tmp_path / "lake")
    sharpes = {
        (1, "b"): 1.0,
        (1, "a"): 2.0,
        (1, "c"): -1.0,
        (2, "a"): 3.0,
        (2, "c"): 0.5,
        (3, "a"): -2.0,
    }
    ids = {}
    for (n, fold), value in sharpes.items():
        run = {
            "strategy": "w",
            "params": {"n": n},
            "fold": fold,
            "start_at": DAYS["bac".index(fold) * 90],
        }
        lake.save(**run, sample="in", metrics={"sharpe_ratio": 9.0})
        lake.save(**run, sample="out", metrics={"sharpe_ratio": 8.0})
        ids[n] = lake.save(
            **run, sample="out", metrics={"sharpe_ratio": value}
        )  # the newest counts
    lake.save(strategy="w", metrics={"sharpe_ratio": 7.0})
    frame = lake.stability(by="fold", strategy="w", n=2)
    assert frame.columns == ["run_id", *SUMMARY, "b", "a", "c"]
    assert frame["run_id"].to_list() == [ids[2], ids[1]]
    first, second = frame.to_dicts()
    assert (first["a"], first["b"], first["c"]) == (3.0, None, 0.5) and first["above_0"] == 1.0
    assert (second["b"], second["a"], second["c"]) == (1.0, 2.0, -1.0)
    assert second["above_0"] == pytest.approx(2 / 3) and second["worst"] == -1.0
    assert lake.stability(ids[3], by="fold")["a"].to_list() == [-2.0]
    with pytest.raises(NotFound, match="no run out of sample has a fold"):
        lake.stability(by="fold", strategy="nope")
