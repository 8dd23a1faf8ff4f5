"""Import from PostgreSQL, with a real server: JSONB metrics, and runs with their metrics beside."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from older_stores import METRICS, RUNS, STRATEGIES, documented, insert, needed
from postgres_server import Server, running

from bt_lake.ingest.stores import open_source
from bt_lake.ingest.stores.importing import import_rows
from bt_lake.ingest.stores.postgres import libpq_url, without_password
from bt_lake.ingest.stores.report import ImportReport
from bt_lake.warehouse.errors import BadInput, MissingExtra, UnknownName
from bt_lake.warehouse.store import Store

ALPHA = "7a0c2c52-2f2b-4a43-9d0e-0d6b0a3b1a01"
RUN = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
AGAIN = "d4e5f6a7-b8c9-4123-9ef4-234567890123"
FAILED = "b2c3d4e5-f6a7-4901-8cde-f12345678901"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    needed("adbc_driver_postgresql")
    with running() as server:
        yield server


@pytest.fixture
def url(server: Server) -> str:
    return server.database()


def take(store: Store, url: str, table: str | None = None, **options: Any) -> ImportReport:
    source = open_source("postgres", url, table)
    try:
        return import_rows(store, source, **options)
    finally:
        source.close()


def how(report: ImportReport) -> dict[str, tuple[str, str]]:
    return {column.theirs: (column.ours, column.how) for column in report.columns}


def tried(**columns: Any) -> str:
    """A row of JSONB metrics."""
    row = {
        "strategy_id": ALPHA,
        "backtest_id": "bt-1",
        "metrics": METRICS,
        "parameters": {"slow": 50, "fast": 10},
        "period_start": "2025-08-01 00:00:00+00",
        "period_end": "2025-10-30 00:00:00+00",
        "created_at": "2025-11-12 03:00:00.123456+00",
    }
    return insert("backtest_results", {**row, **columns})


def executed(run_id: str = RUN, **columns: Any) -> str:
    """A row of `backtest_runs`."""
    row = {
        "run_id": run_id,
        "strategy_name": "SMA Crossover",
        "strategy_type": "trend_following",
        "instrument_symbol": "AAPL",
        "start_date": "2023-01-01 00:00:00+00",
        "end_date": "2023-12-31 00:00:00+00",
        "initial_capital": 100000,
        "data_source": "IBKR",
        "execution_status": "success",
        "execution_duration_seconds": 45.237,
        "config_snapshot": {
            "strategy_path": "strategies.sma:SMACross",
            "config_path": "config/strategies/sma_crossover.yaml",
            "config": {"fast_period": 10, "slow_period": 50, "risk_percent": 2.0},
            "version": "1.0",
        },
        "created_at": "2025-01-25 10:30:00+00",
    }
    return insert("backtest_runs", {**row, **columns})


def measured(run: int, **columns: Any) -> str:
    """A row of `performance_metrics`."""
    row = {
        "backtest_run_id": run,
        "total_return": 0.254700,
        "final_balance": 125470,
        "cagr": 0.2547,
        "sharpe_ratio": 1.85,
        "sortino_ratio": 2.34,
        "max_drawdown": -0.12,
        "max_drawdown_date": "2023-06-15 00:00:00+00",
        "calmar_ratio": 2.12,
        "volatility": 0.18,
        "total_trades": 45,
        "winning_trades": 28,
        "losing_trades": 17,
        "win_rate": 0.6222,
        "profit_factor": 2.15,
        "expectancy": 145.60,
        "avg_win": 520.35,
        "avg_loss": -285.20,
        "created_at": "2025-01-25 10:30:01+00",
    }
    return insert("performance_metrics", {**row, **columns})


def strategies() -> str:
    return STRATEGIES + insert("strategies", {"id": ALPHA, "name": "alpha"})


@pytest.mark.slow
def test_metrics_and_parameters_in_jsonb(store: Store, rows, server: Server, url: str):
    server.ask(url, strategies() + tried() + tried(metrics={}, parameters={}))
    report = take(store, url)
    assert [run_id.split(".")[:2] for run_id in report.added] == [
        ["postgres", "1"],
        ["postgres", "2"],
    ]
    assert rows(
        "select strategy, params, created_at::varchar, start_at::varchar, end_at::varchar "
        "from runs where sharpe_ratio is not null"
    ) == [
        (ALPHA, '{"fast":10,"slow":50}', "2025-11-12 03:00:00.123456+00",
         "2025-08-01 00:00:00+00", "2025-10-30 00:00:00+00")
    ]  # fmt: skip
    names = "sharpe_ratio, sortino_ratio, cagr, max_drawdown, win_rate, profit_factor, total_trades, avg_trade_hours, total_return"
    assert rows(f"select {names} from runs where sharpe_ratio is not null") == [
        (1.5, 1.8, 0.25, -0.15, 0.55, 1.8, 150, 48.5, 0.452)
    ]
    imported = json.loads(rows("select config from runs order by run_id limit 1")[0][0])["imported"]
    assert imported["monthly_returns"] == [0.01, -0.02]
    assert (imported["id"], imported["backtest_id"]) == (1, "bt-1")
    said = how(report)
    assert said["metrics.total_return_pct"] == ("total_return", "percent: its name says so")
    assert said["metrics.cagr"] == ("cagr", "fraction: the store's documentation says so")
    assert said["metrics.win_rate"] == ("win_rate", "fraction: 1 of 1 values are within 1")
    assert said["metrics.monthly_returns"] == ("config.imported.monthly_returns", "not known")


def test_ids_that_are_uuids_are_kept(store: Store, server: Server, url: str):
    server.ask(url, strategies() + tried(backtest_id=RUN) + tried(backtest_id=AGAIN))
    assert take(store, url).added == [RUN, AGAIN]


def test_new_metrics_need_no_map(store: Store, rows, server: Server, url: str):
    metrics = {**METRICS, "my_score": 7.5, "risk": {"var_95": -0.02, "tail": 1.5}, "live": True}
    server.ask(url, strategies() + tried(metrics=metrics))
    take(store, url)
    assert rows("select extra['my_score'], extra['risk.tail'] from runs") == [(7.5, 1.5)]
    assert json.loads(rows("select config from runs")[0][0])["imported"]["live"] is True


def test_a_second_import_adds_what_is_new(store: Store, server: Server, url: str):
    server.ask(url, strategies() + tried() + tried())
    first = take(store, url)
    server.ask(
        url,
        tried() + "update backtest_results set updated_at = now(), "
        "metrics = metrics || '{\"reviewed\": 1}' where id = 1;",
    )
    second = take(store, url)
    assert (len(first.added), len(second.added), second.skipped) == (2, 1, first.added)


def test_runs_with_their_metrics(store: Store, rows, server: Server, url: str):
    server.ask(
        url,
        RUNS
        + executed()
        + measured(1)
        + executed(FAILED, execution_status="failed", error_message="no data for TSLA")
        + executed(AGAIN, reproduced_from_run_id=RUN)
        + measured(3, total_return=0.2551, final_balance=125510, profit_factor=None),
    )
    report = take(store, url)
    assert report.added == [RUN, FAILED, AGAIN]
    labels = "run_id, status, error, strategy, strategy_type, symbol, data_source, duration_s, reproduced_from"
    assert rows(f"select {labels} from runs order by array_position(['{RUN}', '{FAILED}', '{AGAIN}'], run_id)") == [
        (RUN, "ok", None, "SMA Crossover", "trend_following", "AAPL", "IBKR", 45.237, None),
        (FAILED, "failed", "no data for TSLA", "SMA Crossover", "trend_following", "AAPL", "IBKR", 45.237, None),
        (AGAIN, "ok", None, "SMA Crossover", "trend_following", "AAPL", "IBKR", 45.237, RUN),
    ]  # fmt: skip
    metrics = (
        "total_return, final_equity, cagr, sharpe_ratio, max_drawdown, drawdown_trough_at::varchar, "
        "volatility, winning_trades, win_rate, profit_factor, expectancy, avg_win, avg_loss"
    )
    assert rows(f"select {metrics} from runs where run_id = ?", RUN) == [
        (0.2547, 125470.0, 0.2547, 1.85, -0.12, "2023-06-15 00:00:00+00",
         0.18, 28, 0.6222, 2.15, 145.6, 520.35, -285.2)
    ]  # fmt: skip
    params, config = rows("select params, config from runs where run_id = ?", RUN)[0]
    assert json.loads(params) == {"fast_period": 10, "slow_period": 50, "risk_percent": 2}
    config = json.loads(config)
    assert config["config_path"] == "config/strategies/sma_crossover.yaml"
    assert config["imported"]["performance_metrics.id"] == 1
    said = how(report)
    assert said["run_id"] == ("run_id", "kept")
    assert (
        said["total_return"][1] == "fraction: agrees with final over initial capital in 2 of 2 rows"
    )
    assert said["win_rate"][1] == "fraction: agrees with winning over all trades in 2 of 2 rows"


@pytest.mark.parametrize(
    ("unit", "written"), [("fraction", 0.2547), ("percent", 25.47), ("money", 25470)]
)
def test_a_total_return_in_any_unit(
    store: Store, rows, server: Server, url: str, unit: str, written: float
):
    server.ask(url, RUNS + executed() + measured(1, total_return=written))
    assert how(take(store, url))["total_return"][1].startswith(f"{unit}: agrees with")
    assert rows("select total_return from runs") == [(pytest.approx(0.2547),)]


def test_types_of_other_tables(store: Store, rows, server: Server, url: str):
    server.ask(
        url,
        """
        create schema lab;
        create type side as enum ('long', 'short');
        create table lab.tests (
          a int, b text, strategy text, created_at timestamp, legs int[], way side, span interval,
          day date, clock time, fee money, raw bytea, score numeric, odd float8, until timestamptz,
          start_date date, primary key (a, b));
        insert into lab.tests values (1, 'x', 'sma', '2025-01-02 03:04:05', '{1,2}', 'long',
          '1 day', '2025-01-01', '12:30', '$1,234.50', '\\x01ff', 1.5, 'NaN', 'infinity', '1984-01-02');
        """,
    )
    report = take(store, url, "lab.tests")
    assert report.added[0].startswith("postgres.1-x.")
    assert rows("select strategy, created_at::varchar, start_at::varchar, extra::varchar from runs") == [
        ("sma", "2025-01-02 03:04:05+00", "1984-01-02 00:00:00+00", "{fee=1234.5, score=1.5}")
    ]  # fmt: skip
    assert json.loads(rows("select config from runs")[0][0])["imported"] == {
        "store": "postgres", "table": "lab.tests", "a": 1, "b": "x", "legs": [1, 2], "way": "long",
        "span": "1 day", "day": "2025-01-01", "clock": "12:30:00", "raw": "\\x01ff",
    }  # fmt: skip


def test_bad_values_are_named(store: Store, server: Server, url: str):
    server.ask(
        url,
        strategies()
        + tried(metrics={"sharpe_ratio": "high"})
        + tried(metrics=[1, 2])
        + tried(metrics={"win_rate": 0.5})
        + tried(period_end="2024-01-01"),
    )
    report = take(store, url)
    assert sorted((bad.row, bad.column) for bad in report.cells) == [
        ("id 1", "metrics.sharpe_ratio"),
        ("id 2", "metrics"),
        ("id 4", "period_end"),
    ]
    assert len(report.added) == 4


@pytest.mark.slow
def test_many_batches(store: Store, rows, server: Server, url: str):
    server.ask(
        url,
        strategies()
        + f"""
        insert into backtest_results (strategy_id, metrics, parameters)
        select '{ALPHA}', jsonb_build_object('sharpe_ratio', n / 1000.0, 'total_trades', n),
          jsonb_build_object('n', n) from generate_series(1, 11000) n;
        """,
    )
    seen: list[int] = []
    report = take(store, url, progress=lambda done, total, _: seen.append(done))
    assert seen == [5_000, 10_000, 11_000]
    assert len(report.added) == 11_000
    assert rows("select count(distinct params_hash), sum(total_trades) from runs") == [
        (11_000, 11_000 * 11_001 // 2)
    ]


def test_nothing_is_written_to_the_database(server: Server, url: str):
    server.ask(url, strategies())
    source = open_source("postgres", url)
    with pytest.raises(BadInput, match="read-only transaction"), source._readable():  # type: ignore[attr-defined]
        source._ask("delete from backtest_results")  # type: ignore[attr-defined]
    source.close()


def test_clear_refusals(store: Store, server: Server, url: str):
    with pytest.raises(BadInput, match=r"no table backtest_results.*There are no tables at all"):
        take(store, url)
    server.ask(url, strategies())
    with pytest.raises(
        UnknownName, match="no table 'backtest_result'. Did you mean backtest_results"
    ):
        take(store, url, "backtest_result")
    with pytest.raises(BadInput, match="Connection refused") as refused:
        take(store, "postgresql://me:secret@localhost:1/trading")
    assert "secret" not in str(refused.value)
    with pytest.raises(BadInput, match='database "nowhere" does not exist'):
        take(store, f"postgresql://tester@/nowhere?host={server.folder}")


def test_urls_of_applications():
    pasted = "postgresql+asyncpg://me:pw@db.example.com:5432/trading?ssl=require"
    assert libpq_url(pasted) == "postgresql://me:pw@db.example.com:5432/trading?sslmode=require"
    assert libpq_url("postgres:///trading") == "postgresql:///trading"
    assert (
        without_password(pasted)
        == "postgresql+asyncpg://me@db.example.com:5432/trading?ssl=require"
    )
    with pytest.raises(BadInput, match="named as postgresql://"):
        libpq_url("mysql://localhost/trading")


def test_no_message_holds_a_password(store: Store, server: Server):
    for url in (
        "postgresql://me:s3cret@localhost:1/trading",
        "postgresql://me:s3cret%zz@localhost:1/trading",
        "postgresql://me:half@s3cret@localhost:1/trading",
        f"postgresql://tester@/nowhere?host={server.folder}&password=s3cret",
        f"postgresql://tester@/nowhere?password=s3cret&host={server.folder}&sslpassword=s3cret",
        f"postgresql://tester@/nowhere?host={server.folder}&password=s3cret%zz",
        "host=localhost port=1 password=s3cret",
        "mysql://me:s3cret@localhost/trading",
        "me:s3cret@localhost/trading",
    ):
        with pytest.raises(BadInput) as refused:
            take(store, url)
        assert "s3cret" not in str(refused.value), url
    with pytest.raises(BadInput, match="write an @ in the password as %40"):
        take(store, "postgresql://me:half@s3cret@localhost:1/trading")


def test_the_driver_is_optional(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    with pytest.raises(MissingExtra, match=r'pip install "bt-lake\[postgres\]"'):
        take(store, "postgresql:///trading")


@pytest.mark.slow
def test_the_documents_say_the_same(store: Store, server: Server, url: str):
    failed = executed(
        FAILED, execution_status="failed", error_message="no data", reproduced_from_run_id=RUN
    )
    server.ask(url, RUNS + executed() + measured(1) + failed)
    report = take(store, url)
    assert {c.theirs: c.ours for c in report.columns} == documented(
        "`backtest_runs` with `performance_metrics`"
    )
    other = server.database()
    server.ask(other, strategies() + tried())
    report = take(store, other)
    assert {c.theirs: c.ours for c in report.columns} == documented(
        "`backtest_results` with metrics and parameters as JSONB"
    )


def test_a_table_that_may_not_be_read_is_said_in_a_line(store: Store, server: Server, url: str):
    server.ask(url, strategies() + tried() + "create role poor login;")
    with pytest.raises(BadInput, match="permission denied for table backtest_results") as refused:
        take(store, url.replace("tester@", "poor@"))
    assert len(str(refused.value)) < 300
