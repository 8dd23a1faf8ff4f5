"""equity, trades and monthly returns: right, and read from few files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from factory import frames

from bt_lake.lake import Lake
from bt_lake.queries import curves
from bt_lake.queries.livefiles import LiveFiles
from bt_lake.warehouse.errors import NotFound

pytest_plugins = ["golden_fixtures"]


def with_curve(golden):
    return [row for row in golden.rows if row["run_id"] in golden.curves]


def drawdowns(points, capital):
    peak, found = capital or 0.0, []
    for _, value in points:
        peak = max(peak, value)
        found.append(value / peak - 1)
    return found


def test_curves_are_as_saved_with_their_drawdown(golden):
    rows = with_curve(golden)
    found = golden.lake.equity([row["run_id"] for row in rows])
    assert found.columns == [
        "run_id", "ts", "equity", "cash", "exposure", "benchmark", "drawdown",
    ]  # fmt: skip
    assert found["run_id"].n_unique() == len(rows)
    assert found["run_id"].is_sorted()
    for row in rows:
        points = golden.curves[row["run_id"]]
        mine = found.filter(found["run_id"] == row["run_id"])
        assert list(zip(mine["ts"], mine["equity"], strict=True)) == points
        want = drawdowns(points, row["initial_capital"])
        assert mine["drawdown"].to_list() == pytest.approx(want, abs=1e-15)


@pytest.mark.slow
def test_a_frame_is_what_the_rows_are(tmp_path):
    """Of several files and row groups, of a capital above the curve, of a curve below 0, of none."""
    lake = Lake(tmp_path / "lake")
    rng = np.random.default_rng(3)
    ts = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(34_000)]
    runs = [
        {"strategy": "s", "equity": {"ts": ts, "equity": 100 + np.cumsum(rng.normal(0, 9, 34_000))}}
    ]
    runs += [
        {"strategy": "s", "initial_capital": 500.0,
         "equity": {"ts": ts[:30], "equity": rng.uniform(-50, 200, 30), "benchmark": rng.uniform(1, 2, 30)}}
        for _ in range(5)
    ]  # fmt: skip
    ids = lake.save(runs + runs)
    lake.compact()
    ids += lake.save([*runs[1:], {"strategy": "s", "metrics": {"sharpe_ratio": 1.0}}])
    ids += [
        lake.save(strategy="s", initial_capital=5.0, equity={"ts": ts[:2], "equity": [-1.0, 9.0]})
    ]
    for asked in (ids, ids[:1], ids[-2:-1], ids[-1:], ids[::-2]):
        answer = lake.ask.equity(asked)
        frame = answer.frame()
        rows = [(run, at.replace(tzinfo=None), *more) for run, at, *more in frame.rows()]
        assert rows == answer.rows()
        assert frame.schema["drawdown"] == pl.Float64 and frame.schema["run_id"] == pl.String


def months(points, capital, zone):
    """Month ends in the curve's own time zone, chained from the base."""
    ends: dict = {}
    for ts, value in points:
        ends[ts.astimezone(zone).date().replace(day=1)] = value
    base, found = capital or points[0][1], []
    for month, value in sorted(ends.items()):
        found.append((month, pytest.approx(value / base - 1)))
        base = value
    return found


@pytest.mark.slow
def test_monthly_returns_count_in_the_curves_own_time_zone(golden):
    for row in with_curve(golden)[:20]:
        zone = ZoneInfo(row["time_zone"]) if row["time_zone"] else UTC
        want = months(golden.curves[row["run_id"]], row["initial_capital"], zone)
        assert golden.lake.run(row["run_id"]).monthly == want
        view = golden.lake.sql(
            'select month, "return" from monthly_returns where run_id = $id order by 1',
            id=row["run_id"],
        )
        assert view.rows() == want


def test_trades_are_as_saved(golden):
    rows = [row for row in golden.rows if row["run_id"] in golden.trades]
    found = golden.lake.trades([row["run_id"] for row in rows])
    assert len(found) == sum(len(golden.trades[row["run_id"]]) for row in rows)
    for row in rows:
        mine = found.filter(found["run_id"] == row["run_id"]).to_dicts()
        assert [{name: t[name] for name in t if t[name] is not None} for t in mine] == [
            {"run_id": row["run_id"], **trade} for trade in golden.trades[row["run_id"]]
        ]


def test_the_view_agrees(golden):
    run_id = with_curve(golden)[0]["run_id"]
    view = golden.lake.sql("from equity where run_id = $id order by ts", id=run_id)
    assert view.equals(golden.lake.equity(run_id))


def test_deleted_runs_have_no_curve_to_give(golden):
    hidden = next(
        row["run_id"]
        for row in golden.trials
        if row["deleted_at"] and row["run_id"] in golden.curves
    )
    with pytest.raises(NotFound):
        curves.equity(golden.lake.reader, [hidden]).rows()
    with pytest.raises(NotFound, match="is deleted"):
        golden.lake.equity(hidden)


def test_a_run_without_points_gives_none(golden):
    bare = next(row["run_id"] for row in golden.rows if row["run_id"] not in golden.curves)
    assert golden.lake.equity(bare).is_empty()
    assert golden.lake.run(bare).monthly == []


@pytest.fixture
def many(tmp_path) -> tuple[Lake, list[list[str]]]:
    """Two files of maintenance and three commits, each of its own range of ids."""
    lake = Lake(tmp_path / "lake")
    groups = [[f"{letter}{n}" for n in range(3)] for letter in "abcde"]
    for group in groups[:2]:
        lake.store.append(frames(run_ids=group))
        lake.store.compact()
    paths = lake.sql("select path from lake_files where table_name = 'equity'")["path"]
    assert len(paths) == 1  # small ones were merged
    for group in groups[2:]:
        lake.store.append(frames(run_ids=group))
    return lake, groups


def files_read(lake: Lake, table: str, ids: list[str]) -> int:
    def question(connection):
        live = LiveFiles.of(connection)
        commits = connection.execute(
            "select distinct commit_id from trials where list_contains($ids, run_id)", {"ids": ids}
        ).fetchall()
        return len(live.holding(table, ids, {row[0] for row in commits}))

    return lake.reader.ask(question)


def test_one_curve_is_read_from_one_file(many):
    lake, groups = many
    assert lake.sql("select count(*) from lake_files where table_name = 'equity'").item() == 4
    for group in groups:
        for run_id in group:
            assert files_read(lake, "equity", [run_id]) == 1
            assert lake.equity(run_id).height == 5
            assert lake.trades(run_id).height == 2
    assert files_read(lake, "equity", [groups[2][0], groups[4][1]]) == 2
    assert files_read(lake, "trades", [i for group in groups for i in group]) == 4
    assert files_read(lake, "equity", ["zzz"]) == 0


def test_files_of_maintenance_are_chosen_by_their_range():
    live = LiveFiles("root", False, {"equity": [("m1", None, "a", "c"), ("m2", None, "d", "f")]})
    assert live.holding("equity", ["b"]) == ["m1"]
    assert live.holding("equity", ["d", "x"]) == ["m2"]
    assert live.holding("equity", ["c", "d"]) == ["m1", "m2"]
    assert live.holding("equity", ["cc", "0", "g"]) == []
    assert live.holding("equity", []) == []


@pytest.mark.parametrize("group", [0, 4])
def test_duckdb_opens_one_file(many, group):
    lake, groups = many

    def explained(connection) -> str:
        query = curves.equity(lake.reader, groups[group][:1]).plan(connection)
        plan = connection.execute(f"explain analyze {query.sql}", dict(query.values))
        return plan.fetchall()[0][1]

    plan = lake.reader.ask(explained)
    assert "Total Files Read: 1 " in plan and plan.count("Total Files Read") == 1


@pytest.mark.slow
def test_curves_follow_their_runs_through_compaction_and_deletion(many):
    lake, groups = many
    lake.delete(groups[3][0])
    before = lake.equity(groups[3][1:])
    lake.compact(grace_s=0)
    assert lake.equity(groups[3][1:]).equals(before)
    lake.restore(groups[3][0])
    assert lake.equity(groups[3][0]).is_empty()  # compaction dropped it, the summary stayed
