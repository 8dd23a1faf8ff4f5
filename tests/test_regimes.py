"""Runs by regime: each against the same returns taken by hand."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from cli_lake import Cli

from bt_lake.lake import Lake
from bt_lake.queries.regimes import NUMBERS
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

pytest_plugins = ["cli_fixtures"]
DAYS = [datetime(2019, 11, 1, tzinfo=UTC) + timedelta(days=n) for n in range(600)]


def walk(seed: int, spread: float | np.ndarray = 0.01) -> np.ndarray:
    return 1000 * np.cumprod(1 + np.random.default_rng(seed).normal(0.0003, spread, len(DAYS)))


WILD = np.where(np.arange(len(DAYS)) // 150 % 2, 0.02, 0.005)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, list[str]]:
    lake = Lake(tmp_path_factory.mktemp("regimes") / "lake")
    curve = {"ts": DAYS, "equity": walk(1), "benchmark": walk(2, WILD)}
    ids = [
        lake.save(strategy="s", equity=curve, periods_per_year=365),
        lake.save(strategy="s", equity={"ts": DAYS, "equity": walk(3)}, periods_per_year=365),
        lake.save(strategy="s", metrics={"sharpe_ratio": 1.0}),
    ]
    return lake, ids


def returns(values: np.ndarray) -> np.ndarray:
    return np.diff(values) / values[:-1]


def expected(r: np.ndarray) -> dict[str, float]:
    growth = np.r_[1.0, np.cumprod(1 + r)]
    return {
        "total_return": np.prod(1 + r) - 1,
        "volatility": r.std(ddof=1) * 365**0.5,
        "sharpe_ratio": r.mean() / r.std(ddof=1) * 365**0.5,
        "sortino_ratio": r.mean() / np.sqrt(np.mean(np.minimum(r, 0) ** 2)) * 365**0.5,
        "max_drawdown": min(growth / np.maximum.accumulate(growth)) - 1,
        "worst_period": r.min(),
    }


def test_years_are_those_of_windows(made):
    lake, ids = made
    frame = lake.regimes(ids[:2])
    assert frame["run_id"].to_list() == [ids[0]] * 3 + [ids[1]] * 3
    assert frame["regime"].to_list() == ["2019", "2020", "2021"] * 2
    assert frame["share"].to_list()[:3] == pytest.approx([60 / 599, 366 / 599, 173 / 599])
    for row in frame.to_dicts():
        best = lake.best("sharpe_ratio", start=f"{row['regime']}-01-01", end=f"{row['regime']}-12-31")  # fmt: skip
        (window,) = best.filter(run_id=row["run_id"]).to_dicts()
        assert {n: row[n] for n in NUMBERS} == pytest.approx(
            {n: window[n] for n in NUMBERS}, rel=1e-9
        )
    assert lake.regimes(ids[2]).height == 0


@pytest.mark.parametrize("named", [False, True])
def test_thirds_of_how_wild_the_benchmark_was(made, named: bool):
    lake, ids = made
    frame = lake.regimes(ids[int(named)], by="volatility", benchmark=ids[0] if named else None)
    b = returns(walk(1) if named else walk(2, WILD))
    r = returns(walk(3 if named else 1))
    spread = np.array([b[n - 20 : n + 1].std(ddof=1) for n in range(20, b.size)])
    low, high = np.quantile(spread, [1 / 3, 2 / 3])
    parts = {
        "calm": spread <= low,
        "middle": (spread > low) & (spread <= high),
        "wild": spread > high,
    }
    assert frame["regime"].to_list() == list(parts)
    for row, which in zip(frame.to_dicts(), parts.values(), strict=True):
        assert row["returns"] == which.sum()
        assert {n: row[n] for n in NUMBERS} == pytest.approx(expected(r[20:][which]), rel=1e-9)


def test_spans_of_your_own(made, tmp_path):
    lake, ids = made
    file = tmp_path / "regimes.csv"
    file.write_text(
        "name,from,to\ncovid,2020-02-20,2020-04-30\nquiet,2019-11-01,2019-12-31\n"
        "covid,2020-10-01,2020-10-31\nlater,2031-01-01,2031-02-01\n"
    )
    frame = lake.regimes(ids[0], spans=file)
    assert frame["regime"].to_list() == ["covid", "quiet", "later"]
    r, day = returns(walk(1)), np.array([each.date() for each in DAYS[1:]])
    covid = ((day >= date(2020, 2, 20)) & (day <= date(2020, 4, 30))) | (
        (day >= date(2020, 10, 1)) & (day <= date(2020, 10, 31))
    )
    first, _, later = frame.to_dicts()
    assert {n: first[n] for n in NUMBERS} == pytest.approx(expected(r[covid]), rel=1e-9)
    assert later["returns"] == 0 and [later[n] for n in NUMBERS] == [None] * 6
    spans = pl.read_csv(file, try_parse_dates=True)
    assert lake.regimes(ids[0], spans=spans).equals(frame)


def test_what_cannot_be_told_says_why(made, tmp_path):
    lake, ids = made
    with pytest.raises(UnknownName, match="no way 'month'"):
        lake.regimes(ids[0], by="month")
    with pytest.raises(NotFound, match="no benchmark in its curve"):
        lake.regimes(ids[1], by="volatility")
    file = tmp_path / "regimes.csv"
    for text, said in (
        ("from,to\n2020-01-01,2020-02-01\n", "has no column name"),
        ("from,to,name\nsoon,2020-02-01,x\n", "the column from of .* has no dates"),
        ("from,to,name\n2020-03-01,2020-02-01,x\n", "row 1 of .*, x, ends before it begins"),
        ("from,to,name\n2020-03-01,2020-04-01,\n", "no row with from, to and name"),
    ):
        file.write_text(text)
        with pytest.raises(BadInput, match=said):
            lake.regimes(ids[0], spans=file)
    with pytest.raises(BadInput, match="there is no file"):
        lake.regimes(ids[0], spans=tmp_path / "none.csv")


def test_the_command(cli: Cli, tmp_path):
    rows = list(csv.DictReader(io.StringIO(cli("regimes", "07", "-f", "csv").out)))
    assert [(row["regime"], row["returns"]) for row in rows] == [("2024", "4")]
    assert float(rows[0]["total_return"]) == pytest.approx(0.21)
    file = tmp_path / "regimes.csv"
    file.write_text("from,to,name\n2024-02-01,2024-02-01,late\n")
    said = cli("regimes", "07", "--by-regime", file)
    assert said.code == 0 and said.lines[1].split()[:2] == ["late", "1"]
    assert cli("regimes", "07", "--by-regime", tmp_path / "none.csv").code == 2
    assert cli("regimes", "07", "--by", "volatility").code == 3


def test_the_command_says_why_there_is_none(made, cli: Cli):
    lake, ids = made
    said = cli("--lake", lake.path, "regimes", ids[2])
    assert said.code == 3 and "no equity curve" in said.err
    said = cli("--lake", lake.path, "show", ids[2], "--more")
    assert said.code == 0 and "no equity curve and no trades" in said.err


def test_show_tells_more(cli: Cli):
    said = cli("show", "07", "--more", "--rf", "0.03")
    assert said.code == 0 and "Returns, risk-free rate 3.0% a year" in said.out
    found = json.loads(cli("show", "07", "--more", "-f", "json").out)
    assert found["rf"] == 0 and found["payoff_ratio"] == pytest.approx(10 / 4.5)
    assert [each["season"] for each in found["seasons"] if each["by"] == "month"] == ["Jan", "Feb"]
    assert cli("show", "07", "--rf", "0.03").code == 2
