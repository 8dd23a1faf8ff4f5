"""`best` beside luck, and within a window of time: the same numbers as the whole report."""

from __future__ import annotations

import numpy as np
import pytest
from polars.testing import assert_frame_equal
from trials import document, save_moments, save_returns, seeded

from bt_lake.queries import stepping
from bt_lake.warehouse.errors import BadInput, UnknownName

FAST = {"splits": 2, "bootstraps": 1}
COLUMNS = ["run_id", "strategy", "bars", "total_trades", "start_at"]


def noise(rng, rows=120, trials=12):
    return rng.normal(0.0, 0.01, size=(rows, trials))


def first(lake, **asked):
    return lake.best("sharpe_ratio", 1, deflate=True, **asked).row(0, named=True)


def agrees(row, report):
    best, strict = report.best, report.best.deflated
    bonferroni = [one for one in best.adjusted if one.method == "bonferroni"]
    assert row["run_id"] == best.run_id
    assert row["sharpe_ratio"] == pytest.approx(best.sharpe_annual, rel=1e-12)
    assert row["dsr"] == pytest.approx(strict.dsr, rel=1e-9)
    if report.settings.bootstraps == 5000:
        assert row["p_luck"] == report.search.p
    assert row["expected_max_sharpe"] == pytest.approx(strict.expected_max_annual, rel=1e-12)
    left = bonferroni[0].haircut_sharpe_annual if bonferroni else None
    assert row["haircut_sharpe"] == (None if left is None else pytest.approx(left, abs=1e-9))


@pytest.mark.slow
@pytest.mark.parametrize("edge", [0.0, 0.005])
def test_best_is_the_best_of_the_report(lake, edge):
    ids = save_returns(lake, noise(seeded()) + edge, failed=3)
    lake.delete(ids[:2])
    agrees(first(lake), lake.overfit(strategy="s", **FAST))
    agrees(first(lake, family="all"), lake.overfit(**FAST))


@pytest.mark.slow
def test_filters_make_the_family_unless_it_is_named(lake):
    rng = seeded()
    returns = noise(rng, trials=6)
    returns += np.linspace(-0.002, 0.003, 6) - returns.mean(axis=0)  # some are below 0, some above
    save_returns(lake, returns, symbol="A", sweep="w", failed=1)
    with lake.batch() as batch:
        for _ in range(5):
            batch.save(document(rng.normal(0.0, 0.01, 120), strategy="other", symbol="A"))
    chosen = {"strategy": "s", "where": "sharpe_ratio > 0"}
    agrees(first(lake, **chosen), lake.overfit(**chosen, **FAST))
    by = {
        family: first(lake, family=family, **chosen)["expected_max_sharpe"]
        for family in ("strategy", "sweep", "symbol", "all")
    }
    assert by["strategy"] == pytest.approx(
        lake.overfit(strategy="s", **FAST).best.deflated.expected_max_annual
    )
    assert by["sweep"] == pytest.approx(
        lake.overfit(sweep="w", **FAST).best.deflated.expected_max_annual
    )
    assert by["symbol"] == pytest.approx(
        lake.overfit(symbol="A", **FAST).best.deflated.expected_max_annual
    )
    assert len({round(value, 9) for value in by.values()}) == 4


@pytest.mark.slow
def test_p_is_that_of_the_report(lake):
    """Of each trial in each family: filters, groups, windows, all trials of the strategy."""
    rng = seeded()
    save_returns(lake, noise(rng) + 0.003, symbol="A", params=[{"n": n} for n in range(12)])
    for n, column in enumerate(noise(rng, trials=5).T):
        lake.save(document(column, symbol="B", params={"n": n}))
    whole = {"splits": 2, "bootstraps": 5000}
    both, one = lake.overfit(**whole), lake.overfit(symbol="A", **whole)
    agrees(first(lake), both)
    agrees(first(lake, symbol="A"), one)
    agrees(first(lake, symbol="A", family="strategy"), both)
    rows = lake.best("sharpe_ratio", 99, deflate=True, symbol="A")
    p = dict(zip(rows["run_id"], rows["p_luck"], strict=True))
    assert {run_id: p[run_id] for run_id, _ in one.search.good} == dict(one.search.good)
    for row in lake.best("sharpe_ratio", 1, deflate=True, per="symbol").rows(named=True):
        agrees(row, lake.overfit(symbol=row["symbol"], **whole))
    window = {"start": day(20), "end": day(99)}
    agrees(first(lake, symbol="A", **window), lake.overfit(symbol="A", **window, **whole))


def test_p_of_a_large_family_without_curves_and_of_one_with_them(lake, monkeypatch):
    """The passes of an optimiser cost nothing; many curves would, and the note says where to ask."""
    monkeypatch.setattr(stepping, "MOST_TRIALS", 10)
    rng = seeded()
    with lake.batch() as batch:
        for place, ratio in enumerate(rng.normal(0.0, 0.07, 30)):
            told = {"sharpe_period": float(ratio), "n_returns": 500, "skew": -0.5, "kurtosis": 5.0}
            # One has a ratio alone, one nothing that could be compared, one of them failed.
            metrics = {"sharpe_ratio": 1.0} if place == 3 else {"total_return": 0.1}
            metrics = told if place > 4 else metrics
            batch.save(strategy="told", params={"n": place}, metrics=metrics, periods_per_year=252)
    report = lake.overfit(splits=2, strategy="told")
    rows = lake.best("sharpe_period", 99, deflate=True, strategy="told")
    p = dict(zip(rows["run_id"], rows["p_luck"], strict=True))
    assert p[report.best.run_id] == report.search.p
    assert {run_id: p[run_id] for run_id, _ in report.search.good} == dict(report.search.good)
    assert rows["p_luck"].drop_nulls().is_sorted()
    assert "bt-lake overfit" not in lake.ask.best("sharpe_ratio", deflate=True).note()
    save_returns(lake, noise(rng), strategy="drawn")
    answer = lake.ask.best("sharpe_ratio", deflate=True, family="strategy", strategy="drawn")
    assert answer.frame()["p_luck"].null_count() == 10
    assert "trials with curves: bt-lake overfit" in answer.note()


def test_a_family_is_asked_for_by_its_name_alone(lake):
    save_returns(lake, noise(seeded()))
    named = lake.best("sharpe_ratio", family="strategy")
    told = lake.best("sharpe_ratio", deflate=True, family="strategy")
    assert_frame_equal(named, told, rel_tol=1e-12)  # sums of several threads differ in the last bit
    assert named["dsr"].null_count() == 0


@pytest.mark.slow
def test_every_row_agrees_with_sql(lake):
    rng = seeded()
    with lake.batch() as batch:
        for _ in range(60):
            batch.save(document(rng.normal(0.0, 0.01, 90), strategy=f"s{rng.integers(3)}"))
    ours = {
        row["run_id"]: row
        for row in lake.best("calmar_ratio", 60, deflate=True, family="strategy").to_dicts()
    }
    for row in lake.sql("from deflated()").to_dicts():
        if row["run_id"] in ours:
            mine = ours[row["run_id"]]
            assert mine["dsr"] == pytest.approx(row["dsr"], rel=0, abs=1e-11)
            assert mine["expected_max_sharpe"] == pytest.approx(row["expected_max_sharpe"])


@pytest.mark.slow
def test_columns_and_groups(lake):
    rng = seeded()
    with lake.batch() as batch:
        for i in range(8):
            batch.save(document(rng.normal(0.0, 0.01, 90), symbol="AB"[i % 2]))
    found = lake.best("sharpe_ratio", per="symbol", deflate=True, columns=["run_id", "dsr", "bars"])
    added = ["p_luck", "dsr", "haircut_sharpe", "expected_max_sharpe"]
    assert found.columns == ["symbol", "rank", "dsr", "run_id", "bars"]
    assert found["symbol"].to_list() == ["A", "B"]
    assert lake.best("sharpe_ratio", deflate=True).columns[:6] == ["rank", "sharpe_ratio", *added]
    plain = lake.best("sharpe_ratio", deflate=True, columns=["run_id"])
    assert plain.columns == ["rank", *added, "run_id"]
    assert lake.best("sharpe_ratio", deflate=True, strategy="none").shape[0] == 0


@pytest.mark.parametrize(
    ("ratios", "n", "failed"),
    [([0.1], 500, 0), ([0.1], 500, 3), ([0.1, 0.1, 0.1], 500, 0), ([0.1, 0.2, 0.3], 11, 0)],
    ids=["one trial", "one ratio", "no spread", "few returns"],
)
def test_bad_families_get_no_number(lake, ratios, n, failed):
    save_moments(lake, ratios, n=n, failed=failed)
    for row in lake.best("sharpe_period", deflate=True).to_dicts():
        assert row["dsr"] is None
        assert (row["haircut_sharpe"] is None) == (n < 12 or len(ratios) + failed == 1)


def test_mistakes(lake):
    lake.save(strategy="s")
    with pytest.raises(UnknownName, match="no family 'sweeps'. Did you mean sweep"):
        lake.best("sharpe_ratio", deflate=True, family="sweeps")
    with pytest.raises(UnknownName, match="no metric 'sharp'"):
        lake.best("sharp", deflate=True)
    with pytest.raises(BadInput, match="win_rate does not follow from the equity curve"):
        lake.best("win_rate", start="2020-01-01")
    with pytest.raises(BadInput, match="the window is empty"):
        lake.best("sharpe_ratio", start="2020-01-02", end="2020-01-01")


# Windows


def day(number):
    return str(np.datetime64("2020-01-01") + number)


def test_a_window_ranks_by_what_happened_in_it(lake):
    returns = noise(seeded(), rows=200, trials=5)
    returns[:100, 0] += 0.02
    returns[100:, 1] += 0.02
    save_returns(lake, returns)
    early = lake.best("sharpe_ratio", 1, end=day(99), columns=COLUMNS).row(0, named=True)
    late = lake.best("sharpe_ratio", 1, start=day(100), columns=COLUMNS).row(0, named=True)
    assert (early["run_id"], early["bars"], str(early["start_at"])[:10]) == ("t000", 100, day(0))
    assert (late["run_id"], late["bars"], str(late["start_at"])[:10]) == ("t001", 100, day(100))


def test_window_metrics_are_those_of_a_run_that_is_no_longer(lake):
    """The curve cut by hand, its last earlier point as the capital, saved and ranked."""
    returns = noise(seeded(), rows=150, trials=1)[:, 0]
    lake.save(document(returns, run_id="whole"))
    lake.save(document(returns[50:120], run_id="part", strategy="cut"))
    windowed = lake.best("sharpe_ratio", start=day(50), end=day(119), strategy="s").row(
        0, named=True
    )
    part = lake.runs(strategy="cut").row(0, named=True)
    for name in (
        *("sharpe_ratio", "total_return", "max_drawdown", "volatility", "skew", "kurtosis"),
        *("ulcer_index", "var_95", "n_returns", "bars", "cagr", "sortino_ratio"),
    ):
        assert windowed[name] == pytest.approx(part[name], rel=1e-9), name


def test_a_window_leaves_out_trades_and_runs_without_equity(lake):
    save_returns(lake, noise(seeded(), trials=3))
    lake.save(strategy="s", run_id="reported", metrics={"sharpe_ratio": 9.0, "total_trades": 5})
    trade = {"entry_at": day(1), "exit_at": day(2), "pnl": 1.0}
    lake.save(document(noise(seeded(), trials=1)[:, 0], run_id="traded", trades=[trade]))
    found = lake.best("sharpe_ratio", 9, end=day(60))
    assert set(found["run_id"]) == {"t000", "t001", "t002", "traded"}
    assert found["total_trades"].null_count() == 4
    of_whole = lake.best("sharpe_ratio", end=day(60), min_trades=1, where="bars = 120")
    assert of_whole["run_id"].to_list() == ["traded"]
    assert lake.best("sharpe_ratio", start="2031-01-01").shape[0] == 0


@pytest.mark.slow
def test_a_deflated_window_is_the_report_of_the_window(lake):
    ids = save_returns(lake, noise(seeded(), rows=200) + 0.001, failed=2)
    lake.delete(ids[3])
    window = {"start": day(40), "end": day(159)}
    agrees(first(lake, **window), lake.overfit(**window, **FAST))
    agrees(first(lake, family="all", **window), lake.overfit(**window, **FAST))


# aggregate


@pytest.mark.slow
def test_aggregate_judges_each_group_as_the_report_does(lake):
    rng = seeded()
    with lake.batch() as batch:
        for _ in range(20):
            symbol = "AB"[rng.integers(2)]
            batch.save(document(rng.normal(0.001, 0.01, 90), symbol=symbol))
        batch.save(strategy="s", symbol="A", error="no data")
        batch.save(strategy="s", symbol="C", metrics={"sharpe_ratio": 1.0})
        batch.save(strategy="s", metrics={"sharpe_ratio": 1.0})
    lake.delete(lake.best("sharpe_ratio", 1, symbol="A")["run_id"].to_list())
    found = {row["symbol"]: row for row in lake.aggregate("symbol", deflate=True).to_dicts()}
    for symbol in "AB":
        report = lake.overfit(symbol=symbol, **FAST)
        strict = report.best.deflated
        assert found[symbol]["trials"] == report.counts.trials
        assert found[symbol]["dsr"] == pytest.approx(strict.dsr, rel=0, abs=1e-11)
        assert found[symbol]["expected_max_sharpe"] == pytest.approx(strict.expected_max_annual)
        assert found[symbol]["max"] == pytest.approx(report.best.sharpe_annual)
    for alone in ("C", None):
        assert (found[alone]["trials"], found[alone]["dsr"]) == (1, None)


def test_aggregate_by_two_labels_with_filters(lake):
    rng = seeded()
    with lake.batch() as batch:
        for i in range(24):
            cell = {"fast": i % 2, "slow": i}
            batch.save(document(rng.normal(0.0, 0.01, 60), params=cell, symbol="AB"[i // 12]))
    found = lake.aggregate(
        ["symbol", "param.fast"], "total_return", deflate=True, where="params->>'slow' < 20"
    )
    assert found["trials"].to_list() == found["runs"].to_list()
    assert found["trials"].sum() == 20
    assert found["dsr"].null_count() == 0
    assert "dsr" not in lake.aggregate("symbol").columns
