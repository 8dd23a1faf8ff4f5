"""Import from Zarr stores: metadata, parameters, curves and trades."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from older_stores import ENTRY, add_entry, documented, needed, zarr_store

from bt_lake.ingest.stores import chunks, open_source
from bt_lake.ingest.stores.importing import import_rows
from bt_lake.ingest.stores.report import ImportReport
from bt_lake.warehouse.errors import BadInput, MissingExtra, NotFound
from bt_lake.warehouse.store import Store

needed("zarr")
pytestmark = pytest.mark.filterwarnings("ignore:The data type:Warning")

RSI: dict[str, Any] = {
    "symbol": "AAPL",
    "strategy": "rsi_meanrev",
    "params_hash": "4711",
    "params": {"rsi_period": 14, "oversold": 30, "overbought": 70},
    "exit_rule": "trailing_stop",
    "win_rate": 0.65,
    "num_trades": 25,
    "total_return": 0.21,
    "cagr": 0.12,
    "sharpe_ratio": 1.5,
    "max_drawdown": -0.15,
    "expectancy": 0.0084,
    "start_date": "2024-01-01",
    "end_date": "2024-01-04",
    "timestamp": "2024-12-29T10:11:12.123456",
}
CURVE = {
    "equity": [100_000.0, 110_000.0, 99_000.0, 121_000.0],
    "dates": ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"],
    "positions": [0, 1, 1, 0],
}
TRADES = [
    {"entry_date": "2024-01-02", "exit_date": "2024-01-04", "entry_price": 10.0,
     "exit_price": 11.0, "shares": 100, "pnl": 100.0, "signal": "rsi"}
]  # fmt: skip


def take(store: Store, path: Path, **options: Any) -> ImportReport:
    return import_rows(store, open_source("zarr", path), **options)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_store_with_all_its_groups(store: Store, rows, tmp_path: Path, zarr_format: int):
    zarr_store(
        tmp_path / "store.zarr", [{**RSI, **CURVE, "trades": TRADES}], zarr_format=zarr_format
    )
    report = take(store, tmp_path / "store.zarr")
    assert len(report.added) == 1
    assert report.added[0].startswith("zarr.AAPL_rsi_meanrev_4711_trailing_stop.")
    assert rows(
        "select symbol, strategy, exit_rule, params, created_at::varchar, metrics_from from runs"
    ) == [
        ("AAPL", "rsi_meanrev", "trailing_stop",
         '{"rsi_period":14,"oversold":30,"overbought":70}', "2024-12-29 10:11:12.123456+00", "curve")
    ]  # fmt: skip
    # The curve speaks for itself; what the store said stays in `reported`, with its digits.
    assert rows("select total_return, bars, max_drawdown from runs") == [
        (pytest.approx(0.21), 4, pytest.approx(-0.1))
    ]
    assert dict(rows("select reported from runs")[0][0]) == {
        "win_rate": 0.65, "total_trades": 25.0, "total_return": 0.21, "cagr": 0.12,
        "sharpe_ratio": 1.5, "max_drawdown": -0.15, "avg_trade_return": 0.0084,
    }  # fmt: skip
    assert rows("select ts::varchar, equity, exposure from equity order by ts limit 2") == [
        ("2024-01-01 00:00:00+00", 100000.0, 0.0),
        ("2024-01-02 00:00:00+00", 110000.0, 1.0),
    ]
    assert rows("select entry_at::varchar, quantity, pnl, extra from trades") == [
        ("2024-01-02 00:00:00+00", 100.0, 100.0, '{"signal":"rsi"}')
    ]
    assert json.loads(rows("select config from runs")[0][0])["imported"]["params_hash"] == "4711"


def test_expectancy_is_a_return_here(store: Store, tmp_path: Path):
    zarr_store(tmp_path / "store.zarr", [RSI])
    said = {c.theirs: (c.ours, c.how) for c in take(store, tmp_path / "store.zarr").columns}
    assert said["expectancy"] == (
        "avg_trade_return",
        "fraction: the store's documentation says so",
    )
    assert said["num_trades"] == ("total_trades", "")


def test_the_curve_is_of_the_last_of_equal_runs(store: Store, rows, tmp_path: Path):
    later = {**RSI, **CURVE, "timestamp": "2025-01-01T00:00:00", "total_return": 0.3}
    zarr_store(tmp_path / "store.zarr", [RSI, later])
    assert len(take(store, tmp_path / "store.zarr").added) == 2
    assert rows("select created_at::varchar, bars from runs order by created_at") == [
        ("2024-12-29 10:11:12.123456+00", None),
        ("2025-01-01 00:00:00+00", 4),
    ]


def test_of_one_run_and_time_the_last_counts_with_its_curve(store: Store, rows, tmp_path: Path):
    later = {**RSI, **CURVE, "total_return": 0.3, "win_rate": 0.25}
    zarr_store(tmp_path / "store.zarr", [RSI, later])
    report = take(store, tmp_path / "store.zarr")
    assert [(bad.row, bad.reason) for bad in report.repeated] == [
        ("entry 1", "entry 2 is of the same run and time; the last is taken")
    ]
    assert rows("select bars, reported['win_rate'] from runs") == [(4, 0.25)]


def test_a_broken_member_costs_no_more_than_itself(store: Store, rows, tmp_path: Path):
    entries = [{**RSI, **CURVE, "symbol": symbol} for symbol in ("AAPL", "MSFT")]
    zarr_store(tmp_path / "store.zarr", entries)
    members = sorted((tmp_path / "store.zarr" / "equity_curves").glob("AAPL*"))
    chunk = next(
        file
        for file in members[0].rglob("*")
        if file.is_file() and "zarr" not in file.name and not file.name.startswith(".")
    )
    chunk.write_bytes(chunk.read_bytes()[:3])
    report = take(store, tmp_path / "store.zarr")
    assert len(report.added) == 2
    assert [bad.row for bad in report.cells] == ["entry 1"]
    assert "equity_curves/AAPL" in report.cells[0].reason
    assert rows("select symbol, bars from runs order by 1") == [("AAPL", None), ("MSFT", 4)]


def test_a_second_import_adds_what_is_new(store: Store, tmp_path: Path):
    root = zarr_store(tmp_path / "store.zarr", [RSI])
    first = take(store, tmp_path / "store.zarr")
    add_entry(root, {**RSI, "symbol": "BTC/USDT", **CURVE})
    second = take(store, tmp_path / "store.zarr")
    assert second.skipped == first.added
    assert len(second.added) == 1


def test_a_symbol_with_a_slash_has_its_curve(store: Store, rows, tmp_path: Path):
    zarr_store(tmp_path / "store.zarr", [{**RSI, "symbol": "BTC/USDT", **CURVE}])
    take(store, tmp_path / "store.zarr")
    assert rows("select symbol, bars from runs") == [("BTC/USDT", 4)]


def test_metadata_as_a_group_of_arrays(store: Store, rows, tmp_path: Path):
    zarr = needed("zarr")
    group = zarr.create_group(str(tmp_path / "store.zarr")).create_group("metadata")
    for name, kind in ENTRY:
        group.create_array(name, data=np.array([RSI[name]], dtype=kind))
    assert len(take(store, tmp_path / "store.zarr").added) == 1
    assert rows("select symbol, win_rate from runs") == [("AAPL", 0.65)]


def test_what_cannot_be_read_is_said(store: Store, tmp_path: Path):
    undated = {**RSI, "symbol": "MSFT", "equity": [1.0, 2.0]}
    torn = {
        **RSI,
        "symbol": "TSLA",
        "equity": [1.0, 2.0, 3.0],
        "dates": ["2024-01-01", "someday", ""],
    }
    zarr_store(tmp_path / "store.zarr", [RSI, undated, torn])
    report = take(store, tmp_path / "store.zarr")
    assert len(report.added) == 3
    assert [(bad.row, bad.column) for bad in report.cells] == [("entry 3", "equity_curves")]
    assert "1 curves without dates are left out" in report.warnings


def test_many_entries(store: Store, rows, tmp_path: Path):
    root = zarr_store(tmp_path / "store.zarr", [])
    several = np.zeros(450, np.dtype(ENTRY))
    several["symbol"], several["strategy"], several["exit_rule"] = "AAPL", "sma", "default"
    several["params_hash"] = np.arange(450).astype("U32")
    several["timestamp"] = "2024-12-29T10:11:12"
    several["num_trades"] = np.arange(450)
    root["metadata"].resize((450,))
    root["metadata"][:] = several
    assert len(take(store, tmp_path / "store.zarr").added) == 450
    assert rows("select sum(total_trades) from runs") == [(449 * 225,)]


def test_clear_refusals(store: Store, tmp_path: Path):
    with pytest.raises(NotFound, match="no such file or folder"):
        take(store, tmp_path / "nowhere")
    with pytest.raises(BadInput, match="not a Zarr group"):
        take(store, tmp_path)
    needed("zarr").create_group(str(tmp_path / "other.zarr")).create_group("prices")
    with pytest.raises(BadInput, match="no array or group 'metadata' in it, but prices"):
        take(store, tmp_path / "other.zarr")
    with pytest.raises(BadInput, match="a zarr store has no tables"):
        open_source("zarr", tmp_path, "runs")


def test_the_library_is_optional(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtra, match=r'pip install "bt-lake\[zarr\]"'):
        take(store, tmp_path)


def test_the_documents_say_the_same(store: Store, tmp_path: Path):
    zarr_store(tmp_path / "store.zarr", [{**RSI, **CURVE, "trades": TRADES}])
    report = take(store, tmp_path / "store.zarr")
    assert {c.theirs: c.ours for c in report.columns} == documented("Zarr")


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("compressor", ["default", "none"])
@pytest.mark.parametrize(
    "content", [np.arange(5.0), np.array(["añ", "b"]), np.arange(7, dtype="i4"), np.zeros((2, 2))]
)
def test_small_arrays_are_read_as_the_library_reads_them(
    zarr_format: int, compressor: str, content: np.ndarray, tmp_path: Path
):
    root = needed("zarr").open_group(str(tmp_path / "s"), mode="w", zarr_format=zarr_format)
    how = {} if compressor == "default" else {"compressors": None}
    made = root.create_array("a", data=content, **how)
    made.attrs["dates"] = ["x"]
    found = chunks.read(tmp_path / "s" / "a")
    if content.ndim == 2:
        assert found is None
        return
    assert found is not None
    assert found.content.tolist() == made[:].tolist() == content.tolist()
    assert found.attributes == {"dates": ["x"]}
    (chunk,) = (f for f in (tmp_path / "s" / "a").rglob("*") if f.name == "0")
    chunk.write_bytes(chunk.read_bytes()[:-2])
    if zarr_format == 2 and compressor == "default":  # the library would give other numbers
        with pytest.raises(BadInput, match="cut off"):
            chunks.read(tmp_path / "s" / "a")
    else:
        assert chunks.read(tmp_path / "s" / "a") is None
