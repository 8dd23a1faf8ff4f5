"""Tables with one run a row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.formats import recognise, rows
from bt_lake.ingest.report import BadRow
from bt_lake.warehouse.errors import BadInput

AT = datetime(2024, 1, 2, 3, 4, 5, 678_901, UTC)


def read(path: Path) -> list[dict]:
    assert recognise(path) is rows
    return assemble(list(rows.read(path))).runs.to_pylist()


def failures(path: Path) -> list[str]:
    return [str(found) for found in rows.read(path) if isinstance(found, BadRow)]


def test_csv(tmp_path):
    path = tmp_path / "summary.csv"
    path.write_text(
        "strategy,symbol,start_at,sharpe_ratio,total_trades,my_score,param_fast,params.name,tags\n"
        'sma,000001,2024-01-02,1.5,12,7,10,"a, b",q4\n'
        "sma,NA,,NaN,,inf,0.5,true,\n"
        'rsi,,2024-01-02T00:00:00Z,,,,,,"[a, b]"\n'
    )
    first, second, third = read(path)
    assert (first["symbol"], first["sharpe_ratio"], first["total_trades"]) == ("000001", 1.5, 12)
    assert first["start_at"] == third["start_at"] == datetime(2024, 1, 2, tzinfo=UTC)
    assert first["params"] == '{"fast":10,"name":"a, b"}'
    assert first["extra"] == [("my_score", 7.0)]
    assert first["metrics_from"] == "reported"
    assert (second["symbol"], second["sharpe_ratio"]) == ("NA", None)
    assert second["params"] == '{"fast":0.5,"name":true}'
    assert second["extra"] == [("my_score", None)]
    assert (third["symbol"], third["params"], third["extra"]) == (None, None, None)
    assert [first["tags"], second["tags"], third["tags"]] == [["q4"], None, ["a", "b"]]


def test_parquet(tmp_path):
    path = tmp_path / "summary.parquet"
    pl.DataFrame(
        {
            "strategy": ["sma", "rsi"],
            "created_at": pl.Series([AT, AT]).cast(pl.Datetime("ns", "UTC")),
            "total_return": [0.12, None],
            "bars": [250, None],
            "params": [{"fast": 10, "slow": 2.5}, {"fast": 20, "slow": 3.5}],
            "config": ['{"a": [1]}', None],
            "own": [1, 2],
        }
    ).write_parquet(path)
    first, second = read(path)
    assert first["created_at"] == AT
    assert (first["total_return"], first["bars"], first["config"]) == (0.12, 250, '{"a":[1]}')
    assert [first["params"], second["params"]] == [
        '{"fast":10,"slow":2.5}',
        '{"fast":20,"slow":3.5}',
    ]
    assert (second["total_return"], second["bars"]) == (None, None)
    assert second["extra"] == [("own", 2.0)]


def test_a_row_that_is_none_is_named(tmp_path):
    path = tmp_path / "summary.csv"
    path.write_text("strategy,sharpe_ratio,zzz\nsma,1.5,1\nsma,high,1\nsma,1.0\nsma,1.0,A\n")
    assert failures(path) == [
        f'{path}:3: sharpe_ratio: "high" is not a number',
        f"{path}:4: 2 values for 3 columns",
        f"{path}:5: no column 'zzz'. A metric of your own goes into `metrics`.",
    ]
    path.write_text("strategy,params\nsma,{\nsma,[1]\n")
    assert failures(path) == [
        f'{path}:2: params: "{{" is not valid JSON',
        f"{path}:3: params: [1] is not an object of names and values",
    ]


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"strategy": ["sma"] * 1000}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match=r"a\.parquet: "):
        read(path)
    path = tmp_path / "a.csv"
    path.write_bytes(b"strategy,symbol\nsma,A\nsma,\xff\n")
    assert failures(path) == [f"{path}:3: not valid UTF-8 at byte 5"]
    path.write_text('strategy,symbol\nsma,A\nsma,"A\n')
    assert failures(path) == [f"{path}:3: not valid CSV: unexpected end of data"]


def test_the_index_of_a_pandas_frame_is_no_metric(tmp_path):
    frame = pd.DataFrame({"strategy": ["a", "b"], "sharpe_ratio": [1.0, 2.0]}, index=[5, 6])
    frame.to_csv(tmp_path / "a.csv")
    frame.to_parquet(tmp_path / "a.parquet")
    pd.read_csv(tmp_path / "a.csv").to_csv(tmp_path / "again.csv")
    for name in ("a.csv", "a.parquet", "again.csv"):
        found = read(tmp_path / name)
        assert [row["sharpe_ratio"] for row in found] == [1.0, 2.0]
        assert [row["extra"] for row in found] == [None, None]


def test_a_column_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("strategy,symbol,symbol\na,b,c\n")
    with pytest.raises(BadInput, match=r"a\.csv: column 'symbol' is there twice"):
        read(path)
    pq.write_table(pa.table([["a"], ["b"], ["c"]], ["strategy", "symbol", "symbol"]), path)
    with pytest.raises(BadInput, match=r"a\.csv: column 'symbol' is there twice"):
        read(path)


def test_which_tables_are_of_runs(tmp_path):
    for header, is_one in {
        "strategy,sharpe_ratio": True,
        "symbol,sharpe_ratio,total_return": True,
        "run_id,strategy": True,
        "ts,equity,exposure": False,
        "symbol,pnl,entry_at,exit_at": False,
        "currency,reported,total": False,
        "a,b": False,
    }.items():
        path = tmp_path / "a.csv"
        path.write_text(f"{header}\n" + "1," * header.count(",") + "1\n")
        assert (recognise(path) is rows) == is_one, header


def test_columns_given_as_text_get_their_types():
    given = {
        "symbol": "AAPL",
        "initial_capital": "1e5",
        "params": '{"a": 1}',
        "tags": "q4",
        "fold": 3,
    }
    assert rows.typed(given) == {
        "symbol": "AAPL",
        "initial_capital": 1e5,
        "params": {"a": 1},
        "tags": ["q4"],
        "fold": 3,
    }
    with pytest.raises(BadInput, match="no column 'symbl'. Did you mean symbol"):
        rows.typed({"symbl": "AAPL"})
