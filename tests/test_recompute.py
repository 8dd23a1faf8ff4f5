"""Runs of an older version's definitions, computed again: equal to fresh saves, and resumable."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bt_lake
from bt_lake.queries import recomputing
from bt_lake.warehouse.rules import broken_rules
from bt_lake.warehouse.scan import Scan
from bt_lake.warehouse.schema import arrow_schema
from bt_lake.warehouse.store import Store

NAMES = (*recomputing._REVISED, "run_id", "reported", "extra", "metrics_from")
OLD = {"cagr": 99.0, "calmar_ratio": 99.0, "exposure": 1.0, "win_rate": 0.1, "total_trades": 77}


def runs(count: int, seed: int = 1) -> list[dict]:
    rng = np.random.default_rng(seed)
    made = []
    for n in range(count):
        equity = 100 * np.cumprod(1 + rng.normal(0, 0.01, 40))
        days = np.datetime64("2024-01-01") + np.arange(40)
        deal = {"entry_at": "2024-01-02", "exit_at": "2024-01-09"}
        run = {"strategy": "s", "run_id": f"r{n:06}", "params": {"n": n}}
        run["metrics"] = {"sharpe_ratio": 9.0, "own": float(n)}
        if n % 4:
            run["equity"] = {"ts": days.tolist(), "equity": equity.tolist()}
        if n % 3 == 0:
            run["initial_capital"] = 100.0
        if n % 5 == 0:
            run["periods_per_year"] = 200
        if n % 2:
            run["trades"] = [{**deal, "pnl": 5.0}, {**deal, "pnl": -1.0 if n % 7 else None}]
        if n % 11 == 0:
            run["metrics"]["win_rate"] = 0.3
        made.append(run)
    return made


def spoilt(store: Store) -> None:
    """The runs as an older version left them: other numbers, no version, no params_hash."""
    for path in store.path.glob("runs/month=*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        for name, value in OLD.items():
            place = table.column_names.index(name)
            computed = [n is not None for n in table["total_trades"].to_pylist()]
            if name in ("cagr", "calmar_ratio"):
                computed = [v is not None for v in table[name].to_pylist()]
            old = [
                value if mine else v
                for v, mine in zip(table[name].to_pylist(), computed, strict=True)
            ]
            table = table.set_column(
                place, table.field(name), pa.array(old, table.field(name).type)
            )
        pq.write_table(table.drop_columns(["definitions", "params_hash"]), path)


def rows(lake: bt_lake.Lake) -> list[tuple]:
    names = ", ".join(f'"{name}"' for name in NAMES if name != "reported")
    return lake.sql(f"select {names}, reported::varchar from trials order by run_id").rows()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:trades without")
def test_recomputed_runs_are_those_of_fresh_saves(tmp_path):
    fresh, old = (bt_lake.open(tmp_path / name) for name in ("fresh", "old"))
    for lake in (fresh, old):
        for start in range(0, 60, 20):
            lake.save(runs(60)[start : start + 20])
    spoilt(old.store)
    assert rows(old) != rows(fresh)
    assert any("params_hash" in f.message for f in broken_rules(Scan(old.store.layout)))
    assert old.store.ask(recomputing.outdated) == 45
    assert old.recompute() == 60
    assert rows(old) == rows(fresh)
    assert old.check().findings == []
    assert old.store.ask(recomputing.outdated) == old.recompute() == 0
    assert fresh.recompute() == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:trades without")
def test_it_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(recomputing, "RUNS_AT_ONCE", 10)
    monkeypatch.setattr(recomputing, "compact", lambda layout: None)
    fresh, old = (bt_lake.open(tmp_path / name) for name in ("fresh", "old"))
    for lake in (fresh, old):
        for start in range(0, 40, 10):
            lake.save(runs(40)[start : start + 10])
    spoilt(old.store)

    class Stopped(Exception):
        pass

    def stop(done: int) -> None:
        if done == 20:
            raise Stopped

    with pytest.raises(Stopped):
        recomputing.recompute(old.store.layout, progress=stop)
    assert old.recompute() == 20
    assert rows(old) == rows(fresh)


def test_a_weekend_that_made_365_periods_is_none_and_what_was_given_stays(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    days = np.arange(300) // 5 * 7 + np.arange(300) % 5
    days = np.append(days, [days[-1] + 1, days[-1] + 2])
    ts = (np.datetime64("2024-01-01") + days).tolist()
    equity = (100 + np.arange(302) % 7).tolist()
    for given in (None, 365, 300):
        lake.save(strategy="s", equity={"ts": ts, "equity": equity}, periods_per_year=given)
    asked = "select periods_per_year from runs order by created_at"
    assert lake.sql(asked).rows() == [(252,), (365,), (300,)]
    for path in lake.path.glob("runs/month=*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        pq.write_table(table.drop_columns(["definitions"]), path)
    assert lake.recompute() == 3
    # A 365 that was given cannot be told from one that the weekend made.
    assert lake.sql(asked).rows() == [(252,), (252,), (300,)]


def test_what_a_source_means_otherwise_leaves_the_column(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    for engine in ("vectorbt", "mine"):
        lake.save(strategy="s", engine=engine, metrics={"sharpe_ratio": 2.0, "win_rate": 0.5})
    for path in lake.path.glob("runs/month=*/*.parquet"):
        table = pq.read_table(path, partitioning=None).drop_columns(["definitions"])
        old = pa.array([2.0] * len(table), pa.float64())
        if "sharpe_ratio" in table.column_names:
            table = table.drop_columns(["sharpe_ratio"])
        pq.write_table(table.append_column(arrow_schema("runs").field("sharpe_ratio"), old), path)
    asked = "select sharpe_ratio, win_rate, reported['sharpe_ratio'] from runs order by engine"
    assert lake.sql(asked).rows() == [(2.0, 0.5, 2.0), (2.0, 0.5, 2.0)]
    assert lake.store.ask(recomputing.outdated) == 1
    assert lake.recompute() == 2
    assert lake.sql(asked).rows() == [(2.0, 0.5, 2.0), (None, 0.5, 2.0)]


@pytest.mark.filterwarnings("ignore:2 files have not the bytes")
@pytest.mark.parametrize("given", ["0" * 32, None])
def test_a_hash_that_a_writer_of_this_version_got_wrong_is_written(tmp_path, given):
    lake = bt_lake.open(tmp_path / "lake")
    for n in range(2):
        lake.save(strategy="s", params={"a": n}, metrics={"sharpe_ratio": 1.0})
    for path in lake.path.glob("runs/month=*/*.parquet"):
        table = pq.read_table(path, partitioning=None)
        place = table.column_names.index("params_hash")
        field = table.schema.field("params_hash")
        wrong = pa.array([given] * len(table), field.type)
        pq.write_table(table.set_column(place, field, wrong), path)
    assert lake.recompute() == 2 and lake.recompute() == 0
    assert lake.lookup(strategy="s", params={"a": 1}).height == 1
