"""Where a user stumbles first: the words they get, and what is kept."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
import traceback
from pathlib import Path

import polars as pl
import pytest
from golden import Golden
from polars.testing import assert_frame_equal

import bt_lake
from bt_lake.lake import Lake
from bt_lake.warehouse.errors import nearest

pytest_plugins = ["golden_fixtures"]


def test_a_slip_in_sql_does_not_cry_damage(golden: Golden) -> None:
    with pytest.raises(bt_lake.errors.BadInput) as raised:
        golden.lake.sql("select shrp from runs")
    told = "".join(traceback.format_exception(raised.value))
    assert "Damaged" not in told and "bt-lake check" not in told
    assert "there is no column 'shrp' here. Did you mean sharpe_ratio" in str(raised.value)


def test_a_question_stopped_from_another_thread_is_no_damage(lake: Lake) -> None:
    lake.save(strategy="a")
    lake.runs()  # the connection is there, and polars is loaded
    ended = threading.Event()

    def stop() -> None:
        while not ended.is_set():
            lake.reader._database.connection.interrupt()
            time.sleep(0.05)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        with pytest.raises(bt_lake.errors.Interrupted, match="stopped before it was answered"):
            lake.sql("select sum(a.range % 7) from range(1000000000000) a")
    finally:
        ended.set()
        thread.join()
    assert lake.runs().height == 1


def _ask(path: Path, answers: multiprocessing.Queue) -> None:
    lake = bt_lake.open(path)
    lake.save(strategy="child")
    try:
        answers.put(lake.runs().height)
    except bt_lake.LakeError as error:
        answers.put(str(error))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fork, and threads by their names")
def test_frames_after_a_fork_are_refused_at_once(tmp_path: Path) -> None:
    lake = bt_lake.open(tmp_path / "lake")
    lake.save(strategy="parent")
    pl.DataFrame({"a": range(9)}).lazy().select(pl.col("a").sum(), b=pl.col("a").max()).collect()
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_ask, args=(lake.path, answers))
    child.start()
    try:
        said = answers.get(timeout=60)
    finally:
        child.kill()
        child.join()
    assert "forked" in said and 'get_context("spawn")' in said
    assert lake.runs().height == 2


@pytest.mark.parametrize(
    "path", ["hdfs://node/lake", "ftp://host/x", "https://a.b/c", Path("hdfs://b/x")]
)
def test_a_lake_is_a_folder_of_this_machine(path: str | Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bt_lake.errors.BadInput, match="is a folder of this machine"):
        bt_lake.open(path).save(strategy="a")
    assert os.listdir(tmp_path) == []


METRICS = [
    "sharpe_ratio",
    "sharpe_period",
    "sortino_ratio",
    "max_drawdown",
    "total_return",
    "win_rate",
]


@pytest.mark.parametrize(
    "given, known, meant",
    [
        ("shrp", METRICS, "sharpe_ratio"),
        ("sharp", METRICS, "sharpe_ratio"),
        ("drawdown", METRICS, "max_drawdown"),
        ("max_drawdwn", METRICS, "max_drawdown"),
        ("winrate", METRICS, "win_rate"),
        ("fast", ["slow_window", "fast_window"], "fast_window"),
        ("fats", ["slow", "fast"], "fast"),
        ("sma-cross", ["rsi", "sma_cross"], "sma_cross"),
    ],
)
def test_what_was_meant(given: str, known: list[str], meant: str) -> None:
    assert nearest(given, known)[0] == meant
    assert nearest("qqqq", known) == []


@pytest.mark.parametrize(
    "where",
    [
        "param.fast = 10",
        "params.fast = 10",
        '"param.fast" = 10',
        "params ->> 'fast' = 10",
        "param.fast between 9 and 11",
        "param.fast in (10, 11)",
    ],
)
def test_a_parameter_is_called_in_sql_as_in_frames(golden: Golden, where: str) -> None:
    wanted = golden.lake.runs(params={"fast": 10}).height
    assert wanted and golden.lake.runs(where=where).height == wanted
    assert golden.lake.sql(f"select count(*) from runs where {where}").item() == wanted


def test_a_parameter_in_sql_keeps_its_name_unless_a_table_has_it(golden: Golden) -> None:
    found = golden.lake.sql("select param.stop.atr from runs where param.stop.atr = 1.5")
    assert found.columns == ["param.stop.atr"] and {float(each) for each in found.to_series()} == {
        1.5
    }
    assert (
        golden.lake.sql("with params as (select 7 as fast) select params.fast from params").item()
        == 7
    )


def test_the_lake_does_what_python_expects_of_a_collection(golden: Golden, lake: Lake) -> None:
    ours, some = golden.lake, golden.rows[0]["run_id"]
    assert len(ours) == len(golden.rows)
    assert ours[some[-6:]].run_id == some and some in ours and "nope" not in ours
    assert lake and len(lake.path.parts) > 1  # a lake that is not there yet is a lake
    with pytest.raises(TypeError, match="not iterable"):
        list(ours)


def test_the_words_that_one_tries_first(golden: Golden) -> None:
    lake = golden.lake
    by, other = lake.aggregate("symbol", "cagr"), lake.aggregate("cagr", by="symbol")
    assert_frame_equal(by, other)
    assert by.height == 3
    assert_frame_equal(lake.aggregate(by="symbol", metric="cagr"), by)
    assert lake.runs(limit=3).equals(lake.runs(n=3))
    first = lake.best("sharpe_ratio", 2)
    assert lake.compare(first).ids == first["run_id"].to_list()
    assert lake.lookup(strategy="momentum").equals(lake.lookup({"strategy": "momentum"}))
    with pytest.raises(bt_lake.errors.UnknownName, match="Did you mean"):
        lake.lookup(strategi="momentum")


@pytest.mark.parametrize(
    "heading, metric",
    [
        ("sharpe", "sharpe_ratio"),
        ("max dd", "max_drawdown"),
        ("return", "total_return"),
        ("trades", "total_trades"),
        ("win rate", "win_rate"),
    ],
)
def test_a_heading_is_a_name_of_its_metric(golden: Golden, heading: str, metric: str) -> None:
    lake = golden.lake
    assert lake.best(heading, 5).equals(lake.best(metric, 5))
    assert lake.runs(sort=heading)["run_id"].equals(lake.runs(sort=metric)["run_id"])
    assert_frame_equal(lake.aggregate("symbol", heading), lake.aggregate("symbol", metric))


def test_a_metric_of_ones_own_comes_before_a_heading(lake: Lake) -> None:
    for own, theirs in ((1.0, 9.0), (2.0, 8.0)):
        lake.save(strategy="a", metrics={"sharpe": own, "sharpe_ratio": theirs})
    assert lake.best("sharpe", columns=["sharpe"])["sharpe"].to_list() == [2.0, 1.0]
    assert lake.best("max dd", columns=["sharpe"]).is_empty()


def test_a_parameter_whose_name_goes_on_is_named(golden: Golden) -> None:
    with pytest.raises(bt_lake.errors.UnknownName, match="Did you mean fast"):
        golden.lake.sweep("sma_cross", x="fas")


def test_tags_in_one_text_are_several(lake: Lake) -> None:
    lake.save(strategy="a", tags="paper, live,")
    assert lake.runs()["tags"].to_list() == [["paper", "live"]]


def test_numbers_that_are_none_are_null_with_a_word(lake: Lake) -> None:
    with pytest.warns(UserWarning, match="metrics.profit_factor: inf is no number, so it is NULL"):
        run_id = lake.save(strategy="a", metrics={"profit_factor": float("inf"), "mine": 1.0})
    assert lake[run_id].row["profit_factor"] is None
    with pytest.warns(UserWarning, match=r"metrics.mine: nan is no number"):
        lake.save(strategy="a", metrics={"mine": float("nan")})
    with pytest.raises(bt_lake.errors.BadInput, match="params.stop is not a finite number"):
        lake.save(strategy="a", params={"stop": float("inf")})


@pytest.mark.parametrize(
    "text",
    [
        '{"strategy": "a", "params": {"fast": 1, "slow": 2, "fast": 3}}',
        '{"strategy": "a", "strategy": "b"}',
    ],
)
def test_a_key_that_stands_twice_is_refused_by_name(lake: Lake, tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(text)
    with pytest.raises(bt_lake.LakeError, match="the key '(fast|strategy)' stands in it twice"):
        lake.ingest(file)
    from bt_lake.warehouse.values import value

    with pytest.raises(bt_lake.errors.BadInput, match="the key 'a' stands in it twice"):
        value('{"a": 1, "a": 2}')
    assert value("None") is None and value("none") == "none"


def test_an_export_for_a_spreadsheet(golden: Golden, tmp_path: Path) -> None:
    done = golden.lake.export(tmp_path / "runs.csv", strategy="momentum", n=5, spread_params=True)
    found = pl.read_csv(tmp_path / "runs.csv")
    assert (done.runs, found.height) == (5, 5)
    assert {"param.fast", "param.slow"} <= set(found.columns) and "params" not in found.columns
    assert (
        found["run_id"].to_list() == golden.lake.runs(strategy="momentum", n=5)["run_id"].to_list()
    )
    with pytest.raises(bt_lake.errors.BadInput, match=".csv and .parquet"):
        golden.lake.export(tmp_path / "other", spread_params=True)


def test_a_long_error_does_not_widen_a_list(lake: Lake, capsys) -> None:
    from bt_lake.cli.main import run

    lake.save(strategy="a", error="ValueError: " + "x" * 3000 + "\nand more")
    assert run(["--lake", str(lake.path), "list"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) < 200


def test_an_id_and_an_option_that_are_nearly_right(golden: Golden, capsys) -> None:
    from bt_lake.cli.main import run

    some = golden.rows[0]["run_id"][-8:]
    slipped = some[:2] + ("0" if some[2] != "0" else "1") + some[3:]
    with pytest.raises(bt_lake.errors.NotFound, match=f"Did you mean .*…{some}"):
        golden.lake.run(slipped)
    assert run(["--lake", str(golden.lake.path), "list", "--symbl", "AAPL"]) == 2
    assert "no such option: --symbl. Did you mean --symbol" in capsys.readouterr().err
