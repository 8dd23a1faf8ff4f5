"""aggregate and sweep."""

from __future__ import annotations

import statistics

import pytest
from plainly import number, param, text, value_of

from bt_lake.warehouse.errors import BadInput, UnknownName

pytest_plugins = ["golden_fixtures"]


def quantile(values, q):
    """Linear between the two nearest."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def label(row, name):
    if name.startswith("param."):
        value = param(row, name.removeprefix("param."))
        return value if name == "param.fast" else text(value)  # mode holds more than numbers
    if name == "month":
        return row["created_at"].date().replace(day=1)
    if name == "day":
        return row["created_at"].date()
    return row[name]


@pytest.mark.parametrize(
    "by",
    [["strategy"], ["symbol", "timeframe"], ["param.fast"], ["param.mode"], ["month"], ["day"],
     ["month", "exit_rule"], ["status"]],
)  # fmt: skip
@pytest.mark.parametrize("metric", ["sharpe_ratio", "total_trades", "my_score", "param.slow"])
def test_aggregate_is_what_statistics_gives(golden, by, metric):
    groups: dict = {}
    for row in golden.rows:
        groups.setdefault(tuple(label(row, name) for name in by), []).append(row)
    found = golden.lake.aggregate(by, metric, quantiles=(0.1, 0.975), above=0.5)
    assert found.columns == [
        *by, "runs", "failed", "n", "mean", "median", "std", "min", "max", "q10", "q97_5",
        "share_above",
    ]  # fmt: skip
    assert len(found) == len(groups)
    for row in found.to_dicts():
        members = groups[tuple(row[name] for name in by)]
        values = [v for r in members if (v := number(text(value_of(r, metric)))) is not None]
        assert row["runs"] == len(members)
        assert row["failed"] == sum(r["status"] == "failed" for r in members)
        assert row["n"] == len(values)
        if not values:
            assert row["mean"] is None and row["share_above"] is None
            continue
        assert row["mean"] == pytest.approx(statistics.fmean(values))
        assert row["median"] == pytest.approx(statistics.median(values))
        assert (row["min"], row["max"]) == (min(values), max(values))
        assert row["q10"] == pytest.approx(quantile(values, 0.1))
        assert row["q97_5"] == pytest.approx(quantile(values, 0.975))
        assert row["share_above"] == pytest.approx(statistics.fmean(v > 0.5 for v in values))
        if len(values) > 1:
            assert row["std"] == pytest.approx(statistics.stdev(values))


def test_groups_come_best_median_first_and_periods_in_time(golden):
    medians = golden.lake.aggregate("strategy", "sharpe_ratio")["median"].to_list()
    assert medians == sorted(medians, reverse=True)
    medians = golden.lake.aggregate("strategy", "volatility")["median"].to_list()
    assert medians == sorted(medians)
    days = golden.lake.aggregate(["day", "strategy"])["day"].to_list()
    assert days == sorted(days)


@pytest.mark.parametrize("how", ["mean", "median", "min", "max", "std", "count"])
@pytest.mark.parametrize("metric", ["sharpe_ratio", "my_score"])
@pytest.mark.parametrize("y", [None, "slow", "symbol"])
def test_sweep_is_what_statistics_gives(golden, how, metric, y):
    cells: dict = {}
    for row in golden.rows:
        x, other = param(row, "fast"), 0 if y is None else value_of(row, axis(y))
        if row["strategy"] != "sma_cross" or x is None or other is None:
            continue
        value = value_of(row, metric)
        cells.setdefault((x, other), []).extend([] if value is None else [value])
    grid = golden.lake.sweep("sma_cross", "fast", y, metric, how=how)
    compute = {
        "mean": statistics.fmean, "median": statistics.median, "min": min, "max": max,
        "std": statistics.stdev, "count": len,
    }[how]  # fmt: skip
    fewest = {"std": 2, "count": 0}.get(how, 1)
    want = [
        (*([x] if y is None else [x, other]),
         pytest.approx(compute(v)) if len(v) >= fewest else None, len(v))
        for (x, other), v in sorted(cells.items())
    ]  # fmt: skip
    assert grid.rows == want
    assert grid.runs == sum(map(len, cells.values()))
    assert grid.columns == ["param.fast", *([axis(y)] if y else []), metric, "runs"]
    assert grid.frame().rows() == grid.rows
    assert grid.frame().columns == grid.columns
    assert grid.xs == [5, 10, 15]
    pivot = grid.pivot()
    if y is None:
        assert pivot == [[row[1]] for row in grid.rows]
    else:
        flat = {(x, v): pivot[i][j] for i, x in enumerate(grid.xs) for j, v in enumerate(grid.ys)}
        assert {k: v for k, v in flat.items() if v is not None} == {
            row[:2]: row[2] for row in grid.rows if row[2] is not None
        }
    assert grid.pivot_frame().height == len(grid.xs)


def axis(name):
    return name if name == "symbol" else f"param.{name}"


def test_fixing_a_parameter_narrows_a_sweep_and_names_what_is_mixed(golden):
    grid = golden.lake.sweep("sma_cross", "fast", "slow")
    assert {"symbol", "timeframe", "exit_rule", "param.mode"} <= set(grid.mixed)
    assert not {"param.fast", "param.slow"} & set(grid.mixed)
    fixed = golden.lake.sweep("sma_cross", "fast", params={"slow": 50}, symbol="AAPL")
    assert not {"symbol", "param.slow"} & set(fixed.mixed)
    assert fixed.runs == sum(
        param(row, "slow") == 50 and row["symbol"] == "AAPL" and row["strategy"] == "sma_cross"
        and row["sharpe_ratio"] is not None for row in golden.rows
    )  # fmt: skip


def test_a_sweep_of_nothing_says_why(golden):
    grid = golden.lake.sweep("sma_cros", "fast")
    assert (grid.rows, grid.xs, grid.pivot()) == ([], [], [])
    assert "Did you mean sma_cross" in grid.note
    assert grid.frame().is_empty() and grid.pivot_frame().is_empty()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda lake: lake.aggregate("stratgy"), UnknownName),
        (lambda lake: lake.aggregate([]), BadInput),
        (lambda lake: lake.aggregate("strategy", "sharp"), UnknownName),
        (lambda lake: lake.aggregate("strategy", quantiles=[1.5]), BadInput),
        (lambda lake: lake.sweep("sma_cross", "fats"), UnknownName),
        (lambda lake: lake.sweep("sma_cross", "fast", "fast"), BadInput),
        (lambda lake: lake.sweep("sma_cross", "fast", metric="sharp"), UnknownName),
        (lambda lake: lake.sweep("sma_cross", "fast", how="avg"), UnknownName),
    ],
)
def test_mistakes_are_named(golden, call, error):
    with pytest.raises(error):
        call(golden.lake)


def test_a_quantile_of_any_size_has_a_name_and_none_comes_twice(golden):
    frame = golden.lake.aggregate("strategy", quantiles=(1e-7, 0.025, 0.5, 0.5))
    assert [name for name in frame.columns if name.startswith("q")] == ["q1e-05", "q2_5", "q50"]
    assert frame["q50"].to_list() == frame["median"].to_list()
    assert golden.lake.aggregate(["strategy", "strategy"]).columns.count("strategy") == 1


def test_a_sweep_reads_names_with_dots_and_slashes(lake):
    for value in (1, 2):
        params = {"a.b": value, "c": {"d": 10 * value}, "e/f~g": "x"}
        lake.save(strategy="s", params=params, metrics={"sharpe_ratio": value})
    assert lake.sweep("s", "a.b", "c.d").rows == [(1, 10, 1.0, 1), (2, 20, 2.0, 1)]
    assert lake.sweep("s", "e/f~g").rows == [("x", 1.5, 2)]
    assert lake.sweep("s", "e/f~g", "strategy").rows == [("x", "s", 1.5, 2)]
