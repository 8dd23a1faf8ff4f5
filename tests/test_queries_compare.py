"""compare and run: runs side by side, and one in full."""

from __future__ import annotations

import statistics
from datetime import timedelta
from itertools import pairwise

import pytest

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput

pytest_plugins = ["golden_fixtures"]


def daily(points):
    """The last equity of each UTC day, and the returns between days."""
    closes = {ts.date(): value for ts, value in points}
    days = sorted(closes)
    return {b: closes[b] / closes[a] - 1 for a, b in pairwise(days)}


def test_what_differs_who_is_better_and_how_alike(golden):
    rows = [row for row in golden.rows if row["run_id"] in golden.curves][:4]
    found = golden.lake.compare(*(row["run_id"] for row in rows))
    assert found.ids == [row["run_id"] for row in rows]
    labels = {d.name: d.values for d in found.differences if d.section == "label"}
    for name in ("strategy", "symbol", "timeframe", "exit_rule", "engine", "tags", "status"):
        values = [row[name] for row in rows]
        if any(value != values[0] for value in values):
            assert labels[name] == values
        else:
            assert name not in labels
    params = {d.name: d.values for d in found.differences if d.section == "param"}
    assert params.get("fast", [rows[0]["params"]["fast"]] * 4) == [
        (row["params"] or {}).get("fast") for row in rows
    ]
    for name, better in {"sharpe_ratio": max, "volatility": min, "max_drawdown": max}.items():
        line = next(line for line in found.metrics if line.name == name)
        values = [row[name] for row in rows]
        assert line.values == values
        top = better(v for v in values if v is not None)
        assert line.best == [n for n, v in enumerate(values) if v == top]
    returns = [daily(golden.curves[row["run_id"]]) for row in rows]
    for i, one in enumerate(returns):
        for j, other in enumerate(returns):
            common = sorted(one.keys() & other.keys())
            if i == j:
                assert found.correlation[i][j] == 1
                continue
            assert found.overlap[i][j] == len(common)
            want = statistics.correlation([one[d] for d in common], [other[d] for d in common])
            assert found.correlation[i][j] == pytest.approx(want)
    frame = found.frame()
    assert frame.columns == ["section", "name", *found.ids]
    assert frame.height == len(found.differences) + len(found.metrics)
    lines = repr(found).splitlines()
    assert lines[1].split() == ["run", *(f"…{run_id[-8:]}" for run_id in found.ids)]
    assert len(lines) == 2 + frame.height + len(found.ids)
    best = next(line for line in found.metrics if line.name == "sharpe_ratio").best
    shown = next(line for line in lines if line.startswith("sharpe_ratio"))
    assert shown.count("*") == len(best)
    assert found._repr_html_().count("<tr>") == len(lines)


def test_equal_values_and_counts_mark_no_winner(golden):
    rows = golden.rows[:2]
    found = golden.lake.compare(*(row["run_id"] for row in rows))
    for line in found.metrics:
        if len(set(line.values)) == 1 or line.name == "total_trades":
            assert line.best == []


def test_compare_takes_two_different_runs(golden):
    run_id = golden.rows[0]["run_id"]
    with pytest.raises(BadInput, match="two different runs"):
        golden.lake.compare(run_id, run_id)


def test_too_few_common_days_give_no_correlation(tmp_path):
    lake = Lake(tmp_path / "lake")
    points = [("2026-01-01", 100.0), ("2026-01-02", 101.0), ("2026-01-05", 99.0)]
    a = lake.save(strategy="a", equity=points)
    b = lake.save(strategy="b", equity=points[:2])
    c = lake.save(strategy="c", equity=[(f"2026-01-0{n}", 100.0) for n in range(1, 8)])
    found = lake.compare(a, b, c)
    assert found.correlation[0][1] is None and found.overlap[0][1] == 1
    assert found.correlation[0][2] is None  # a constant one correlates with nothing


def test_one_run_in_full(golden):
    row = next(r for r in golden.rows if r["run_id"] in golden.trades and r["extra"])
    run = golden.lake.run(row["run_id"])
    assert run.params == row["params"]
    assert run.row["strategy"] == row["strategy"]
    assert run.row["created_at"] == row["created_at"].replace(tzinfo=None)
    assert run.metrics["my_score"] == row["extra"]["my_score"]
    assert run.metrics["total_trades"] == row["total_trades"]
    assert None not in run.metrics.values()
    assert run.equity.height == len(golden.curves[row["run_id"]])
    assert run.trades.height == len(golden.trades[row["run_id"]])
    text, html = repr(run), run._repr_html_()
    for shown in (row["run_id"], row["strategy"], "my_score", "total_trades"):
        assert shown in text and shown in html


def test_names_are_escaped_in_html(tmp_path):
    lake = Lake(tmp_path / "lake")
    run_id = lake.save(strategy="<b>x</b>", params={"<i>": "&"}, metrics={"sharpe_ratio": 1.0})
    html = lake.run(run_id)._repr_html_()
    assert "<b>" not in html and "<i>" not in html and "&lt;i&gt;" in html


def test_where_reported_and_computed_differ(tmp_path):
    lake = Lake(tmp_path / "lake")
    points = [("2026-01-01", 100.0), ("2026-01-02", 110.0), ("2026-01-05", 121.0)]
    run_id = lake.save(
        strategy="a",
        equity=points,
        initial_capital=100.0,
        metrics={"total_return": 0.25, "max_drawdown": 0.0, "final_equity": 121.001},
    )
    assert lake.run(run_id).disagreements == [("total_return", 0.25, pytest.approx(0.21))]
    bare = lake.save(strategy="a", metrics={"total_return": 0.25})
    assert lake.run(bare).disagreements == []


def test_a_failed_run_shows_its_error(golden):
    row = next(row for row in golden.rows if row["status"] == "failed")
    run = golden.lake.run(row["run_id"])
    assert "ZeroDivisionError" in repr(run)
    assert timedelta(0) == run.row["created_at"] - row["created_at"].replace(tzinfo=None)


def test_many_runs_are_a_row_each_named_by_what_sets_them_apart(tmp_path):
    lake = Lake(tmp_path / "lake")
    curve = {"ts": ["2024-01-01", "2024-01-02", "2024-01-03"], "equity": [1.0, 1.1, 1.05]}
    runs = [
        {"strategy": "s", "params": {"fast": n, "slow": 9, "x": {"y": n % 2}}, "equity": curve}
        for n in range(20)
    ]
    found = lake.compare(lake.save(runs))
    assert found.heads[3] == "fast=3 x.y=1"
    lines = repr(found).splitlines()
    assert len(lines) == 21 and max(map(len, lines)) <= 100
    assert lines[4].startswith("fast=3 x.y=1") and "run_id" not in lines[0]
    drawn = found.plot().svg()
    assert "fast=3 x.y=1" in drawn and "8 more are not drawn" in drawn
    assert drawn in found._repr_html_()


def test_runs_that_nothing_sets_apart_are_named_by_their_ids(tmp_path):
    lake = Lake(tmp_path / "lake")
    ids = lake.save([{"strategy": "s", "params": {"a": 1}}, {"strategy": "s", "params": {"a": 1}}])
    found = lake.compare(ids)
    assert found.heads == [f"…{run_id[-8:]}" for run_id in ids]
    long = lake.save([{"strategy": "s", "params": {"a": "v" * 50 + str(n)}} for n in range(2)])
    heads = lake.compare(long).heads
    assert len(set(heads)) == 2 and max(map(len, heads)) <= 24


def test_many_runs_correlate_as_few_do(golden, monkeypatch):
    ids = [row["run_id"] for row in golden.rows]
    few = golden.lake.compare(ids)
    monkeypatch.setattr("bt_lake.queries.comparing._IN_SQL", 0)
    many = golden.lake.compare(ids)
    assert many.overlap == few.overlap
    for one, other in zip(few.correlation, many.correlation, strict=True):
        for a, b in zip(one, other, strict=True):
            assert b == (None if a is None else pytest.approx(a, abs=1e-12))
