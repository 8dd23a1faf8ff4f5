"""SQL of a user's own can ask the lake anything, and do nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput, LakeError

SECRET = "the secret of the house"


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Iterator[Lake]:
    """One for all: whatever is asked of it, it stays as it is."""
    lake = made(tmp_path_factory.mktemp("guard"))
    before = contents(lake.path)
    yield lake
    assert contents(lake.path) == before


def contents(lake: Path) -> dict[str, bytes]:
    return {path: Path(path).read_bytes() for path in files(lake)}


def made(folder: Path) -> Lake:
    (folder / "secret.txt").write_text(SECRET)
    (folder / "secret.csv").write_text(f"a,b\n1,{SECRET}\n")
    lake = Lake(folder / "lake")
    lake.save(strategy="sma_cross", symbol="AAPL", params={"fast": 10}, metrics={"sharpe_ratio": 1})
    lake.save(strategy="rsi", params={"fast": "x"}, metrics={"sharpe_ratio": 2, "my_score": 3})
    return lake


WRITES = [
    "copy runs to '{out}'",
    "copy (select 1) to '{lake}/runs/x.parquet'",
    "with x as (copy (select 1) to '{lake}/runs/x.csv') select * from x",
    "WITH x AS MATERIALIZED (COPY (SELECT 1) TO '{lake}/x.csv') SELECT 1",
    "select * from (with x as (copy (select 1) to '{lake}/x.csv') select 1)",
    "select (with x as (copy (select 1) to '{lake}/x.csv') select 1)",
    "select 1 union all (with x as (copy (select 1) to '{lake}/x.csv') select 1)",
    "with x as (insert into runs select * from runs returning *) select * from x",
    "with x as (delete from lake_files returning *) select * from x",
    "with x as (update lake_files set path = 'x' returning *) select * from x",
    "from query('copy (select 1) to ''{lake}/x.csv''')",
    "from query('with x as (copy (select 1) to ''{lake}/x.csv'') select 1')",
    "from QUERY($$select 1$$)",
    "from \"query\"('select 1')",
    "from system.main.query('select 1')",
    "select 1 where exists (from query('select 1'))",
    "from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    "export database '{lake}/x'",
    "create table x as select 1",
    "create or replace temp view runs as select 1",
    "create macro best(x) as 1",
    "insert into lake_files values (1)",
    "drop view runs",
    "alter table lake_files rename to x",
    "comment on view runs is 'x'",
    "truncate lake_files",
    "from checkpoint()",
    "from enable_logging(storage = 'file', storage_path = '{lake}')",
    "call enable_logging()",
    "set variable lake = '/etc'",
    "set lock_configuration = false",
    "set enable_external_access = true",
    "set allowed_directories = ['/']",
    "reset enable_external_access",
    "pragma enable_profiling",
    "pragma database_list",
    "attach '{out}' as x",
    "attach ':memory:' as x",
    "detach memory",
    "use memory",
    "install httpfs",
    "load httpfs",
    "load '{out}'",
    "force install httpfs from 'http://example.com'",
    "call pragma_version()",
    "prepare x as select 1",
    "begin",
    "commit",
    "vacuum",
    "explain analyze copy runs to '{out}'",
    "explain select 1",
    "select 1; copy (select 1) to '{lake}/x.csv'",
    "select 1; select 2",
    "select 1 /* ; */; drop view runs --",
    "pivot runs on strategy using count(*)",
    "",
    "-- nothing",
    ";",
]
READS = [
    "from read_text('{secret}.txt')",
    "from read_text('{lake}/../secret.txt')",
    "from read_text(['{secret}.txt'])",
    "from read_text((select '{secret}.txt'))",
    "from read_blob('{secret}.txt')",
    "from read_csv('{secret}.csv')",
    "from '{secret}.csv'",
    'from "{secret}.csv"',
    "select * from read_csv_auto('{secret}.csv')",
    "from read_json('{secret}.csv')",
    "from read_parquet('{secret}.csv')",
    "from parquet_scan('{secret}.csv')",
    "from parquet_metadata('{secret}.csv')",
    "from sniff_csv('{secret}.csv')",
    "from glob('{secret}*')",
    "from glob('/*')",
    "from read_duckdb('{secret}.csv')",
    "select content from read_text('/etc/passwd')",
    "from 'https://example.com/x.parquet'",
    "from read_parquet('s3://bucket/x')",
    "from duckdb_secrets()",
    "from which_secret('s3://a', 's3')",
    "from duckdb_logs()",
    "from test_all_types()",
    "from seq_scan('runs')",
    "from arrow_scan(1, 2, 3)",
    "from pandas_scan(1)",
    "from outside",  # a variable of the Python program around it
    "select (select content from read_text('{secret}.txt'))",
    "select 1 where exists (from read_text('{secret}.txt'))",
    "select case when (select count(*) from read_text('{secret}.txt')) > 0 then 1 end",
    "from runs join read_text('{secret}.txt') on true",
    "from runs, lateral (from read_text('{secret}.txt'))",
    "with recursive t as (from read_text('{secret}.txt') union all from t) from t",
    "values ((select content from read_text('{secret}.txt')))",
    "describe (from read_text('{secret}.txt'))",
    "summarize (from read_text('{secret}.txt'))",
    "select getenv('HOME')",
]


def filled(text: str, lake: Lake) -> str:
    folder = lake.path.parent
    return (
        text.replace("{lake}", str(lake.path))
        .replace("{out}", str(folder / "out.csv"))
        .replace("{secret}", str(folder / "secret"))
    )


def files(folder: Path) -> set[str]:
    return {os.path.join(place, name) for place, _, names in os.walk(folder) for name in names}


@pytest.mark.parametrize("text", WRITES + READS)
def test_sql_does_nothing_but_ask(lake, text):
    import pandas as pd

    outside = pd.DataFrame({"x": [SECRET]})
    text = filled(text, lake)
    before = files(lake.path.parent)
    with pytest.raises(BadInput) as caught:
        lake.sql(text)
    assert SECRET not in str(caught.value)
    assert files(lake.path.parent) == before
    assert lake.sql("select count(*) from runs").item() == 2, "the reader is as good as before"
    assert lake.sql("from lake_files").height == 2
    assert len(outside) == 1


@pytest.mark.parametrize("text", [text for text in WRITES + READS if text])
@pytest.mark.parametrize(
    "hidden", ["{}", "exists ({})", "1 in ({})", "true) or exists ({}", "(select 1 from ({})) = 1"]
)
def test_where_does_nothing_but_filter(lake, text, hidden):
    text = hidden.replace("{}", filled(text, lake))
    before = files(lake.path.parent)
    with pytest.raises(BadInput) as caught:
        lake.runs(where=text)
    assert SECRET not in str(caught.value)
    assert files(lake.path.parent) == before
    assert lake.runs().height == 2


@pytest.mark.parametrize(
    "where",
    [
        "true) or (true",
        "true) union all (select 1",
        "true) group by (strategy",
        "true) order by (1",
        "true) limit (1",
        "true) qualify (true",
        "true) select 1 --",
        "true; select 1",
        "true, true",
        "*",
    ],
)
def test_where_is_one_condition_however_it_is_bracketed(lake, where):
    if where == "true) or (true":
        assert lake.runs(where=where, strategy="rsi").height == 1
        return
    with pytest.raises(BadInput):
        lake.runs(where=where)


@pytest.mark.parametrize(
    "text",
    [
        "select 1;",
        "select 1 -- a comment",
        "select ';' as semicolon;",
        "from runs",
        "table runs",
        "values (1), (2)",
        "describe runs",
        "summarize runs",
        "with a as (select 1 as x), b as materialized (from a) from b",
        "with recursive t(n) as (select 1 union all select n + 1 from t where n < 5) from t",
        "select * from runs union all select * from trials",
        "from generate_series(1, 3)",
        "from runs, unnest(map_keys(extra)) as t(name)",
        "from runs, lateral (select unnest(json_keys(params)) as key)",
        "select * from runs pivot (count(*) for strategy in ('rsi', 'sma_cross'))",
        "unpivot (select 1 as a, 2 as b) on a, b",
        "from best('sharpe_ratio', n := 1)",
        "from aggregate('strategy')",
        "from sweep('sma_cross', 'fast')",
        "from newest()",
        "select count(*) over (partition by strategy), run_id from runs qualify true",
        "from duckdb_columns() where table_name = 'runs'",
        "select error('x') where false",
        "select * from equity",
        "select * from monthly_returns",
        "from trades",
        "from events",
        "select run_id from runs where params->>'fast' > 5",
    ],
)
def test_questions_of_every_form_are_answered(lake, text):
    frame = lake.sql(text)
    assert frame.columns


def test_numbers_compare_as_numbers_and_texts_that_are_none_as_null(lake):
    assert lake.sql("select strategy from runs where params->>'fast' >= 10.0").rows() == [
        ("sma_cross",)
    ]
    assert lake.sql("select strategy from runs where 9 < params->>'fast'").rows() == [
        ("sma_cross",)
    ]
    assert lake.sql("select strategy from runs where params->>'fast' = 'x'").rows() == [("rsi",)]


def test_values_are_bound(lake):
    found = lake.sql("select strategy from runs where strategy = $s or $n > 1", s="rsi", n=0)
    assert found.rows() == [("rsi",)]
    hostile = "x' or true --"
    assert lake.sql("select strategy from runs where strategy = $s", s=hostile).is_empty()
    assert lake.runs(strategy=hostile).is_empty()
    assert lake.runs(params={hostile: hostile, "a')--": 1}).is_empty()
    assert lake.runs(tag=hostile, symbol='"; drop view runs; --').is_empty()
    with pytest.raises(LakeError):
        lake.run(hostile)
    with pytest.raises(BadInput):
        lake.sql("select $s")
    with pytest.raises(BadInput):
        lake.best("sharpe_ratio] from runs --")


def test_a_mistake_in_sql_is_explained(lake):
    with pytest.raises(
        BadInput, match="there is no column 'sharp' here. Did you mean sharpe_ratio"
    ):
        lake.sql("select sharp from runs")
    with pytest.raises(BadInput, match="run does not exist"):
        lake.sql("select * from run")
    with pytest.raises(BadInput, match="syntax error"):
        lake.sql("selec 1")
    with pytest.raises(BadInput, match="Could not convert string 'abc'"):
        lake.sql("select 'abc'::int")


def test_a_connection_of_ones_own_may_do_more(lake, tmp_path):
    connection = lake.connect()
    connection.execute(f"copy (select 1 as x) to '{tmp_path / 'x.csv'}'")
    assert (tmp_path / "x.csv").read_text() == "x\n1\n"
    assert connection.execute("select count(*) from best('sharpe_ratio')").fetchall() == [(2,)]


def test_a_name_that_looks_like_a_place_in_our_sql_is_a_name(tmp_path):
    """Else a condition would be put inside the quotes of a metric, and close them."""
    lake = made(tmp_path)
    lake.save(strategy="x", metrics={"{{condition}}": 4.0}, params={"{{columns}}": 5})
    written = lake.path / "written.csv"
    where = f"strategy <> '] from runs; copy (select 1) to $${written}$$ --'"
    for question in (
        lambda: lake.best("{{condition}}", where=where),
        lambda: lake.best("{{condition}}", per="param.{{columns}}", where=where),
        lambda: lake.runs(sort="{{condition}}", where=where, n=1),
        lambda: lake.runs(columns=["run_id", "{{condition}}"], sort="{{condition}}", where=where),
    ):
        assert question()["{{condition}}"][0] == 4.0
    assert lake.aggregate("param.{{columns}}", "{{condition}}", where=where)["max"][0] == 4.0
    assert lake.sweep("x", "{{columns}}", metric="{{condition}}", where=where).rows == [(5, 4.0, 1)]
    assert not written.exists()


@pytest.mark.parametrize(
    "text",
    [
        "select 1 as \"x\"\"; --\";",
        "select list_transform([1], lambda \"a\"\"b\": \"a\"\"b\" + 1);",
        "from (select 1 as \"q\"\"x) from t; --\") where \"q\"\"x) from t; --\" >= 1;",
        "select e'\\'; select 2';",
        "select 'x' collate \"nocase\";",
    ],
)  # fmt: skip
def test_what_duckdb_writes_anew_is_still_one_select(lake, text):
    assert lake.sql(text).height == 1


def test_what_is_let_through_is_a_list_that_somebody_looked_at():
    """A new name is a decision: does it read files, change settings, or tell of the machine?"""
    from bt_lake.queries.guard import _EXTRACTORS, _TABLE_FUNCTIONS

    assert sorted(_TABLE_FUNCTIONS) == [
        "aggregate", "best", "deflated", "drawdowns", "duckdb_columns", "duckdb_functions",
        "duckdb_tables", "duckdb_views", "generate_series", "json_each", "json_tree", "newest", "pragma_table_info",
        "range", "repeat", "sweep", "unnest",
    ]  # fmt: skip
    assert sorted(_EXTRACTORS) == ["->>", "json_extract_string"]
