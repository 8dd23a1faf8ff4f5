"""A line in one's own script: save, batch, record."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results import POINTS, TRADE, document

from bt_lake.ingest import batch
from bt_lake.ingest.batch import Batch
from bt_lake.ingest.recording import record
from bt_lake.ingest.run import Run
from bt_lake.ingest.saving import save
from bt_lake.warehouse import files
from bt_lake.warehouse.errors import BadInput, Duplicate, UnknownName
from bt_lake.warehouse.schema import SAME_RUN
from bt_lake.warehouse.store import Store


def test_save_gives_the_id(store, rows):
    run_id = save(store, document())
    assert rows("select run_id, strategy, metrics_from from runs") == [
        (run_id, "sma_cross", "curve")
    ]


def test_save_takes_columns_by_name(store, rows):
    series = pd.Series([1.0, 2.0], pd.DatetimeIndex(["2024-01-02", "2024-01-03"], tz="Asia/Tokyo"))
    save(store, strategy="s", equity=series, params={"fast": np.int64(10)})
    assert rows("select strategy, bars, time_zone, params from runs") == [
        ("s", 2, "Asia/Tokyo", '{"fast":10}')
    ]


def test_what_the_caller_says_wins(store, rows):
    save(store, document(), symbol="MSFT", timeframe=None)
    save(store, Run("a", symbol="A"), symbol="B")
    assert rows("select strategy, symbol from runs order by 1") == [
        ("a", "B"),
        ("sma_cross", "MSFT"),
    ]


def test_several_runs_are_one_commit(store, rows):
    ids = save(store, [document(), Run("b"), {"strategy": "c"}], sweep="grid")
    assert len(ids) == len(set(ids)) == 3
    assert rows("select count(*), count(distinct commit_id), any_value(sweep) from runs") == [
        (3, 1, "grid")
    ]
    assert save(store, [Run("one")]) != save(store, [Run("one")])


def test_a_bad_run_leaves_the_lake_as_it_was(store):
    with pytest.raises(BadInput, match="symbol: {} is not text"):
        save(store, [document(), document(symbol={})])
    assert not store.layout.exists


@pytest.mark.parametrize("obj", [17, "stats", object(), np.zeros(3), [17]])
def test_what_cannot_be_saved_is_said(store, obj):
    with pytest.raises(BadInput, match=r"cannot save a .*: give an engine's result"):
        save(store, obj)


def test_a_series_of_another_name_is_told_how_returns_go_in(store):
    days = pd.date_range("2024-01-01", periods=3)
    with pytest.raises(BadInput, match=r"say which, equity=\.\.\. or returns=\.\.\."):
        save(store, pd.Series([0.01, -0.02, 0.0], days, name="pnl"))
    save(store, pd.Series([0.01, -0.02, 0.0], days, name="returns"), strategy="s")


def test_no_runs_is_an_error(store):
    with pytest.raises(BadInput, match="the list is empty"):
        save(store, [])
    with pytest.raises(BadInput, match="strategy is missing"):
        save(store)


def test_an_id_of_ones_own_is_used_once(store, rows):
    assert save(store, document(), run_id="mine") == "mine"
    with pytest.raises(Duplicate, match="run mine is in the lake already"):
        save(store, document(), run_id="mine")
    assert rows("select count(*) from runs") == [(1,)]


def test_unique_refuses_the_same_configuration(store, rows):
    run_id = save(store, document(), unique=True)
    with pytest.raises(Duplicate, match=f"run {run_id} has the same strategy"):
        save(store, document(), unique=True)
    save(store, document(params={"fast": 11}), unique=True)
    assert rows("select count(*) from runs") == [(2,)]


def test_a_batch_is_few_commits(store, rows, monkeypatch):
    monkeypatch.setattr(batch, "MOST_RUNS", 4)
    with Batch(store) as runs:
        ids = [runs.save(document(), symbol=str(n)) for n in range(9)]
        runs.save(strategy="bare", metrics={"own": 1})
        assert len(runs.saved) == 8
    assert runs.saved[:9] == ids
    assert rows("select count(*), count(distinct commit_id) from runs") == [(10, 3)]
    assert rows("select count(*) from equity") == [(27,)]


def test_a_bad_run_does_not_spoil_a_batch(store, rows):
    with Batch(store) as runs:
        runs.save(document())
        with pytest.raises(BadInput):
            runs.save(document(symbol={}))
        runs.save(document())
    assert rows("select count(*) from runs") == [(2,)]


@pytest.mark.parametrize("stop", [ZeroDivisionError, KeyboardInterrupt])
def test_a_batch_that_is_stopped_keeps_what_is_finished(store, rows, monkeypatch, stop):
    monkeypatch.setattr(batch, "MOST_RUNS", 2)
    with pytest.raises(stop) as raised, Batch(store) as runs:
        for _ in range(3):
            runs.save(document())
        raise stop
    assert raised.value.__notes__ == ["bt-lake: of this batch 3 runs are saved"]
    assert rows("select count(*) from runs") == [(3,)]


def test_a_batch_of_all_or_nothing_keeps_nothing(store, rows, monkeypatch):
    monkeypatch.setattr(batch, "MOST_RUNS", 2)
    with pytest.raises(ZeroDivisionError) as raised, Batch(store, all_or_nothing=True) as runs:
        for _ in range(3):
            runs.save(document())
        raise ZeroDivisionError
    said = "bt-lake: of this batch 0 runs are saved, 3 are dropped"
    assert (raised.value.__notes__, store.layout.exists) == ([said], False)
    save(store, document(), run_id="mine")
    with (
        pytest.raises(Duplicate, match="in the lake already; none of these 2 runs is saved"),
        Batch(store, all_or_nothing=True) as runs,
    ):
        runs.save(document(), run_id="other")
        runs.save(document(), run_id="mine")
    assert rows("select run_id from runs") == [("mine",)]
    with Batch(store, all_or_nothing=True) as runs:
        for _ in range(3):
            runs.save(document())
    assert rows("select count(*), count(distinct commit_id) from runs") == [(4, 2)]


def test_a_finished_run_of_a_batch_does_not_wait_for_ever(store, rows, monkeypatch):
    with Batch(store) as runs:
        runs.save(document())
        runs.save(document())
        assert not runs.saved
        monkeypatch.setattr(batch, "MOST_S", 0)
        runs.save(document())
        assert rows("select count(*) from runs") == [(3,)]


@pytest.mark.slow
def test_a_batch_stopped_at_any_step_of_a_commit_saves_each_run_once(tmp_path, monkeypatch):
    steps: list[str] = []
    monkeypatch.setattr(files, "on_step", steps.append)
    with Batch(Store(tmp_path / "whole")) as runs:
        runs.save(document())
    assert len(set(steps)) > 5
    for number, at in enumerate(sorted(set(steps))):
        lake = Store(tmp_path / f"lake{number}")
        left = [at]

        def stop(name: str, left: list[str] = left) -> None:
            if left == [name]:
                left.clear()
                raise KeyboardInterrupt

        monkeypatch.setattr(files, "on_step", stop)
        with pytest.raises(KeyboardInterrupt) as raised, Batch(lake) as runs:
            runs.save(document())
            runs.save(document())
            runs.flush()
        assert raised.value.__notes__ == ["bt-lake: of this batch 2 runs are saved"], at
        question = "select count(*), count(distinct run_id) from lake_rows"
        assert lake.ask(lambda c: c.execute(question).fetchall()) == [(2, 2)], at  # noqa: B023


def test_a_list_is_saved_whole_or_not_at_all(store, rows):
    save(store, document(symbol="A"))
    for twice in ({"unique": True}, {"run_id": "mine"}):
        if "run_id" in twice:
            save(store, document(), **twice)
            runs = [document(run_id="mine"), document(run_id="new")]
            given = {}
        else:
            runs, given = [document(), document(), document(symbol="B")], twice
        before = rows("select count(*) from runs")
        with pytest.raises(Duplicate, match=f"none of these {len(runs)} runs is saved"):
            save(store, runs, **given)
        assert rows("select count(*) from runs") == before


def test_a_batch_looks_for_ids_of_ones_own(store, rows):
    save(store, document(), run_id="mine")
    with (
        pytest.raises(Duplicate, match="run mine is in the lake already; the other 1 are saved"),
        Batch(store) as runs,
    ):
        runs.save(document(), run_id="mine")
        runs.save(document(), run_id="new")
    assert runs.saved == ["new"]
    assert rows("select count(*) from runs") == [(2,)]


def test_an_id_is_once_in_a_batch(store, rows):
    with Batch(store) as runs:
        runs.save(document(), run_id="mine")
        with pytest.raises(Duplicate, match="run mine is in this batch already"):
            runs.save(document(), run_id="mine")
        with pytest.raises(Duplicate, match="run two is in this batch already"):
            runs.save([document(run_id="two"), document(run_id="two")])
        runs.save(document())
    assert len(runs.saved) == 2
    assert rows("select count(*) from runs") == [(2,)]


def test_no_runs_are_no_commit(store, rows):
    with Batch(store) as runs:
        with pytest.raises(BadInput, match="the list is empty"):
            runs.save([])
        runs.save(document())
    assert rows("select count(*) from runs") == [(1,)]


def test_record_keeps_the_result_and_the_time(store, rows):
    with record(store, strategy="s", params={"fast": 10}) as run:
        run.result = document(strategy=None, params=None)
        run.set(symbol="MSFT")
    assert rows("select run_id, strategy, symbol, params, status, error from runs") == [
        (run.run_id, "s", "MSFT", '{"fast":10}', "ok", None)
    ]
    assert rows("select duration_s between 0 and 60, created_at <= now() from runs") == [
        (True, True)
    ]


def test_record_keeps_a_failure_and_lets_it_go_on(store, rows):
    with pytest.raises(ZeroDivisionError), record(store, strategy="s", equity=POINTS) as run:
        1 / 0  # noqa: B018
    assert rows("select run_id, status, split(error, chr(10))[1], duration_s >= 0 from runs") == [
        (run.run_id, "failed", "ZeroDivisionError: division by zero", True)
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [({"symbl": "A"}, "Did you mean symbol"), ({"params": {"f": object()}}, "params.f is of type")],
)
def test_record_checks_what_is_given_before_the_body_begins(store, columns, message):
    began = False
    with pytest.raises(BadInput, match=message), record(store, strategy="s", **columns):
        began = True
    assert not began


def test_a_recording_in_another_keeps_both(store, rows):
    with pytest.raises(KeyboardInterrupt), record(store, strategy="outer"):
        with pytest.raises(ValueError), record(store, strategy="inner"):
            raise ValueError
        raise KeyboardInterrupt
    assert rows("select strategy, status, error[:10] from runs order by 1") == [
        ("inner", "failed", "ValueError"),
        ("outer", "failed", "KeyboardIn"),
    ]


def test_record_does_not_hide_the_error_when_it_cannot_save(store):
    with pytest.raises(ZeroDivisionError) as raised, record(store, symbol="no strategy"):
        1 / 0  # noqa: B018
    assert "could not record the failed run: strategy is missing" in raised.value.__notes__[0]


def test_misspelt_columns_are_refused(store):
    with pytest.raises(UnknownName, match="Did you mean strategy"):
        save(store, stratgy="s")
    with pytest.raises(UnknownName, match="Did you mean symbol"):
        save(store, document(), symbl="A")


texts = st.none() | st.text(max_size=8)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
moments = st.datetimes(datetime(1700, 1, 2), datetime(2299, 12, 30), timezones=st.just(UTC))
trades = st.lists(
    st.fixed_dictionaries({"symbol": texts, "pnl": numbers, "entry_at": st.none() | moments}),
    max_size=3,
).map(lambda deals: [{**deal, "exit_at": deal["entry_at"]} for deal in deals])
curves = st.lists(st.tuples(moments, st.floats(1, 1e9)), min_size=1, unique_by=lambda p: p[0])


@pytest.mark.slow
@given(
    symbol=texts, notes=texts, duration=st.none() | st.floats(0, 1e9), made=moments,
    tags=st.lists(st.text(min_size=1, max_size=5), unique=True), curve=st.none() | curves,
    deals=st.none() | trades, own=st.dictionaries(st.text(max_size=5).filter(str.strip), numbers, max_size=3),
)  # fmt: skip
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_what_is_saved_is_what_is_read(
    store, symbol, notes, duration, made, tags, curve, deals, own
):
    run_id = save(
        store, strategy="s", symbol=symbol, notes=notes, duration_s=duration, created_at=made,
        tags=tags, equity=curve, trades=deals, extra=own,
    )  # fmt: skip

    def read(connection, sql: str) -> list[dict]:
        return connection.sql(sql, params=[run_id]).to_arrow_table().to_pylist()

    def question(connection):
        return [
            read(connection, "from runs where run_id = ?"),
            read(connection, "select ts, equity from lake_curves where run_id = ? order by ts"),
            read(connection, "from lake_trade_rows where run_id = ? order by trade_no"),
        ]

    (row,), points, found = store.ask(question)
    assert (row["symbol"], row["notes"], row["duration_s"]) == (symbol, notes, duration)
    assert (row["created_at"], row["tags"] or []) == (made, tags)
    assert dict(row["extra"] or []) == own
    assert [(point["ts"], point["equity"]) for point in points] == sorted(curve or [])
    names = ("symbol", "pnl", "entry_at", "exit_at")
    assert [{name: trade[name] for name in names} for trade in found] == (deals or [])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"strategy": ["a"]}, r"strategy: \['a'\] is not text"),
        ({"error": 5j}, "error: 5j is not text"),
        ({"tags": [["a"]]}, r"tags: \['a'\] is not text"),
        ({"metrics": {"": 1}}, "metrics has a number without a name"),
        ({"metrics": {"score": "1.5"}}, 'metrics.score: "1.5" is not a number but text: give it'),
        ({"created_at": "01/02/2024"}, 'created_at: "01/02/2024" is not a time; write 2024-01-02'),
        ({"equity": {"ts": [], "Equity": []}}, "Did you mean equity. Rename it to ts, equity, "),
    ],
)
def test_an_error_names_column_and_remedy(store, columns, message):
    with pytest.raises(BadInput, match=message):
        save(store, **{"strategy": "s", **columns})


def test_tags_of_a_set_have_one_order(store, rows):
    save(store, strategy="s", tags={"c", "a", "b"})
    assert rows("select tags from runs") == [(["a", "b", "c"],)]


def test_trades_of_a_document_are_read(store, rows):
    save(store, document(trades=[TRADE, TRADE]))
    assert rows("select trade_no, side, pnl from trades order by 1") == [
        (1, "long", 9.5), (2, "long", 9.5)
    ]  # fmt: skip


def test_what_the_caller_adds_joins_what_the_engine_reported(store, rows):
    run = Run("sma", metrics={"sharpe_ratio": 1.0}, params={"fast": 10})
    save(store, run, metrics={"my_score": 7.5}, params={"slow": 50})
    assert rows("select sharpe_ratio, extra['my_score'], params from runs") == [
        (1.0, 7.5, '{"fast":10,"slow":50}')
    ]


def test_an_impossible_number_of_an_engine_is_left_out_and_stays_reported(store, rows):
    save(store, Run("sma", engine="vectorbt", metrics={"avg_loss": 5.0, "win_rate": 0.5}))
    assert rows("select avg_loss, win_rate, reported['avg_loss'] from runs") == [(None, 0.5, 5.0)]
    with pytest.raises(BadInput, match="avg_loss"):
        save(store, Run("sma", metrics={"avg_loss": 5.0}))


def test_a_curve_that_is_thinned_out_tells_no_timeframe(store, rows):
    curve = [(f"2024-01-{day:02}", 100.0 + day) for day in range(1, 20)]
    save(store, Run("a", engine="lean", equity=curve))
    save(store, Run("b", engine="mine", equity=curve))
    assert rows("select timeframe from runs order by strategy") == [(None,), ("1d",)]


def test_a_drawdown_in_percent_is_warned_of(store):
    with pytest.warns(UserWarning, match=r"max_drawdown -20 is -2,000%; write -0\.2 for 20 %"):
        save(store, {"strategy": "s", "metrics": {"max_drawdown": -20}})


SAME = [
    "strategy", "symbol", "timeframe", "exit_rule", "fold", "sample", "params_hash", "start_at",
    "end_at",
]  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_unique_saves_what_differs_in_one_thing(store, rows, name):
    """Each column of what makes the same run counts; nothing else does."""
    assert sorted(SAME_RUN) == sorted(SAME)
    other = {
        "params_hash": {"params": {"fast": 11}},
        "start_at": {"start_at": "2024-01-02"},
        "end_at": {"end_at": "2024-02-02"},
    }.get(name, {name: "out" if name == "sample" else "another"})
    one = {"strategy": "s", "params": {"fast": 10}}
    one |= {"start_at": "2024-01-01", "end_at": "2024-02-01"}
    save(store, one | {"metrics": {"sharpe_ratio": 1.0}})
    save(store, one | {"metrics": {"sharpe_ratio": 2.0}} | other, unique=True)
    with pytest.raises(Duplicate):
        save(store, one | other | {"engine": "else", "tags": ["t"]}, unique=True)
    assert rows("select count(*) from runs") == [(2,)]
