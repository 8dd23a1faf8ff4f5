"""The plain DuckDB shell opens the lake and sees what Python sees."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sysconfig
from contextlib import suppress
from pathlib import Path

import pytest
from factory import frames, ids

from bt_lake.queries.reading import Reader
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.store import Store

DUCKDB = Path(sysconfig.get_path("scripts")) / "duckdb"


def shell(folder: Path, sql: str) -> list[list[str]]:
    assert DUCKDB.exists(), "the package duckdb-cli belongs to the development dependencies"
    done = subprocess.run(
        [DUCKDB, "-init", "lake.sql", "-csv", "-noheader", "-bail", "-c", sql],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "TZ": "UTC"},
    )
    assert done.returncode == 0, done.stderr
    return list(csv.reader(io.StringIO(done.stdout)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lake", "my 'lake' [1]*", "湖"])
def test_the_shell_sees_what_python_sees(tmp_path, name):
    store = Store(tmp_path / name)
    for _ in range(3):
        store.append(frames(2, points=4, symbol="AAPL", initial_capital=100.0))
    store.compact()
    made = frames(2)
    store.append(made)
    store.append_events("delete", ids(made)[:1])
    store.append_events("tag", ids(made)[1:], "hot")
    for sql in (
        "select count(*), (select count(*) from trials), (select count(*) from equity), "
        "(select count(*) from trades), (select count(*) from events) from runs",
        "select run_id, symbol, array_to_string(tags, ','), bars from runs order by 1",
        "select run_id, round(sum(drawdown), 9) from equity group by 1 order by 1",
        'select run_id, month, round("return", 9) from monthly_returns order by 1, 2',
    ):
        ours = store.ask(lambda c, sql=sql: c.execute(sql).fetchall())
        assert shell(store.path, sql) == [
            ["NULL" if v is None else str(v) for v in row] for row in ours
        ]


def test_the_shell_lists_the_views_that_one_asks_and_no_others(store):
    store.append(frames(1))
    named = [
        "runs",
        "trials",
        "equity",
        "trades",
        "events",
        "monthly_returns",
        "studies",
        "study_trials",
    ]
    assert f"-- Views: {', '.join(named)}." in (store.path / "lake.sql").read_text("utf-8")
    assert shell(store.path, "show tables") == [[name] for name in sorted(named)]


def test_the_shell_reads_an_empty_lake(store):
    store.create()
    assert shell(store.path, "select count(*) from runs") == [["0"]]


def test_the_shell_says_where_to_start_it(store, tmp_path):
    store.append(frames(1))
    done = subprocess.run(
        [DUCKDB, "-init", store.path / "lake.sql", "-c", "select 1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "start duckdb in the lake's folder: cd lake && duckdb -init lake.sql" in done.stderr


def test_the_shell_refuses_a_newer_format(store):
    store.append(frames(1))
    card = store.layout.card
    card.write_text(card.read_text().replace('"format": 1', '"format": 9'))
    done = subprocess.run(
        [DUCKDB, "-init", "lake.sql", "-bail", "-c", "select 1"],
        cwd=store.path,
        capture_output=True,
        text=True,
    )
    assert "format 9" in done.stderr
    assert "up to format 1" in done.stderr


def test_lake_sql_of_the_folder_is_what_python_runs(store):
    from bt_lake.warehouse.surface import files_sql, lake_sql, rest_sql, snapshot_sql, views_sql

    store.append(frames(1))
    text = store.layout.sql.read_text()
    assert text == lake_sql()
    assert snapshot_sql(returned=True) in text
    for inner in ("files", "rows", "pending_events", "curves", "trade_rows", "shown"):
        text = text.replace(f"temp macro lake_{inner}() as table", f"temp view lake_{inner} as")
        text = text.replace(f"lake_{inner}()", f"lake_{inner}")
    assert files_sql() in text
    assert views_sql() in text
    assert all(part in text for part in rest_sql())


@pytest.mark.parametrize(
    ("sql", "made", "not_made"),
    [
        ("from equity", "monthly_returns", "sweep"),
        ("from deflated()", "deflated", "sweep"),
        ("select lake_param(params, 'fast') from runs", "lake_param", "sweep"),
        ("from best('sharpe_ratio')", "sweep", "deflated"),
        ("from drawdowns('x') where rank > 1", "drawdowns", "deflated"),
    ],
)
def test_a_question_makes_those_views_and_macros_that_it_needs(store, sql, made, not_made):
    reader = Reader(store.layout)
    store.append(frames(1))

    def names(connection):
        there = "select view_name from duckdb_views() union select function_name from duckdb_functions()"
        return {name for (name,) in connection.execute(there).fetchall()}

    with suppress(BadInput):  # a macro that says there is no such run
        reader.ask(lambda connection: connection.execute(sql).fetchall(), user_sql=True)
    assert {made, not_made} & reader.ask(names) == {made}
    reader.close()
