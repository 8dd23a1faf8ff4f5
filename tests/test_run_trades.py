"""Trades of any form are the same trades."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from results import POINTS, TRADE

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import BadInput

OBJECTS = [TRADE, {**TRADE, "side": "short", "pnl": -3.0, "entry_tag": "dip"}]
COLUMNS = {name: [trade.get(name) for trade in OBJECTS] for name in OBJECTS[1]}

FORMS = {
    "objects": OBJECTS,
    "tuple of objects": tuple(OBJECTS),
    "columns": COLUMNS,
    "arrays": {name: np.array(values, object) for name, values in COLUMNS.items()},
    "pandas": pd.DataFrame(COLUMNS),
    "pandas with an index": pd.DataFrame(COLUMNS, index=[7, 9]),
    "polars": pl.DataFrame(COLUMNS),
    "arrow": pa.table(COLUMNS),
    "times": {**COLUMNS, "entry_at": pd.to_datetime(COLUMNS["entry_at"])},
}


def rows(*runs: Run) -> list[dict]:
    return assemble(runs).trades.to_pylist()


def cells(rows: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "run_id" and v is not None} for row in rows]


EXPECTED = [
    {
        **trade,
        "trade_no": number,
        "entry_at": datetime(2024, 1, 2, tzinfo=UTC),
        "exit_at": datetime(2024, 1, 3, tzinfo=UTC),
    }
    for number, trade in enumerate(OBJECTS, 1)
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_every_form_is_the_same_trades(form):
    assert cells(rows(Run("s", trades=form))) == EXPECTED


def test_all_forms_in_one_batch():
    assert cells(rows(*(Run("s", trades=form) for form in FORMS.values()))) == EXPECTED * len(FORMS)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_is_trades(tmp_path, suffix):
    path = tmp_path / f"trades.{suffix}"
    frame = pl.DataFrame(COLUMNS)
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    assert cells(rows(Run("s", trades=path))) == EXPECTED


def test_a_symbol_that_looks_like_a_number_stays_text(tmp_path):
    (tmp_path / "t.csv").write_text("symbol,pnl\n000001,1.5\nNA,\n")
    found = rows(Run("s", trades=tmp_path / "t.csv"))
    assert [(row["symbol"], row["pnl"]) for row in found] == [("000001", 1.5), ("NA", None)]


@pytest.mark.parametrize(
    ("given", "side"),
    [
        *((given, "long") for given in ("long", "LONG", " Buy ", "b", 1, 1.0, "1", np.int64(1))),
        *((given, "short") for given in ("short", "Sell", "S", -1, -1.0, "-1", np.int8(-1))),
        *((given, None) for given in (None, float("nan"), pd.NA)),
    ],
)
def test_sides(given, side):
    assert rows(Run("s", trades=[{"side": given, "quantity": 3}]))[0]["side"] == side


def test_the_sign_of_a_quantity_is_the_side_where_none_is_named():
    signed = [{"quantity": 5}, {"quantity": -3}, {"quantity": None}]
    unsigned = [{"quantity": 5}]
    named = [{"quantity": -5, "side": "long"}, {"quantity": -5}]
    found = rows(*(Run("s", trades=trades) for trades in (signed, unsigned, named)))
    assert [(row["side"], row["quantity"]) for row in found] == [
        ("long", 5.0), ("short", 3.0), (None, None), (None, 5.0), ("long", 5.0), (None, 5.0)
    ]  # fmt: skip


def test_unknown_columns_go_to_extra():
    trades = [
        {"pnl": 1.0, "bars": 3, "why": "ümlaut", "at": datetime(2024, 1, 2), "n": np.float32(0.5)},
        {"pnl": 2.0, "bars": float("nan"), "nested": {"a": [1, None, float("inf")]}},
        {"pnl": 3.0},
        {"pnl": 4.0, "extra": {"given": 1}, "bars": 1},
        {"pnl": 5.0, "extra": '{"given": 2}'},
    ]
    found = [row["extra"] and json.loads(row["extra"]) for row in rows(Run("s", trades=trades))]
    assert found == [
        {"bars": 3, "why": "ümlaut", "at": "2024-01-02T00:00:00", "n": 0.5},
        {"nested": {"a": [1, None, None]}},
        None,
        {"given": 1, "bars": 1},
        {"given": 2},
    ]


def test_extra_does_not_depend_on_neighbours():
    alone = rows(Run("s", trades=[{"pnl": 1.0}]))[0]
    beside = rows(Run("s", trades=[{"pnl": 1.0}]), Run("s", trades=[{"pnl": 1.0, "x": 1}]))[0]
    assert cells([alone]) == cells([beside])


def test_numbers_of_each_run_have_their_own_unit_of_time():
    seconds, millis = {"entry_at": 1_704_153_600}, {"entry_at": 1_704_153_600_000}
    found = rows(Run("s", trades=[seconds]), Run("s", trades=[millis]))
    assert {row["entry_at"] for row in found} == {datetime(2024, 1, 2, tzinfo=UTC)}


def test_infinite_numbers_are_no_numbers():
    assert rows(Run("s", trades=[{"pnl": 1.0, "mae": float("-inf")}]))[0].get("mae") is None


@pytest.mark.parametrize(
    ("trades", "message"),
    [
        ([TRADE, {**TRADE, "side": "up"}], r'trades\[1\]\.side: "up" is not a side; use long'),
        ([{**TRADE, "side": []}], "is not a side"),
        ([{**TRADE, "extra": "{"}], r'trades\[0\]\.extra: "{" is not valid JSON'),
        ([{**TRADE, "pnl": "39.0"}], r'trades\[0\]\.pnl: "39.0" is not a number'),
        ([{**TRADE, "entry_at": "soon"}], r'trades\[0\]\.entry_at: "soon" is not a time'),
        ([{**TRADE, "exit_at": "2024-01-01"}], r"trades\[0\]\.exit_at is before its entry_at"),
        ([{**TRADE, "symbol": [1]}], r"trades\[0\]\.symbol: \[1\] is not text"),
        ([TRADE, 17], r"trades\[1\] is 17, not an object"),
        ({"pnl": [1.0], "side": []}, r"trades\.side is not a column as long as the others"),
        ({"pnl": 1.0}, r"trades\.pnl is not a column"),
        (17, "trades is a int; give a list of objects"),
        ([{"pnl": 1.0, "extra": "{"}], r"trades\[0\]\.extra"),
    ],
)
def test_what_is_no_trade_is_named(trades, message):
    with pytest.raises(BadInput, match=message):
        assemble([Run("s", trades=trades)])
    with pytest.raises(BadInput, match="^here: .*" + message):
        assemble([Run("s", trades=OBJECTS), Run("s", trades=trades, origin="here")])


@pytest.mark.parametrize(
    ("trades", "message"),
    [
        (
            [{"entry": "2024-01-02", "exit": "2024-01-03", "pnl": 1}],
            "trades have columns under names of others: "
            "rename `entry` to entry_at or entry_price, `exit` to exit_at or exit_price",
        ),
        (
            pd.DataFrame({"Entry Time": ["2024-01-02"], "exitTime": ["2024-01-03"], "pnl": [1]}),
            "trades have columns under names of others: "
            "rename `Entry Time` to entry_at, `exitTime` to exit_at",
        ),
        (
            pl.DataFrame({"exit_at": ["2024-01-03"], "profit": [1.0], "qty": [2]}),
            "trades have columns under names of others: "
            "rename `profit` to pnl or return, `qty` to quantity",
        ),
        (
            {"entered": ["2024-01-02"], "gain": [3.0], "bars": [None]},
            "trades have none of entry_at, exit_at, pnl, return, and these columns are not known: "
            "`entered`, `gain`. Rename them to what they are",
        ),
    ],
)
def test_columns_under_names_of_others_are_refused(trades, message):
    with pytest.raises(BadInput) as error:
        assemble([Run("s", trades=trades)])
    assert str(error.value) == message
    with pytest.raises(BadInput) as error:
        assemble([Run("s", trades=OBJECTS), Run("s", trades=trades, origin="here")])
    assert str(error.value) == "here: " + message


def test_names_of_others_beside_the_lakes_own_go_to_extra():
    trades = [{**TRADE, "entry_time": "09:30", "profit": 0.1, "size": 3, "direction": "up"}]
    (row,) = rows(Run("s", trades=trades))
    assert json.loads(row["extra"]) == {
        "entry_time": "09:30", "profit": 0.1, "size": 3, "direction": "up"
    }  # fmt: skip
    neighbours = [Run("s", trades=[{"symbol": "A", "side": "long"}]), Run("s", trades=trades)]
    assert [row["symbol"] for row in rows(*neighbours)] == ["A", TRADE.get("symbol")]


def test_no_trades_is_not_the_same_as_unknown_trades():
    found = assemble(
        [
            Run("s", equity=POINTS, trades=[]),
            Run("s", equity=POINTS),
            Run("s", equity=POINTS, metrics={"total_trades": 4}),
            Run("s", equity=POINTS, trades=[{"pnl": 1.0}], metrics={"total_trades": 4}),
            Run("s", equity=POINTS, trades=[{"entry_at": "2024-01-02"}]),
        ]
    )
    assert found.runs["total_trades"].to_pylist() == [0, None, 4, 1, 0]


def test_the_profit_of_an_open_trade_is_no_profit_yet():
    trades = [
        {"entry_at": "2024-01-02", "exit_at": "2024-01-03", "pnl": 5.0},
        {"entry_at": "2024-01-04", "pnl": 3.0, "extra": {"mark": "last"}},
    ]
    found = assemble([Run("s", equity=POINTS, trades=trades)])
    assert found.trades["pnl"].to_pylist() == [5.0, None]
    assert found.trades["extra"].to_pylist() == [None, '{"mark":"last","pnl":3.0}']
    assert found.runs["total_trades"].to_pylist() == [1]


def test_trades_without_profit_are_counted_and_it_is_said_once():
    closed = {"entry_at": "2024-01-02", "exit_at": "2024-01-03"}
    runs = [
        Run("s", trades=[{**closed, "return": 0.1}, {**closed, "return": -0.1}]),
        Run("s", trades=[{**closed, "entry_price": 1, "exit_price": 2, "quantity": 3}]),
        Run("s", trades=[closed], metrics={"win_rate": 0.7, "profit_factor": 2.0}),
        Run("s", trades=[{**closed, "pnl": 1.0}], metrics={"win_rate": 0.7, "profit_factor": 9.0}),
    ]
    with pytest.warns(UserWarning, match="trades without `pnl` are counted, but") as said:
        found = assemble(runs).runs
    assert len(said) == 1
    assert found["total_trades"].to_pylist() == [2, 1, 1, 1]
    assert found["win_rate"].to_pylist() == [0.5, None, 0.7, 1.0]
    assert found["profit_factor"].to_pylist() == [None, None, 2.0, None]
    assert found["avg_trade_hours"].to_pylist() == [24] * 4
    assert found["exposure"].to_pylist() == [None] * 4


def test_a_reported_drawdown_in_percent_is_noticed_beside_a_curve():
    with pytest.warns(UserWarning, match="max_drawdown -12 is -1,200%"):
        assemble([Run("s", equity=POINTS, metrics={"max_drawdown": -12})])
