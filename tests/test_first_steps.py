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
    "path", ["s3://bucket/lake", "gs://bucket/x", "https://a.b/c", Path("s3://b/x")]
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
    assert found.columns == ["param.stop.atr"] and set(found.to_series()) == {"1.5"}
    assert (
        golden.lake.sql("with params as (select 7 as fast) select params.fast from params").item()
        == 7
    )
