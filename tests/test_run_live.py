"""Looking at what is being run, and at what runs have printed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from cli_lake import COMMAND, Cli, environment

import bt_lake

CODE = """
    import os, sys, time
    def slow(n):
        print(f"working on {n}", flush=True)
        time.sleep(0.05 if n < 30 else 60)
        return {"metrics": {"sharpe_ratio": n}}

    def loud(n):
        print(f"printed {n}")
        sys.stderr.write("warned\\n")
        os.system("echo by a child")
        if n == 2:
            raise ValueError("no good")
        if n == 3:
            print("x" * 200_000 + "the end")
        if n == 4:
            os.kill(os.getpid(), 9)
        return {"metrics": {"sharpe_ratio": n}}

    def quiet(n):
        return {"metrics": {"sharpe_ratio": n}}
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "work.py").write_text(textwrap.dedent(CODE))
    return Cli(tmp_path / "lake", capsys)


@pytest.fixture
def lake(cli: Cli) -> bt_lake.Lake:
    return bt_lake.open(cli.lake)


def until(there) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_is_under_way_is_told_until_its_process_is_gone(cli, lake, number):
    command = [*COMMAND, "--lake", str(cli.lake), "run", "work.py:slow", "-g", "n=1:100:1"]
    ran = subprocess.Popen([*command, "-j", "1"], stderr=subprocess.DEVNULL, env=environment())
    until(lambda: lake.store.layout.exists and any(each.best == 29 for each in lake.running()))
    (found,) = lake.running()
    assert (found.pid, found.total, found.done) == (ran.pid, 100, 29)
    assert found.entrypoint == "work.py:slow" and found.sweep.startswith("slow-")
    assert found.best_params == {"n": 29} and found.seconds_left > 0
    until(lambda: lake.running()[0].log[-1:] == ["working on 30"])
    (row,) = json.loads(cli("list", "--running", "-f", "json").out)
    assert row["pid"] == ran.pid and row["log"][-1] == "working on 30"
    shown = cli("list", "--running")
    assert "29 of 100" in shown.out and "1 under way" in shown.err
    assert cli("check").code == 0
    ran.send_signal(number)
    ran.wait(60)
    assert lake.running() == [] and os.listdir(lake.path / "_running") == []
    assert "0 under way" in cli("list", "--running").err


def test_a_strange_file_is_nobody_at_work(cli, lake):
    lake.create()
    folder = lake.path / "_running"
    folder.mkdir()
    for number, text in enumerate(["{", "[]", '{"pid": 1}', "null", '{"pid": {}, "host": []}']):
        (folder / f"{number:032x}.json").write_text(text)
    os.mkfifo(folder / f"{9:032x}.json")
    (folder / "else.json").write_text("{}")
    assert lake.running() == []
    assert len(os.listdir(folder)) == 7, "what is not ours stays"


def logs(lake: bt_lake.Lake) -> dict[int, str | None]:
    rows = lake.sql("select (params ->> 'n')::int, log from runs").rows()
    return dict(rows)


@pytest.mark.slow
def test_what_runs_of_a_sweep_print_is_kept_with_each(lake):
    lake.run_sweep("work.py:loud", {"n": [1, 2, 3, 4, 5]}, jobs=2)
    found = logs(lake)
    assert sorted(found[1].split("\n")) == ["", "by a child", "printed 1", "warned"]
    assert "printed 2" in found[2] and "printed 4" in found[4]
    assert len(found[3].encode()) == 65_536 and found[3].endswith("xthe end\n")
    lake.run_sweep("work.py:quiet", {"n": [9]}, jobs=1)
    assert logs(lake)[9] is None
    assert lake.compact() in (True, False) and logs(lake) == {**found, 9: None}


@pytest.mark.slow
def test_show_log_shows_it(cli, lake):
    assert cli("run", "work.py:loud", "-p", "n=1").code == 0
    run_id = lake.runs()["run_id"][0]
    shown = cli("show", run_id, "--log")
    assert shown.code == 0 and {"printed 1", "warned"} <= set(shown.lines)
    assert "2 lines; --log shows them" in cli("show", run_id).out
    quiet = lake.save(strategy="s", metrics={"sharpe_ratio": 1.0})
    assert cli("show", quiet, "--log").err == "nothing that it printed was kept\n"
    assert lake.reproduce(run_id).same
    assert "printed 1" in lake.runs(n=1)["log"][0]


def test_secrets_that_are_printed_are_not_kept(lake, tmp_path):
    (tmp_path / "leak.py").write_text(
        "def run(n):\n    print('password=hunter2')\n    return {'metrics': {'sharpe_ratio': n}}\n"
    )
    lake.run_once("leak.py:run", params={"n": 1})
    lake.run_sweep("leak.py:run", {"n": [2]}, jobs=1)
    assert set(logs(lake).values()) == {"password=***\n"}


@pytest.mark.parametrize("result", [None, ..., object()])
def test_a_recording_without_a_result_is_refused_and_failed(lake, result):
    wrong = pytest.raises(bt_lake.errors.BadInput, match="nothing to save|cannot save")
    with wrong as refused, lake.record(strategy="s") as run:
        if result is not ...:
            run.result = result
    assert lake.runs()["status"].to_list() == ["failed"]
    assert lake.runs()["error"][0] == str(refused.value)
    assert run.run_id in refused.value.__notes__[0]
