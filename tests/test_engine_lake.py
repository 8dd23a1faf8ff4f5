"""Engines through the face of the lake: what is saved or ingested can be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_engine_backtesting
import test_engine_nautilus
import test_engine_vectorbt

import bt_lake
from bt_lake.ingest.report import IngestStopped
from bt_lake.ingest.run import Run
from bt_lake.lake import Lake

DATA = Path(__file__).parent / "data" / "engines"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return bt_lake.open(tmp_path / "lake")


def test_a_curve_and_its_trades_are_read_back(lake: Lake) -> None:
    stats = test_engine_backtesting.stats("daily")
    run_id = lake.save(stats, symbol="SYN")
    equity, trades = lake.equity(run_id), lake.trades(run_id)
    assert equity["equity"].to_list() == stats["_equity_curve"]["Equity"].tolist()
    assert trades["pnl"].to_list() == pytest.approx(stats["_trades"]["PnL"].tolist())
    assert '"Entry_SMA(C,10)":84.256' in trades["extra"][0]
    (found,) = lake.sql("select strategy, symbol, engine, timeframe from runs").rows()
    assert found == ("SmaCross", "SYN", "backtesting.py", "1d")


def test_a_heatmap_is_a_sweep(lake: Lake) -> None:
    best = test_engine_backtesting.stats("daily_params", fast=5, slow=20)
    ids = lake.save((best, test_engine_backtesting.heatmap()), sweep="grid")
    assert len(ids) == len(test_engine_backtesting.heatmap())
    query = "select count(distinct params_hash), count(*) filter (metrics_from = 'curve') from runs"
    assert lake.sql(query).row(0) == (len(ids), 1)


def test_columns_of_a_portfolio_are_runs(lake: Lake) -> None:
    ids = lake.save(test_engine_vectorbt.portfolio("grid"), strategy="sma")
    rows = lake.sql(
        "select count(*), count(distinct run_id) from trades where exit_at is null"
    ).row(0)
    assert (len(ids), rows) == (6, (5, 5))  # one has nothing open


def test_reports_of_nautilus_as_a_tuple_or_by_name(lake: Lake) -> None:
    reports = test_engine_nautilus.reports("daily_btc")
    lake.save(tuple(reports.values()))
    lake.save(Run.from_nautilus(reports))
    assert lake.sql("select distinct total_trades, params_hash is null from runs").rows() == [
        (13, False)
    ]


def test_a_folder_of_freqtrade_is_ingested_once(lake: Lake) -> None:
    report = lake.ingest(DATA / "freqtrade")
    assert (len(report.added), report.failed) == (9, [])
    again = lake.ingest(DATA / "freqtrade")
    assert (len(again.added), len(again.skipped)) == (0, 9)
    query = "select count(distinct sweep), count(*) filter (sweep is null) from runs"
    assert lake.sql(query).row(0) == (1, 3)
    points = lake.sql("select run_id, max_by(equity, ts) as last from equity group by all")
    finals = lake.sql("select run_id, final_equity as last from runs")
    assert sorted(points.rows()) == sorted(finals.rows())


def test_lean_needs_a_name_where_the_file_has_none(lake: Lake) -> None:
    with pytest.raises(IngestStopped, match="legacy_pascalcase.json: strategy is missing"):
        lake.ingest(DATA / "lean")
    report = lake.ingest(DATA / "lean", set_columns={"strategy": "sma"})
    assert (len(report.added), report.ignored) == (2, [])
    assert lake.sql("select count(*) from equity").row(0) == (2 * 780,)
