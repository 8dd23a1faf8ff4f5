"""Import from SQLite: the table `backtest_results`, and tables that others made."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from older_stores import add_results, documented, result

from bt_lake.ingest.stores import open_source
from bt_lake.ingest.stores.importing import import_rows
from bt_lake.ingest.stores.report import ImportReport
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName
from bt_lake.warehouse.store import Store


def take(store: Store, path: Path, table: str | None = None, **options) -> ImportReport:
    source = open_source("sqlite", path, table)
    try:
        return import_rows(store, source, **options)
    finally:
        source.close()


def how(report: ImportReport) -> dict[str, tuple[str, str]]:
    return {column.theirs: (column.ours, column.how) for column in report.columns}


def test_every_column_finds_its_place(store: Store, rows, tmp_path: Path):
    path = add_results(tmp_path / "trading.db", result(), result(id=7, notes=None))
    report = take(store, path)
    assert (report.rows, len(report.added), report.failed) == (2, 2, [])
    found = rows(
        "select symbol, timeframe, model_path, created_at::varchar, start_at::varchar, "
        "end_at::varchar, initial_capital, final_equity, notes, status from runs "
        "where notes is not null"
    )
    assert found == [
        ("GOOGL", "1Hour", "models/rl_symbols/GOOGL_1Hour.pt", "2024-12-29 00:00:00+00",
         "1984-12-24 00:00:00+00", "2023-12-31 00:00:00+00", 100000.0, 112500.0, "first", "ok")
    ]  # fmt: skip
    metrics = "total_return, sharpe_ratio, max_drawdown, win_rate, profit_factor, total_trades, expectancy"
    assert rows(f"select distinct {metrics}, metrics_from from runs") == [
        (0.125, 1.25, -0.085, 0.55, 1.5, 40, 312.5, "reported")
    ]
    (config,) = rows("select config from runs where notes is not null")[0]
    assert json.loads(config) == {
        "stop_loss": 0.02,
        "take_profit": "Infinity",
        "imported": {"store": "sqlite", "table": "backtest_results", "id": 1},
    }


def test_units_are_decided_by_column_and_said(store: Store, tmp_path: Path):
    path = add_results(
        tmp_path / "trading.db", *(result(final_equity=100000.0 + 12500) for _ in "ab")
    )
    said = how(take(store, path))
    assert said["total_return"] == (
        "total_return",
        "percent: agrees with final over initial capital in 2 of 2 rows",
    )
    assert said["max_drawdown"][1] == "percent: 2 of 2 values are beyond 1; its sign is turned"
    assert said["win_rate"][1] == "percent: 2 of 2 values are beyond 1"
    assert said["run_timestamp"] == ("created_at", "seconds since 1970")
    assert said["avg_trade_pnl"] == ("expectancy", "")
    assert said["id"] == ("config.imported.id", "part of the run's id")


def test_a_second_import_adds_what_is_new(store: Store, rows, tmp_path: Path):
    path = add_results(tmp_path / "trading.db", result(), result(symbol="AAPL"))
    first = take(store, path)
    add_results(path, result(symbol="MSFT"))
    second = take(store, path)
    assert (len(first.added), len(second.added), len(second.skipped)) == (2, 1, 2)
    assert rows("select count(*), count(distinct run_id) from runs") == [(3, 3)]


def test_ids_outlive_copies_and_edits(store: Store, tmp_path: Path):
    path = add_results(tmp_path / "trading.db", result(), result(symbol="AAPL"))
    ids = take(store, path).added
    assert [run_id.split(".")[:2] for run_id in ids] == [["sqlite", "1"], ["sqlite", "2"]]
    copy = shutil.copy(path, tmp_path / "backup-2026.db")
    with sqlite3.connect(copy) as connection:
        connection.execute("update backtest_results set notes = 'seen', sharpe_ratio = 1.3")
        connection.execute("alter table backtest_results add column reviewed integer default 0")
    assert take(store, Path(copy)).skipped == ids


def test_the_same_number_in_another_store_is_another_run(store: Store, tmp_path: Path):
    take(store, add_results(tmp_path / "one.db", result()))
    other = result(config_json='{"stop_loss": 0.1}', run_timestamp=1_735_430_460)
    report = take(store, add_results(tmp_path / "two.db", other))
    assert len(report.added) == 1


def test_a_dry_run_writes_nothing(store: Store, tmp_path: Path):
    report = take(store, add_results(tmp_path / "trading.db", result()), dry_run=True)
    assert len(report.added) == 1
    assert not store.path.exists()


def test_bad_values_are_named_and_the_rest_is_in(store: Store, rows, tmp_path: Path):
    path = add_results(
        tmp_path / "trading.db",
        result(),
        result(total_trades="many"),
        result(config_json="{not json"),
        result(end_date=0),
        result(win_rate=170.0),
        result(),
        result(symbol="AAPL"),
    )
    with sqlite3.connect(path) as connection:
        connection.execute(
            "update backtest_results set symbol = cast(x'ff41' as text) where id = 6"
        )
    report = take(store, path)
    assert [(bad.row, bad.column) for bad in sorted(report.cells, key=lambda c: c.row)] == [
        ("id 2", "total_trades"),
        ("id 3", "config_json"),
        ("id 4", "end_date"),
        ("id 5", "win_rate"),
        ("id 6", "symbol"),
    ]
    assert str(report.cells[0]) == 'backtest_results, id 2, total_trades: "many" is not a number'
    assert len(report.added) == 7
    kept = rows("select config ->> '$.imported.total_trades' from runs where total_trades is null")
    assert ("many",) in kept
    with sqlite3.connect(path) as connection:
        connection.execute("update backtest_results set total_trades = 4 where id = 2")
    mended = take(store, path, update=True)
    assert (len(mended.added), len(mended.updated)) == (0, 1)
    assert rows("select count(*) from runs where total_trades = 4") == [(1,)]


def test_a_bad_value_costs_its_row_where_that_is_asked_for(store: Store, tmp_path: Path):
    path = add_results(tmp_path / "trading.db", result(), result(total_trades="many"))
    report = take(store, path, strict=True)
    assert (len(report.added), [bad.row for bad in report.failed]) == (1, ["id 2"])


def test_nothing_is_dropped(store: Store, rows, tmp_path: Path):
    path = add_results(tmp_path / "trading.db", result())
    with sqlite3.connect(path) as connection:
        for column in ("my_score real", "desk text", "legs text", "cagr_net real", "blob blob"):
            connection.execute(f"alter table backtest_results add column {column}")
        connection.execute(
            "update backtest_results set my_score = 7.5, desk = '1.10', legs = '[1, 2]', blob = x'0102'"
        )
    report = take(store, path)
    assert rows("select extra['my_score'] from runs") == [(7.5,)]
    imported = json.loads(rows("select config from runs")[0][0])["imported"]
    assert (imported["desk"], imported["legs"], imported["blob"]) == ("1.10", [1, 2], "0102")
    said = how(report)
    assert said["my_score"] == ("extra.my_score", "not known")
    assert said["desk"] == ("config.imported.desk", "not known")
    assert "cagr_net" not in said  # it is empty


def test_their_names_by_map(store: Store, rows, tmp_path: Path):
    path = tmp_path / "mine.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "create table tests (code text primary key, algo text, fast int, ret real, dd real, "
            "made text, blob text)"
        )
        connection.executemany(
            "insert into tests values (?, ?, ?, ?, ?, ?, ?)",
            [
                ("A-1", "sma", 10, 25.0, 12.0, "2024-01-02 03:04:05", '{"sharpe": 1.5, "mine": 2}'),
                ("A-2", "sma", 20, -4.0, 30.0, "2024-01-03", '{"sharpe": null}'),
            ],
        )
    names = {
        "code": "run_id",
        "algo": "strategy",
        "fast": "params.fast",
        "ret": "total_return",
        "dd": "max_drawdown",
        "made": "created_at",
        "blob": "metrics",
    }
    report = take(store, path, "tests", names=names, units={"ret": "percent"})
    assert report.added == ["A-1", "A-2"]
    assert rows(
        "select strategy, params, total_return, max_drawdown, sharpe_ratio, extra['mine'], "
        "created_at::varchar from runs order by run_id"
    ) == [
        ("sma", '{"fast":10}', 0.25, -0.12, 1.5, 2.0, "2024-01-02 03:04:05+00"),
        ("sma", '{"fast":20}', -0.04, -0.3, None, None, "2024-01-03 00:00:00+00"),
    ]
    assert how(report)["ret"] == ("total_return", "percent: as you said")


def test_a_strategy_that_no_row_names(store: Store, rows, tmp_path: Path):
    path = add_results(
        tmp_path / "trading.db", result(), result(config_json='{"strategy": "rl_v2"}')
    )
    report = take(store, path)
    assert rows("select strategy from runs order by run_id") == [("trading",), ("rl_v2",)]
    assert report.warnings == [
        "1 row does not name its strategy: it is 'trading' now; importing again with "
        "--set strategy=NAME says better"
    ]
    other = Store(tmp_path / "other")
    assert take(other, path, set_columns={"strategy": "rl"}).warnings == []
    assert other.ask(lambda c: c.execute("select distinct strategy from runs").fetchall()) == [
        ("rl",)
    ]


def test_runs_with_their_metrics_beside_them(store: Store, rows, tmp_path: Path):
    """The two tables of a run store, in SQLite."""
    path = tmp_path / "runs.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            create table backtest_runs (id integer primary key, run_id text, strategy_name text,
              execution_status text, created_at text);
            create table performance_metrics (id integer primary key, backtest_run_id integer,
              total_return real, created_at text);
            insert into backtest_runs values
              (5, '0b6f4a1c-3f0e-4f0e-9e52-0c6d1f9f0a01', 'sma', 'success', '2025-01-25'),
              (6, '0b6f4a1c-3f0e-4f0e-9e52-0c6d1f9f0a02', 'sma', 'failed', '2025-01-26'),
              (7, '0b6f4a1c-3f0e-4f0e-9e52-0c6d1f9f0a03', 'sma', 'running', '2025-01-27');
            insert into performance_metrics values (9, 5, 0.25, '2025-02-01');
            """
        )
    report = take(store, path)
    assert report.unfinished == 1
    assert rows(
        "select run_id, status, total_return, created_at::varchar from runs order by 1"
    ) == [
        ("0b6f4a1c-3f0e-4f0e-9e52-0c6d1f9f0a01", "ok", 0.25, "2025-01-25 00:00:00+00"),
        ("0b6f4a1c-3f0e-4f0e-9e52-0c6d1f9f0a02", "failed", None, "2025-01-26 00:00:00+00"),
    ]
    assert how(report)["performance_metrics.created_at"][0].startswith("config.imported.")


@pytest.mark.slow
def test_many_batches(store: Store, rows, tmp_path: Path):
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    picked = random.Random(seed)
    several = [
        result(total_return=(value := picked.gauss(5, 20)), final_equity=1e5 * (1 + value / 100))
        for _ in range(12_001)
    ]
    path = add_results(tmp_path / "trading.db", *several)
    seen: list[tuple[int, int]] = []
    report = take(store, path, progress=lambda done, total, _: seen.append((done, total)))
    assert seen == [(5_000, 12_001), (10_000, 12_001), (12_001, 12_001)]
    assert len(set(report.added)) == 12_001
    assert rows("select count(*), sum(total_return) from runs") == [
        (12_001, pytest.approx(sum(r["total_return"] for r in several) / 100))
    ]


@pytest.mark.slow
def test_others_may_write_meanwhile(store: Store, rows, tmp_path: Path):
    """And what they write, a metric of a new name, comes in with the rest."""
    path = add_results(tmp_path / "trading.db", *(result(config_json="{}") for _ in range(5_001)))

    def write(done: int, total: int, report: ImportReport) -> None:
        if done == 5_000:
            with sqlite3.connect(path, timeout=0) as connection:
                connection.execute(
                    """
                    insert into backtest_results select 9999, symbol, timeframe, model_path,
                      run_timestamp, start_date, end_date, initial_capital, final_equity,
                      total_return, sharpe_ratio, max_drawdown, win_rate, profit_factor,
                      total_trades, avg_trade_pnl, '{"late": 1}', notes
                    from backtest_results limit 1
                    """
                )

    report = take(store, path, names={"config_json": "metrics"}, progress=write)
    assert len(report.added) == 5_002
    assert rows("select count(*) from runs where extra['late'] = 1") == [(1,)]


def test_rows_without_a_key(store: Store, tmp_path: Path):
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table backtest_results (strategy text, sharpe real)")
        connection.executemany(
            "insert into backtest_results values (?, ?)", [("a", 1.0), ("a", 2.0), ("a", 1.0)]
        )
    report = take(store, path)
    assert (len(report.added), len(report.skipped)) == (2, 1)
    assert any("no primary key" in warning for warning in report.warnings)


def test_clear_refusals(store: Store, tmp_path: Path):
    with pytest.raises(NotFound, match="no such file"):
        take(store, tmp_path / "nowhere.db")
    text = tmp_path / "text.db"
    text.write_text("no database at all, but long enough to look like one" * 40)
    with pytest.raises(BadInput, match=r"text\.db: SQLite cannot read it: file is not a database"):
        take(store, text)
    path = add_results(tmp_path / "trading.db", result())
    with pytest.raises(UnknownName, match="no table 'result'"):
        take(store, path, "result")
    with pytest.raises(UnknownName, match=r"no column 'algo'.*There are id, symbol"):
        take(store, path, names={"algo": "strategy"})
    with pytest.raises(UnknownName, match=r"no column 'shrape_ratio'. Did you mean sharpe_ratio"):
        take(store, path, names={"symbol": "shrape_ratio"})
    with pytest.raises(BadInput, match="a unit is fraction, percent, money"):
        take(store, path, units={"win_rate": "bips"})
    with pytest.raises(UnknownName, match="no column with a unit 'symbol'"):
        take(store, path, units={"symbol": "percent"})
    with pytest.raises(BadInput, match="--map symbol=run_id: not every row has a value of its own"):
        take(store, add_results(path, result()), names={"symbol": "run_id"})
    with sqlite3.connect(path) as connection:
        connection.execute("create table backtest_runs (id integer)")
    with pytest.raises(BadInput, match="several tables may hold the runs: name one with --table"):
        take(store, path)
    assert not store.path.exists()


def test_an_empty_table(store: Store, tmp_path: Path):
    report = take(store, add_results(tmp_path / "trading.db"))
    assert (report.rows, report.added) == (0, [])


def test_a_damaged_file(store: Store, tmp_path: Path):
    path = add_results(tmp_path / "trading.db", *(result() for _ in range(4_000)))
    data = bytearray(path.read_bytes())
    data[200_000:220_000] = bytes(20_000)
    path.write_bytes(data)
    with pytest.raises(BadInput, match="SQLite cannot read it"):
        take(store, path)


def test_the_documents_say_the_same(store: Store, tmp_path: Path):
    report = take(store, add_results(tmp_path / "trading.db", result()))
    assert {c.theirs: c.ours for c in report.columns} == documented(
        "`backtest_results` with Unix times"
    )
