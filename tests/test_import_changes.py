"""What older stores look like after a year: repeats, renames, mixed units, broken members."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path
from typing import Any

import pytest
from older_stores import add_results, result

from bt_lake.ingest.stores.importing import import_rows
from bt_lake.ingest.stores.report import ImportReport
from bt_lake.ingest.stores.sqlite import SqliteSource
from bt_lake.warehouse.store import Store


def take(store: Store, path: Path, table: str | None = None, **options: Any) -> ImportReport:
    source = SqliteSource(path, table)
    try:
        return import_rows(store, source, **options)
    finally:
        source.close()


def table(path: Path, columns: str, *rows: tuple[Any, ...]) -> Path:
    with sqlite3.connect(path) as connection:
        if columns:
            connection.execute(f"create table backtest_results ({columns})")
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"insert into backtest_results values ({marks})", rows)
    return path


def test_a_repeated_run_id_changes_no_other_id(store: Store, rows, tmp_path: Path):
    ids = [str(uuid.uuid4()) for _ in range(20)]
    made = [(number, run_id, 1.5) for number, run_id in enumerate(ids)]
    path = table(tmp_path / "s.db", "id integer primary key, run_id text, sharpe_ratio real", *made)
    assert set(take(store, path).added) == set(ids)
    table(path, "", (99, ids[3], 2.5))
    again = take(store, path)
    assert (again.added, len(again.skipped)) == ([], 20)
    assert [str(row) for row in again.repeated] == [
        "backtest_results, id 99, run_id: the run of id 3 again; a run is taken once"
    ]
    assert rows("select count(*), count(distinct run_id) from runs") == [(20, 20)]


def test_two_rows_of_metrics_are_no_two_runs(store: Store, rows, tmp_path: Path):
    ids = [str(uuid.uuid4()) for _ in range(4)]
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.executescript(
            "create table backtest_runs (id integer primary key, run_id text, strategy_name text);"
            "create table performance_metrics (backtest_run_id integer, sharpe_ratio real);"
        )
        for number, run_id in enumerate(ids):
            connection.execute("insert into backtest_runs values (?, ?, 's')", (number, run_id))
            connection.execute("insert into performance_metrics values (?, 1.0)", (number,))
        connection.execute("insert into performance_metrics values (2, 1.0)")
    report = take(store, tmp_path / "s.db")
    assert set(report.added) == set(ids)
    assert [bad.row for bad in report.repeated] == ["id 2"]
    assert len(take(store, tmp_path / "s.db").added) == 0


def test_the_exact_name_outdoes_a_spelling_of_it(store: Store, rows, tmp_path: Path):
    path = table(
        tmp_path / "s.db",
        'id integer primary key, "Sharpe Ratio" real, sharpe_ratio real',
        (1, 9.9, None), (2, None, 1.0), (3, 3.0, 3.0), (4, 7.0, 2.0),
    )  # fmt: skip
    report = take(store, path)
    assert rows("select sharpe_ratio from runs order by sharpe_ratio") == [(1,), (2,), (3,), (9.9,)]
    assert [w for w in report.warnings if "says otherwise" in w] == [
        "Sharpe Ratio says otherwise than sharpe_ratio in 1 rows: sharpe_ratio is taken, the other "
        "kept in extra"
    ]
    assert rows("select extra['Sharpe Ratio'] from runs where sharpe_ratio = 2") == [(7.0,)]


def test_names_that_changed_over_the_year_are_one(store: Store, rows, tmp_path: Path):
    path = table(
        tmp_path / "s.db", "id integer primary key, sharpe real, sharpe_ratio real",
        (1, 0.5, None), (2, None, 1.5),
    )  # fmt: skip
    take(store, path, names={"sharpe": "sharpe_ratio"})
    assert rows("select sharpe_ratio from runs order by 1") == [(0.5,), (1.5,)]


def test_a_row_proves_its_unit(store: Store, rows, tmp_path: Path):
    made = [(n, 100.0, 100.0 + n, float(n)) for n in range(1, 20)]  # percent
    made += [(20, 100.0, 152.0, 0.52), (21, 100.0, 350.0, 2.5)]  # fractions
    columns = "id integer primary key, initial_capital real, final_equity real, total_return real"
    report = take(store, table(tmp_path / "s.db", columns, *made))
    assert rows(
        "select count(*) from runs where abs(total_return - final_equity / 100 + 1) > 1e-9"
    ) == [(0,)]
    assert [w for w in report.warnings if "another unit" in w] == [
        "total_return: 2 rows are in another unit than the rest, a fraction as other columns of "
        "the same rows prove; they are taken so"
    ]


def test_money_among_fractions_is_proved_by_the_capital(store: Store, rows, tmp_path: Path):
    made = [(n, 1000.0, 1000.0 + n, n / 1000) for n in range(1, 60)] + [(99, 1000.0, 1250.0, 250.0)]
    columns = "id integer primary key, initial_capital real, final_equity real, total_return real"
    take(store, table(tmp_path / "s.db", columns, *made))
    assert rows("select max(total_return) from runs") == [(0.25,)]


def test_what_stands_out_and_cannot_be_proved_is_listed(store: Store, tmp_path: Path):
    made = [(n, n / 100) for n in range(1, 40)] + [(99, 250.0)]
    path = table(tmp_path / "s.db", "id integer primary key, total_return real", *made)
    report = take(store, path)
    assert [(d.row, d.column) for d in report.doubtful] == [("id 99", "total_return")]
    assert any("stand out a hundredfold" in warning for warning in report.warnings)


def test_a_changed_text_is_no_second_run(store: Store, rows, tmp_path: Path):
    path = add_results(tmp_path / "t.db", result(), result())
    first = take(store, path).added
    with sqlite3.connect(path) as connection:
        connection.execute("update backtest_results set symbol = 'GOOG' where id = 1")
    said = take(store, path)
    assert said.added == []
    assert [str(row) for row in said.changed] == [
        'backtest_results, id 1, symbol: was "GOOGL" and is "GOOG"'
    ]
    updated = take(store, path, update=True)
    assert len(updated.updated) == 1
    assert rows("select symbol, count(*) from runs group by 1 order by 1") == [
        ("GOOG", 1), ("GOOGL", 1),
    ]  # fmt: skip
    assert rows("select run_id from trials where deleted_at is not null") == [(first[0],)]
    after = take(store, path, update=True)
    assert (after.added, after.updated, after.changed) == ([], [], [])


def test_what_was_said_at_the_first_import_can_be_said_better(store: Store, rows, tmp_path: Path):
    path = add_results(tmp_path / "t.db", result(), result(symbol="AAPL"))
    take(store, path)
    again = take(store, path, set_columns={"strategy": "rl"})
    assert (again.added, len(again.updated)) == ([], 2)
    assert rows("select distinct strategy from runs") == [("rl",)]
    assert take(store, path, set_columns={"strategy": "rl"}).updated == []
    assert len(take(store, path, set_columns={"strategy": "rl2"}).updated) == 2
    assert rows("select distinct strategy from runs") == [("rl2",)]


def test_values_of_theirs_can_be_told(store: Store, rows, tmp_path: Path):
    made = [(1, "ok", 1.0), (2, "timeout", None)]
    path = table(tmp_path / "s.db", "id integer primary key, status text, sharpe_ratio real", *made)
    assert [bad.row for bad in take(store, path, dry_run=True).failed] == ["id 2"]
    take(store, path, values={"status.timeout": "failed"})
    assert rows("select status, count(*) from trials group by 1 order by 1") == [
        ("failed", 1), ("ok", 1),
    ]  # fmt: skip


def test_a_table_that_holds_no_results_is_said_to(store: Store, tmp_path: Path):
    path = table(tmp_path / "s.db", "id integer primary key, state text", (1, "COMPLETE"))
    said = " ".join(take(store, path).warnings)
    assert "no column of backtest_results is a metric or a parameter" in said


def test_curves_within_a_row_come_over(store: Store, rows, tmp_path: Path):
    curve = '[["2024-01-01", 100], ["2024-01-02", 110]]'
    metrics = f'{{"equity_curve": {curve}, "sharpe_ratio": 1.0}}'
    path = table(tmp_path / "s.db", "id integer primary key, metrics text", (1, metrics))
    take(store, path, names={"metrics.equity_curve": "equity"})
    assert rows("select count(*), max(equity) from equity") == [(2, 110.0)]


def test_the_answer_names_the_place_where_a_value_is(store: Store, rows, tmp_path: Path):
    path = table(tmp_path / "s.db", "id integer primary key, equity real", (1, 5.0))
    report = take(store, path)
    (place,) = [column.ours for column in report.columns if column.theirs == "equity"]
    assert place == "extra.imported_equity"
    assert rows("select extra['imported_equity'] from runs") == [(5.0,)]


@pytest.mark.parametrize("seed", range(5))
def test_every_row_is_in_once_or_listed(seed: int, store: Store, rows, tmp_path: Path):
    """Random stores, imported twice with changes between; the seed names the test."""
    import random

    rng = random.Random(seed)
    columns = "id integer primary key, run_id text, strategy text, sharpe real, sharpe_ratio real, note text"
    made = []
    for number in range(rng.randint(5, 40)):
        value = rng.choice([1.5, None, "N/A", 2])
        made.append(
            (
                number,
                str(uuid.UUID(int=rng.getrandbits(128))),
                "s",
                value,
                rng.choice([None, 1.0]),
                "x",
            )
        )
    for number in range(rng.randint(0, 3)):
        made.append((1000 + number, rng.choice(made)[1], "s", 1.0, None, "again"))
    path = table(tmp_path / "s.db", columns, *made)
    first = take(store, path)
    assert len(first.added) + len(first.failed) + len(first.repeated) == len(made)
    with sqlite3.connect(path) as connection:
        connection.execute("update backtest_results set strategy = 't' where id % 3 = 0")
        connection.execute(
            "insert into backtest_results values (5000, ?, 's', 1.0, null, 'new')",
            (str(uuid.uuid4()),),
        )
    second = take(store, path, update=True)
    assert len(second.added) == 1
    in_lake = rows("select count(*) from runs")[0][0]
    assert in_lake == len(first.added) + 1
    want = sum(1 for row in made if row[0] % 3 == 0 and row[0] < 1000)
    assert rows("select count(*) from runs where strategy = 't'") == [(want,)]
    assert take(store, path, update=True).updated == []


def test_a_time_that_was_set_right_is_no_second_run(store: Store, rows, tmp_path: Path):
    path = add_results(tmp_path / "t.db", result(), result(symbol="AAPL"))
    take(store, path)
    with sqlite3.connect(path) as connection:
        for column in ("run_timestamp", "start_date", "end_date"):
            connection.execute(f"update backtest_results set {column} = {column} - 18000")
    said = take(store, path)
    times = {"created_at", "start_at", "end_at"}
    assert (said.added, {bad.column for bad in said.changed}) == ([], times)
    other = add_results(tmp_path / "other.db", result(run_timestamp=1, sharpe_ratio=0.3))
    assert len(take(store, other).added) == 1  # row 1 of another store is another run


def test_a_rename_that_is_taken_back_is_a_version_too(store: Store, rows, tmp_path: Path):
    path = add_results(tmp_path / "t.db", result())
    take(store, path)
    for symbol in ("GOOG", "GOOGL", "GOOG"):
        with sqlite3.connect(path) as connection:
            connection.execute("update backtest_results set symbol = ?", (symbol,))
        assert len(take(store, path, update=True).updated) == 1
        assert rows("select symbol from runs") == [(symbol,)]


def test_what_was_deleted_does_not_come_back_by_a_rename(store: Store, rows, tmp_path: Path):
    path = add_results(tmp_path / "t.db", result())
    store.append_events("delete", take(store, path).added)
    with sqlite3.connect(path) as connection:
        connection.execute("update backtest_results set symbol = 'GOOG'")
    assert take(store, path, update=True).added == []
    assert rows("select count(*) from runs") == [(0,)]


def test_ids_that_most_rows_got_later_double_nothing(store: Store, rows, tmp_path: Path):
    columns = "id integer primary key, run_id text, sharpe_ratio real"
    path = table(tmp_path / "s.db", columns, *((n, None, n / 10) for n in range(20)))
    take(store, path)
    with sqlite3.connect(path) as connection:
        for number in range(20):
            key = (str(uuid.uuid4()), number)
            connection.execute("update backtest_results set run_id = ? where id = ?", key)
    again = take(store, path)
    assert (again.added, len(again.skipped)) == ([], 20)


@pytest.mark.parametrize("share", [0.06, 0.3])
def test_two_units_in_a_column_of_win_rates(share: float, store: Store, rows, tmp_path: Path):
    """Whatever most rows say is the unit; no other row comes in a hundred times too small."""
    made = [(n, 0.5 + n / 1000 if n > 100 * share else 50.0 + n / 10) for n in range(1, 101)]
    path = table(tmp_path / "s.db", "id integer primary key, win_rate real", *made)
    report = take(store, path)
    assert rows("select min(win_rate) >= 0.5, count(win_rate) from runs") == [
        (True, 100 - round(100 * share))
    ]
    assert len(report.cells) == round(100 * share)
    turned = [(n, 1 / wins * 30) for n, wins in made]  # most of them in percent
    path = table(tmp_path / "t.db", "id integer primary key, win_rate real", *turned)
    take(store, path)
    assert rows("select count(*) from runs where win_rate < 0.3") == [(0,)]
