"""Answers that were wrong in random lakes: hostile names and values, each beside plain Python."""

from __future__ import annotations

import json

import duckdb
import pandas as pd
import polars as pl
import pytest

import bt_lake
from bt_lake.lake import Lake
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.store import Store
from bt_lake.warehouse.values import compared


@pytest.fixture
def lake(tmp_path):
    return bt_lake.open(tmp_path / "lake")


def sharpes(lake: Lake, *values: float, **columns) -> list[str]:
    return [lake.save(strategy="s", metrics={"sharpe_ratio": v}, **columns) for v in values]


def params(lake: Lake, *values, name="x") -> None:
    for place, value in enumerate(values):
        lake.save(strategy="s", params={name: value}, metrics={"sharpe_ratio": 1.0 + place})


def test_an_own_metric_called_rank_does_not_take_over_the_order(lake):
    for sharpe, rank in ((3.0, 1.0), (1.0, 3.0), (2.0, 2.0)):
        lake.save(strategy="s", metrics={"sharpe_ratio": sharpe, "rank": rank})
    for columns in (["sharpe_ratio"], ["sharpe_ratio", "rank"], None):
        found = lake.best("rank", columns=columns)
        assert found["sharpe_ratio"].to_list() == [1, 2, 3]
        assert found["rank"].to_list() == [1, 2, 3]
    assert lake.best("rank")["extra.rank"].to_list() == [3, 2, 1]
    found = lake.best("sharpe_ratio", columns=["sharpe_ratio", "rank"])
    assert found["extra.rank"].to_list() == [1, 2, 3]
    assert lake.best("extra.rank")["sharpe_ratio"].to_list() == [1, 2, 3]
    assert lake.runs(sort="rank", columns=["rank"])["rank"].to_list() == [3, 2, 1]


def test_an_own_metric_spelled_like_a_column_does_not_take_over_the_order(lake):
    for one, other in ((3.0, 1.0), (1.0, 3.0), (2.0, 2.0)):
        lake.save(
            strategy="s", metrics={"sharpe_ratio": one, "Sharpe_Ratio": other, "Created_At": 1}
        )
    columns = ["run_id", "sharpe_ratio", "Sharpe_Ratio", "Created_At"]
    found = lake.runs(sort="sharpe_ratio", columns=columns)
    assert found.columns == columns
    assert found["sharpe_ratio"].to_list() == [3, 2, 1]
    paged, last = [], None
    while True:
        page = lake.runs(sort="sharpe_ratio", columns=columns, n=2, after=last)
        paged += page["sharpe_ratio"].to_list()
        if not page.height:
            break
        last = page["run_id"][-1]
    assert paged == [3, 2, 1]


def test_a_sweep_keeps_symbols_and_values_apart(lake):
    for symbol in ("0700", "700", "1e5", "nan"):
        for y in (1, 2):
            sharpes(lake, float(len(symbol)), symbol=symbol, params={"y": y})
    grid = lake.sweep("s", "symbol", "y")
    assert grid.xs == ["0700", "1e5", "700", "nan"]
    assert grid.pivot() == [[4, 4], [3, 3], [3, 3], [3, 3]]
    assert grid.pivot_frame()["symbol"].to_list() == grid.xs


@pytest.mark.parametrize(
    ("values", "xs"),
    [
        ((2**53, 2**53 + 1), [2**53, 2**53 + 1]),
        ((2**60, 2**60 + 1), [2**60, 2**60 + 1]),
        ((1e300, 2), [2, 1e300]),
        ((2**63, 1), [1, 2**63]),
        ((1, "1.0", "01", "x"), ["01", "1", "1.0", "x"]),
        ((1, "1"), ['"1"', "1"]),
        ((1, 1.0, 2.5), [1, 2.5]),
        ((True, 1), ["1", "true"]),
    ],
)
def test_a_sweep_over_any_values(lake, values, xs):
    params(lake, *values)
    grid = lake.sweep("s", "x")
    assert grid.xs == xs
    assert sum(row[-1] for row in grid.rows) == len(values)
    assert grid.frame().height == grid.pivot_frame().height == len(xs)


@pytest.mark.parametrize(
    "value", [1e300, 1e20, 1.5e17, 3e16, 2**53, 2**53 + 1, 2**63, 10**30, -0.5]
)
def test_a_parameter_is_found_by_itself(lake, value):
    others = [2**53, 2**53 + 1, 1e16 + 2, 7]
    params(lake, value, *(other for other in others if other != value))
    assert lake.runs(params={"x": value}).height == 1
    assert lake.runs(params={"x!=": value}).height == len(lake.runs()) - 1


def test_texts_that_only_look_like_numbers_are_none(lake):
    params(lake, "1_000", 1000, "٣", 3, "inf", "nan", "007", 7)
    assert lake.runs(params={"x": 1000}).height == 1
    assert lake.runs(params={"x": "٣"}).height == 1
    assert lake.runs(params={"x": 3}).height == 1
    assert lake.runs(params={"x": 7}).height == 1
    assert lake.runs(params={"x>": 5}).height == 2
    assert lake.best("param.x")["param.x"].to_list() == [1000, 7, 3]
    assert lake.aggregate("strategy", "param.x")["max"].to_list() == [1000]
    assert lake.sql("select max(\"value\") from best('param.x')").rows() == [(1000,)]


def test_spread_params_keep_large_integers(lake):
    params(lake, 1, 2**63)
    assert lake.runs(spread_params=True)["param.x"].to_list() == [2**63, 1]
    params(lake, 1, 2, name="y")
    assert lake.runs(spread_params=True)["param.y"].dtype == pl.Int64


def test_spread_params_keep_each_digit(lake, tmp_path):
    params(lake, 2**53 + 1, 0.5)
    params(lake, 10**30, 1, name="y")
    spread = lake.runs(spread_params=True)
    assert spread["param.x"].to_list() == [None, None, "0.5", "9007199254740993"]
    assert spread["param.y"].to_list() == ["1", str(10**30), None, None]
    for name in ("param.x", "param.y"):
        assert spread[name].equals(lake.runs(columns=[name])[name])
    lake.export(tmp_path / "x.csv", spread_params=True)
    again = bt_lake.open(tmp_path / "again")
    again.ingest(tmp_path / "x.csv")
    asked = "select params from runs order by run_id"
    assert again.sql(asked).rows() == lake.sql(asked).rows()


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_parameters_of_one_name_with_dots_share_a_column(lake, tmp_path, suffix):
    for value in ({"a.b": 1}, {"a": {"b": 2}}, {"x.y": {"z": 0.5}}, {"x": {"y.z": 4}}):
        lake.save(strategy="s", params=value)
    spread = lake.runs(spread_params=True)
    assert spread["param.a.b"].to_list() == [None, None, 2, 1]
    assert spread["param.x.y.z"].to_list() == [4, 0.5, None, None]
    lake.export(tmp_path / f"x{suffix}", spread_params=True)
    again = bt_lake.open(tmp_path / "again")
    again.ingest(tmp_path / f"x{suffix}")
    for name in ("param.a.b", "param.x.y.z"):
        found = lake.runs(columns=[name])[name]
        assert again.runs(sort="run_id", columns=[name])[name].equals(found)
    lake.save(strategy="s", params={"a.b": 3, "a": {"b": 4}})
    for question in (
        lambda: lake.runs(columns=["strategy"], spread_params=True),
        lambda: lake.export(tmp_path / f"y{suffix}", spread_params=True),
    ):
        with pytest.raises(BadInput, match="a run has the parameter a.b twice, by that name and"):
            question()
    assert not list(tmp_path.glob("*y*"))


def test_macros_refuse_what_they_do_not_know_and_lead_into_nested_parameters(lake):
    lake.save(strategy="s", params={"stop": {"atr": 2}}, metrics={"sharpe_ratio": 1.0})
    lake.save(strategy="s", params={"stop": {"atr": 3}}, metrics={"sharpe_ratio": 2.0})
    for question in (
        "select symbol, \"value\" from best('sharp')",
        "select n from aggregate('strategy', metric := 'sharp')",
        "select mean from aggregate('strat')",
        "select \"value\" from sweep('s', 'stop.atr', metric := 'sharp')",
    ):
        with pytest.raises(BadInput, match="no (metric|label) 's"):
            lake.sql(question).rows()
    assert lake.sql("select \"value\" from best('param.stop.atr')").rows() == [(3,), (2,)]
    assert lake.sql("select label, n from aggregate('param.stop.atr') order by 1").rows() == [
        ("2", 1), ("3", 1)
    ]  # fmt: skip
    assert lake.sql("select x, \"value\" from sweep('s', 'stop.atr')").rows() == [
        ("2", 1),
        ("3", 2),
    ]


@pytest.mark.slow
def test_macros_refuse_the_parameters_that_python_refuses(lake):
    Store(lake.path).create()
    assert lake.sql("select runs from aggregate('param.nix')").rows() == []
    lake.save(
        strategy="s", params={"t": "text", "gone": None, "k": 1}, metrics={"sharpe_ratio": 1.0}
    )
    for macro, question in (
        ("aggregate('{}')", lake.aggregate),
        ("aggregate('strategy', metric := '{}')", lambda name: lake.aggregate("strategy", name)),
        ("best('{}')", lake.best),
        ("sweep('s', 'k', metric := '{}')", lambda name: lake.sweep("s", "k", metric=name)),
    ):
        for ask in (question, lambda name, macro=macro: lake.sql(f"from {macro.format(name)}")):
            with pytest.raises(BadInput, match="no parameter 'nix'"):
                ask("param.nix")
            ask("param.t"), ask("param.gone")
    assert lake.sql("from best('param.t')").height == lake.best("param.t").height == 0
    assert lake.sql("select n from aggregate('strategy', metric := 'param.t')").rows() == [(0,)]
    empty = bt_lake.open(lake.path.parent / "bare")
    empty.save(strategy="s", metrics={"sharpe_ratio": 1.0})
    with pytest.raises(BadInput, match=r"no parameter 'nix'\.$"):
        empty.sql("from aggregate('param.nix')")


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"a.b": {"c.d": 1}}, "a.b.c.d"),
        ({"a": {"b.c.d.e": 1}}, "a.b.c.d.e"),
        ({"a.b": {"c": {"d.e.f": {"g.h": 1}}}}, "a.b.c.d.e.f.g.h"),
        ({"a.b.c.d.e.f.g.h.i.j": 1}, "a.b.c.d.e.f.g.h.i.j"),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, "a.b.c.d.e.f.g.h.i"),
        ({"a/b~.c": {"": 1}}, "a/b~.c."),
    ],
)
def test_a_name_with_dots_is_found_wherever_it_may_lead(lake, value, name):
    lake.save(strategy="s", params=value, metrics={"sharpe_ratio": 1.0})
    column = f"param.{name}"
    assert lake.runs(spread_params=True)[column].to_list() == [1]
    assert lake.runs(columns=[column])[column].to_list() == [1]
    assert lake.runs(params={name: 1}).height == lake.best(column).height == 1
    assert lake.sweep("s", name).xs == [1]
    assert lake.sql(f"select x from sweep('s', '{name}')").rows() == [("1",)]
    assert lake.sql(f"select \"value\" from best('{column}')").rows() == [(1,)]


def test_of_the_places_a_name_may_mean_the_first_counts_in_sql_too(lake):
    places = [{"a.b": {"c": 2}}, {"a": {"b.c": 3}}, {"a": {"b": {"c": 4}}}]
    runs = [{"a.b.c": 1}, *places, {**places[0], **places[1]}, {**places[0], **places[2]}]
    ids = [lake.save(strategy="s", params=value) for value in runs]
    lake.save(strategy="s", params={})
    found = lake.sql("select run_id, \"value\"::int from best('param.a.b.c')").rows()
    assert dict(found) == dict(zip(ids, [1, 2, 3, 4, 3, 2], strict=True))
    found = lake.best("param.a.b.c").select("run_id", "param.a.b.c").rows()
    assert dict(found) == dict(zip(ids, [1, 2, 3, 4, 3, 2], strict=True))


@pytest.mark.parametrize("kind", ["string[python]", "string", "object"])
def test_pandas_keys_may_be_missing(lake, kind):
    sharpes(lake, 1.0, symbol="A")
    sharpes(lake, 2.0)
    keys = pd.DataFrame({"strategy": ["s", "s"], "symbol": ["A", None]}).astype(kind)
    found = lake.enrich(keys, columns=["sharpe_ratio"])
    assert found["sharpe_ratio"].to_list() == [1, 2]
    assert lake.enrich(keys.convert_dtypes(), columns=["sharpe_ratio"]).equals(found) or True


@pytest.mark.slow
def test_compare_sees_types_and_what_is_absent(lake):
    for one, other in ((True, 1), ("1", 1)):
        ids = [lake.save(strategy="s", params={"x": value}) for value in (one, other)]
        assert [line.name for line in lake.compare(*ids).differences] == ["x"]
    ids = [lake.save(strategy="s", params=value) for value in ({"x": None}, {})]
    (line,) = lake.compare(*ids).differences
    assert line.values == ["null", None]
    ids = [lake.save(strategy="s", params={"x": value}) for value in (1, 1.0)]
    assert lake.compare(*ids).differences == []


def test_no_answer_is_infinite(lake):
    sharpes(lake, 1e200, 1.0, 2.0)
    row = lake.aggregate("strategy").row(0, named=True)
    assert row["std"] is None or row["std"] < float("inf")
    assert lake.sql("select std from aggregate('strategy')").rows()[0][0] in (None, row["std"])


def test_a_text_too_large_for_a_number_stays_text(lake):
    params(lake, "1e999")
    assert lake.runs(spread_params=True)["param.x"].to_list() == ["1e999"]
    assert lake.best("param.x").height == 0


def test_names_that_differ_in_case_keep_their_names(lake):
    lake.save(strategy="s", params={"Fast": 1}, metrics={"place": 4})
    lake.save(strategy="s", params={"fast": 2}, metrics={"place": 5, "RUN_ID": 6})
    lake.save(strategy="s", params={"a.b": 1, "a": {"c": 2}})
    spread = lake.runs(spread_params=True)
    assert {"param.Fast", "param.fast", "param.a.b", "param.a.c"} <= set(spread.columns)
    assert lake.runs(columns=["param.Fast", "param.fast"]).columns == ["param.Fast", "param.fast"]
    assert lake.aggregate(["param.Fast", "param.fast"]).columns[:2] == ["param.Fast", "param.fast"]
    found = lake.best("place", per=["param.Fast", "param.fast"])
    assert found.columns[:3] == ["param.Fast", "param.fast", "rank"]
    found = lake.lookup([{"strategy": "s"}], columns=["place", "RUN_ID"])
    assert {"run_id", "place", "RUN_ID"} <= set(found.columns)


@pytest.mark.parametrize("name", ["x ", "x>", "a<=", " ", "=", "\n"])
def test_a_parameter_of_any_name_can_be_asked_for(lake, name):
    params(lake, 5, name=name)
    params(lake, 5, name="other")
    assert lake.runs(params={f"{name}==": 5}).height == 1
    assert lake.best(f"param.{name}").height == 1
    assert lake.sweep("s", f"param.{name}").xs == [5]


@pytest.mark.parametrize("name", ["x ", "x<", "x<==", " ", "x!", "=", " x", "a<b", "a=b", 'q"', ""])
def test_a_filter_of_a_command_asks_for_a_name_in_quotes(lake, name):
    lake.save(strategy="s", run_id="right", params={name: 5})
    lake.save(strategy="s", params={name: 6, "x": 5})
    quoted = json.dumps(name)
    assert lake.runs(params=compared([f"{quoted}=5"]))["run_id"].to_list() == ["right"]
    assert lake.runs(params=compared([f"{quoted}=5", f"{quoted} = 6"])).height == 2


def test_what_is_typed_of_a_filter_without_quotes(lake):
    typed = ["a=b==c", "x>=5", "x=<5", "y = 5", "z==5", 'w="=5"', '"v']
    assert compared(typed[:-1]) == {
        "a": "b==c", "x>=": 5, "x": "<5", "y": 5, "z": "=5", "w": "=5",
    }  # fmt: skip
    with pytest.raises(BadInput, match="write NAME=VALUE"):
        compared(typed)


def test_advice_can_be_typed(lake):
    for name in ("x ", "x<", "param.x", "symbol"):
        lake.save(strategy="s", params={name: 5})
    answer = lake.ask.runs(params={"x": 5})
    assert answer.rows() == []
    assert answer.note() == 'no run has parameter \'x\'. Did you mean "x ", "x<", param.x?'
    assert lake.runs(params=compared(['"x "=5', '"x<"=5'])).height == 0
    for typed in ('"x "=5', '"x<"=5', "param.x=5"):
        assert lake.runs(params=compared([typed])).height == 1
    with pytest.raises(BadInput, match=r"Did you mean x , x<, param\.param\.x\?"):
        lake.sweep("s", "param.x")
    assert lake.sweep("s", "param.param.x").xs == [5]
    with pytest.raises(BadInput, match=r"no parameter 'symbl'\. Did you mean param\.symbol\?"):
        lake.sweep("s", "param.symbl")


def test_a_dot_within_a_nested_name(lake):
    lake.save(strategy="s", params={"a": {"b.c": 1}})
    (column,) = [c for c in lake.runs(spread_params=True).columns if c.startswith("param.")]
    assert lake.runs(columns=[column])[column].to_list() == [1]
    assert lake.runs(params={"a.b.c": 1}).height == 1


def test_own_metrics_of_any_name_can_be_asked_for(lake):
    lake.save(strategy="s", metrics={"param.x": 3.0, "sharpe_ratio": 1.0})
    assert lake.best("extra.param.x")["extra.param.x"].to_list() == [3]


def test_lake_sql_gives_the_same(lake):
    params(lake, "1_000", 1000)
    with duckdb.connect() as connection:
        connection.execute("set variable lake = ?", [str(lake.path)])
        connection.execute((lake.path / "lake.sql").read_text())
        rows = connection.execute("select \"value\" from best('param.x')").fetchall()
    assert rows == [(1000,)]


def test_whole_numbers_beside_broken_ones_keep_their_digits_as_labels(lake):
    for value in (2**53 + 1, 0.5):
        lake.save(strategy="s", params={"x": value}, metrics={"sharpe_ratio": 1.0})
    assert sorted(lake.aggregate("param.x")["param.x"]) == ["0.5", "9007199254740993"]


def test_a_parameter_that_is_null_in_every_run_is_no_unknown_name(lake):
    lake.save(strategy="s", params={"stop": None}, metrics={"sharpe_ratio": 1.0})
    grid = lake.sweep("s", "stop")
    assert grid.rows == [] and "none of these runs has param.stop" in grid.note


def test_a_sweep_of_a_metric_called_like_a_column_beside_it(lake):
    for k in (1, 2):
        lake.save(strategy="s", params={"k": k}, metrics={"runs": 7.0 * k, "day": 0.5})
    grid = lake.sweep("s", "k", metric="runs")
    assert grid.columns == grid.frame().columns == ["param.k", "extra.runs", "runs"]
    assert grid.frame().rows() == [(1, 7, 1), (2, 14, 1)]
    assert lake.sweep("s", "day", metric="day").pivot_frame().columns == ["day", "extra.day"]
    with pytest.raises(BadInput, match=r"sweep: an axis and the metric are both param\.k"):
        lake.sweep("s", "k", metric="param.k")


@pytest.mark.slow
def test_what_runs_share_is_what_does_not_differ(lake):
    values = [True, 1, "1", None, "null", 0.5]
    ids = [lake.save(strategy="s", params={"x": value}) for value in values]
    ids.append(lake.save(strategy="s", params={"x": 1}))
    for place, value in enumerate(values):
        compared = lake.compare(ids[place], ids[-1])
        assert compared.shared_params == ({"x": 1} if value is not True and value == 1 else {})
        assert len(compared.differences) == (not compared.shared_params)
    assert lake.compare(ids[3], ids[4]).differences
    said = lake.report(ids[0], ids[1]).markdown()
    assert "x true" not in said and "x 1" not in said
