"""What a batch takes in run by run is what single saves would have made of it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
from polars.testing import assert_frame_equal

import bt_lake
from bt_lake.ingest import times

DAYS = np.array(["2024-01-02", "2024-01-03", "2024-01-04"], "datetime64[us]")
TRADE = {"entry_at": "2024-01-02", "exit_at": "2024-01-03", "pnl": 5.0}
DOCUMENTS = [
    {"strategy": "bare"},
    {"strategy": "curve", "equity": {"ts": DAYS, "equity": np.array([100.0, 99.0, 103.0])}},
    {
        "strategy": "cash",
        "equity": {"ts": DAYS[:2], "equity": [100.0, 101.0], "cash": [40.0, np.nan]},
        "tags": ["q4"],
        "total_trades": 7,
    },
    {"strategy": "trades", "trades": [TRADE, {**TRADE, "side": "short", "bars_held": 4}]},
    {"strategy": "signed", "trades": [{**TRADE, "quantity": -2, "exit_reason": "stop"}]},
    {"strategy": "no trades", "trades": [], "metrics": {"sharpe_ratio": 1.5, "my_score": 3}},
    {"strategy": "failed", "error": "no data", "created_at": "2024-05-01", "params": {"n": 1}},
]


def test_a_batch_holds_what_single_saves_hold(tmp_path):
    single, batched = bt_lake.open(tmp_path / "single"), bt_lake.open(tmp_path / "batched")
    for number, document in enumerate(DOCUMENTS):
        single.save({**document, "run_id": f"run-{number}"})
    with batched.batch() as batch:
        for number, document in enumerate(DOCUMENTS):
            batch.save({**document, "run_id": f"run-{number}"})
    assert batch.saved == [f"run-{number}" for number in range(len(DOCUMENTS))]
    for table in ("runs", "equity", "trades"):
        frames = [lake.sql(f"select * from {table} order by all") for lake in (single, batched)]
        theirs = {"created_at", "ingested_at", "commit_id"} & set(frames[0].columns)
        assert_frame_equal(*[frame.drop(theirs) for frame in frames], check_exact=True)
    assert batched.sql("from runs where strategy = 'failed'")["created_at"][0] == datetime(
        2024, 5, 1, tzinfo=UTC
    )


def test_what_is_changed_after_a_save_stays_as_it_was_saved(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    buffer, params, trades = np.array([100.0, 101.0, 102.0]), {"n": 1}, [dict(TRADE)]
    with lake.batch() as batch:
        run_id = batch.save(strategy="a", equity=(buffer, DAYS), params=params, trades=trades)
        buffer[:] = 7.0
        params["n"] = 2
        trades[0]["pnl"] = -9.0
        trades.clear()
    run = lake.run(run_id)
    assert run.equity["equity"].to_list() == [100.0, 101.0, 102.0]
    assert run.params == {"n": 1}
    assert run.trades["pnl"].to_list() == [5.0]


def test_runs_of_a_batch_were_made_when_they_were_saved(tmp_path):
    lake = bt_lake.open(tmp_path / "lake")
    with lake.batch() as batch:
        before = datetime.now(UTC)
        batch.save(strategy="a")
        between = datetime.now(UTC)
        batch.save(strategy="b")
    made = dict(lake.sql("select strategy, created_at from runs").rows())
    assert before <= made["a"] <= between <= made["b"]


def test_datetimes_are_read_together_as_they_are_one_by_one():
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    zones = [None, UTC, ZoneInfo("America/New_York"), timezone(timedelta(hours=-3, seconds=7))]
    values: list[datetime | None] = [
        (datetime(1700, 1, 2) + timedelta(microseconds=chance.randrange(10**16))).replace(
            tzinfo=chance.choice(zones), fold=chance.randrange(2)
        )
        for _ in range(1000)
    ]
    values.insert(chance.randrange(1000), None)
    together, problems = times.parse(values)
    assert not problems
    alone = [times.NONE if value is None else times.one(value) for value in values]
    assert together.tolist() == alone, f"seed {seed}"


def test_a_number_among_datetimes_is_no_time():
    _, problems = times.parse([datetime(2024, 1, 2), 5])
    assert problems == [(1, "5 is not a time")]
