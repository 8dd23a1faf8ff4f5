"""What a run says about itself: labels, claimed metrics, status, parameters."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results import POINTS, TRADE, document

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.run import KEYS, Run
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.params import params_hash
from bt_lake.warehouse.schema import DEFINITIONS, RUNS


def row(*args, **columns) -> dict:
    run = args[0] if args else Run(**{"strategy": "s", **columns})
    frames = assemble([run])
    found = frames.runs.to_pylist()[0]
    return {name: found.get(name) for name in RUNS.names}


def test_a_strategy_is_all_a_run_needs():
    found = {name: value for name, value in row(Run("sma")).items() if value is not None}
    made = found.pop("created_at")
    assert abs(datetime.now(UTC) - made) < timedelta(minutes=5)
    assert len(found.pop("run_id")) == 36
    assert found == {"strategy": "sma", "status": "ok", "definitions": DEFINITIONS}


def test_labels_are_kept():
    labels = {
        "strategy": "линия 🙂",
        "symbol": "BRK.B",
        "timeframe": "1h",
        "exit_rule": "",
        "fold": 3,
        "strategy_version": 1.5,
        "model_path": Path("models/a.pkl"),
        "sample": "out",
        "notes": "two\nlines",
        "created_at": datetime(2024, 1, 2, 3, 4, 5, 678901, UTC),
        "start_at": "2020-01-01",
        "end_at": np.datetime64("2021-01-01"),
        "duration_s": timedelta(seconds=2.5),
        "periods_per_year": 365,
        "run_id": "old-17",
        "currency": "USD",
    }
    found = row(**labels)
    expected = {
        **labels,
        "fold": "3",
        "strategy_version": "1.5",
        "model_path": str(Path("models/a.pkl")),
        "start_at": datetime(2020, 1, 1, tzinfo=UTC),
        "end_at": datetime(2021, 1, 1, tzinfo=UTC),
        "duration_s": 2.5,
    }
    assert {name: found[name] for name in labels} == expected


def test_missing_values_of_pandas_are_missing():
    found = row(symbol=float("nan"), exit_rule=pd.NA, start_at=pd.NaT, duration_s=np.nan)
    assert {found[n] for n in ("symbol", "exit_rule", "start_at", "duration_s")} == {None}


def test_params_keep_their_order_and_have_a_hash():
    params = {"slow": 50, "fast": np.int64(10), "risk": Decimal("0.5"), "on": True, "none": None}
    found = row(params=params, config={"b": [1, 2], "a": {"x": "ü"}})
    assert found["params"] == '{"slow":50,"fast":10,"risk":0.5,"on":true,"none":null}'
    assert found["params_hash"] == params_hash(params)
    assert found["config"] == '{"b":[1,2],"a":{"x":"ü"}}'
    assert row(params={})["params"] == "{}"


def test_large_params_are_kept():
    params = {"weights": "x" * 10_000_000}
    assert json.loads(row(params=params)["params"]) == params


@pytest.mark.parametrize(
    ("tags", "expected"),
    [("a", ["a"]), (["b", "a", "b"], ["b", "a"]), ((), None), ([""], None), (None, None)],
)
def test_tags(tags, expected):
    assert row(tags=tags)["tags"] == expected


def test_a_failed_run():
    def fails() -> None:
        raise ZeroDivisionError("no bars in März")

    try:
        fails()
    except ZeroDivisionError as error:
        found = row(error=error)
    assert found["status"] == "failed"
    assert found["error"].startswith("ZeroDivisionError: no bars in März\n\nTraceback")
    assert "in fails" in found["error"]
    assert row(error="broke")["status"] == "failed"
    assert row(error="broke", status="ok")["status"] == "ok"
    assert row(status="failed")["error"] is None


def test_a_claim_fills_the_column_only_without_a_curve():
    claims = {"sharpe_ratio": 1.5, "total_trades": 7, "win_rate": 0.5, "my_score": 3}
    reported = [("sharpe_ratio", 1.5), ("total_trades", 7.0), ("win_rate", 0.5)]
    alone = row(metrics=claims)
    assert (alone["sharpe_ratio"], alone["total_trades"], alone["win_rate"]) == (1.5, 7, 0.5)
    assert alone["metrics_from"] == "reported"
    curve = row(metrics=claims, equity=POINTS)
    assert curve["sharpe_ratio"] != 1.5
    assert (curve["total_trades"], curve["win_rate"]) == (7, 0.5)
    assert curve["metrics_from"] == "curve"
    both = row(metrics=claims, equity=POINTS, trades=[TRADE])
    assert (both["total_trades"], both["win_rate"]) == (1, 1.0)
    trades = row(metrics=claims, trades=[TRADE])
    assert (trades["sharpe_ratio"], trades["total_trades"]) == (1.5, 1)
    for found in (alone, curve, both, trades):
        assert (found["reported"], found["extra"]) == (reported, [("my_score", 3.0)])


def test_what_the_curve_leaves_undefined_is_not_filled_by_a_claim():
    assert row(equity=POINTS, metrics={"cagr": 0.5})["cagr"] is None


def test_metrics_as_columns_of_the_run_are_claims_too():
    found = row(sharpe_ratio=1.5, final_equity=110.0, initial_capital=100, bars=250)
    assert (found["sharpe_ratio"], found["bars"], found["initial_capital"]) == (1.5, 250, 100.0)
    assert found["reported"] == [("sharpe_ratio", 1.5), ("final_equity", 110.0)]
    assert found["metrics_from"] == "reported"
    both = row(sharpe_ratio=1.5, reported={"sharpe_ratio": 2.0}, extra={"own": 1})
    assert both["sharpe_ratio"] == 1.5
    assert (both["reported"], both["extra"]) == ([("sharpe_ratio", 2.0)], [("own", 1.0)])


def test_undefined_metrics_are_null():
    claims = {"sharpe_ratio": math.nan, "profit_factor": math.inf, "own": None, "total_trades": 2}
    found = row(metrics=claims)
    assert (found["sharpe_ratio"], found["profit_factor"]) == (None, None)
    assert dict(found["reported"]) == {
        "sharpe_ratio": None,
        "profit_factor": None,
        "total_trades": 2,
    }
    assert found["extra"] == [("own", None)]
    assert row(metrics=pd.Series({"sharpe_ratio": 1.0}))["sharpe_ratio"] == 1.0


def test_a_warning_names_the_line_that_saved(lake):
    with pytest.warns(UserWarning, match="sharpe_ratio: inf is no number") as said:
        lake.save(strategy="s", metrics={"sharpe_ratio": math.inf})
    assert [one.filename for one in said] == [__file__]


def test_capital_is_the_base_and_no_claim():
    found = row(equity=POINTS, metrics={"initial_capital": 50.0})
    assert (found["initial_capital"], found["total_return"]) == (50.0, 99 / 50 - 1)
    assert found["reported"] is None


def test_the_timeframe_is_seen_in_the_curve():
    assert row(equity=POINTS)["timeframe"] == "1d"
    assert row(equity=POINTS, timeframe="daily")["timeframe"] == "daily"
    assert row()["timeframe"] is None


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"strategy": None}, "strategy is missing; name it with strategy="),
        ({"strategy": " "}, "strategy is missing"),
        ({"strategy": ["a"]}, "is not text"),
        ({"symbol": {}}, "symbol: {} is not text"),
        ({"symbol": True}, "symbol: True is not text"),
        ({"symbol": "\ud800"}, "is not valid Unicode"),
        ({"sample": "test"}, "sample: \"test\" is not 'in' or 'out'"),
        ({"status": "done"}, "status: \"done\" is not 'ok' or 'failed'"),
        ({"created_at": "yesterday"}, 'created_at: "yesterday" is not a time'),
        ({"start_at": "2024-01-02", "end_at": "2024-01-01"}, "end_at is before start_at"),
        ({"run_id": float("nan")}, "run_id is empty"),
        ({"run_id": ""}, "run_id is empty"),
        ({"run_id": "a\nb"}, "run_id is empty or has unprintable"),
        ({"run_id": "a" * 201}, "run_id has 201 characters"),
        ({"params": [1]}, r"params is \[1\], not an object"),
        ({"params": {"a": {"b": [1, math.nan]}}}, r"params\.a\.b\[1\] is NaN"),
        ({"config": {"f": print}}, r"config\.f is of type"),
        ({"metrics": [1]}, "metrics is a list, not an object"),
        ({"metrics": {"sharpe_ratio": "1.2"}}, r'metrics\.sharpe_ratio: "1.2" is not a number'),
        ({"metrics": {"grade": "A"}}, r'metrics\.grade: "A" is not a number'),
        ({"metrics": {"symbol": "A"}}, r"metrics\.symbol: \"A\" is not a number"),
        ({"metrics": {"symbol": 1}}, r"metrics\.symbol is no metric; put it beside"),
        ({"metrics": {"max_drawdown": 0.2}}, "max_drawdown: 0.2 is positive; drawdowns are neg"),
        ({"metrics": {"win_rate": 55.0}}, "win_rate: 55 is no fraction"),
        ({"metrics": {"total_trades": 1.5}}, "total_trades: 1.5 is not a whole number"),
        ({"metrics": {"total_trades": -1}}, "total_trades: -1 is no count"),
        ({"initial_capital": -5}, "initial_capital: -5 is not a positive amount"),
        ({"initial_capital": 0}, "initial_capital: 0 is not a positive amount"),
        ({"periods_per_year": 0}, "periods_per_year: 0 is not a positive number"),
        ({"duration_s": -1}, "duration_s: -1 is below zero"),
        ({"time_zone": "Mars/Base"}, "no time zone 'Mars/Base'"),
        ({"tags": {"a": 1}}, "is no list of texts"),
        ({"tags": [["a"]]}, r"\['a'\] is not text"),
    ],
)
def test_what_is_wrong_is_named(columns, message):
    with pytest.raises(BadInput, match=message):
        row(**columns)
    run = Run(**{"strategy": "s", **columns}, origin="here")
    with pytest.raises(BadInput, match="^here: .*" + message):
        assemble([Run("s"), run])


def test_unknown_columns_have_near_matches():
    with pytest.raises(UnknownName, match="no column 'stratgy'. Did you mean strategy"):
        Run("s", stratgy="x")
    with pytest.raises(UnknownName, match="no column 'origin'"):
        Run.from_document({"strategy": "s", "origin": "x"})


def test_every_column_can_be_given():
    assert set(RUNS.names) <= KEYS


def test_ids_are_unique_in_a_batch():
    with pytest.raises(BadInput, match="run_id 'a' is there twice"):
        assemble([Run("s", run_id="a"), Run("s", run_id="a")])


def test_numbers_do_not_depend_on_neighbours():
    runs = [
        Run(**document()),
        Run("bare"),
        Run(**document(trades=None, metrics={"win_rate": 0.5, "other": 1})),
        Run(**document(equity=None)),
        Run("failed", error="no"),
    ]
    ids = [str(place) for place in range(len(runs))]
    alone = [row for i, run in zip(ids, runs, strict=True) for row in found([run], [i])]
    assert found(runs, ids) == alone


def found(runs, ids) -> list[dict]:
    rows = assemble(runs, run_ids=ids).runs.to_pylist()
    made = datetime(2024, 1, 1, tzinfo=UTC)
    return [
        {name: made if name == "created_at" else row.get(name) for name in RUNS.names}
        for row in rows
    ]


@given(st.dictionaries(st.sampled_from(sorted(KEYS)), st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.dates(),
    st.lists(st.integers() | st.text(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.floats() | st.text(), max_size=3),
)))  # fmt: skip
def test_any_values_are_a_run_or_a_clear_error(columns):
    try:
        frames = assemble([Run.from_document({"strategy": "s", **columns})])
    except BadInput as error:
        assert str(error)
    else:
        assert len(frames.runs) == 1
