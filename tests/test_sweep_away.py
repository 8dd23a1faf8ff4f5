"""Sweeps whose calls an executor makes: any of `concurrent.futures`, saved there or here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

import bt_lake
from bt_lake.errors import BadInput
from bt_lake.lake import Lake
from bt_lake.running import chunk

STRATEGY = """
    import os, sys, time

    def noted(n, pause=0.0):
        with open("called", "a") as file:
            file.write(f"{os.getpid()} {n}\\n")
        time.sleep(pause)
        return {"metrics": {"total_return": n / 100, "own": float(n)}}

    def flaky(n):
        print("printed by", n)
        if n == 3:
            raise ValueError(f"no good: {n}")
        if n == 5:
            os.kill(os.getpid(), 9)
        return {"metrics": {"total_return": n / 100}}

    def hopeless(n):
        raise RuntimeError("no such symbol")
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "strat.py").write_text(textwrap.dedent(STRATEGY))
    return tmp_path


@pytest.fixture
def lake(here: Path) -> Lake:
    return bt_lake.open(here / "lake")


def ns(lake: Lake) -> list[int]:
    rows = lake.sql("select (params ->> '/n')::int as n from runs order by n")
    return rows["n"].to_list()


@pytest.mark.slow
@pytest.mark.parametrize(
    "pool, save_by", [(ThreadPoolExecutor, "driver"), (ProcessPoolExecutor, "workers")]
)
def test_an_executor_runs_every_combination_once(lake, pool, save_by):
    with pool(2) as executor:
        swept = lake.run_sweep(
            "strat.py:noted", {"n": range(1, 41)}, executor=executor, save_by=save_by, metric="own"
        )
        again = lake.run_sweep(
            "strat.py:noted", {"n": range(1, 43)}, executor=executor, save_by=save_by, metric="own"
        )
    assert (swept.total, swept.done, swept.failed) == (40, 40, 0)
    assert (swept.best, swept.best_params) == (40.0, {"n": 40})
    assert (again.already, again.done, again.best) == (40, 2, 42.0)
    assert ns(lake) == [*range(1, 43)]
    assert set(swept.run_ids + again.run_ids) == set(lake.runs(limit=99)["run_id"])
    # In processes of their own, each of which is kept for the chunks that follow.
    called = [line.split() for line in Path("called").read_text().splitlines()]
    assert len(called) == 42 and len({pid for pid, _ in called}) <= 4
    assert os.getpid() not in {int(pid) for pid, _ in called}
    assert not lake.running()


@pytest.mark.slow
@pytest.mark.parametrize("save_by", ["workers", "driver"])
def test_failures_crashes_and_what_is_printed_are_kept(lake, save_by, capfd):
    with ThreadPoolExecutor(2) as executor:
        swept = lake.run_sweep(
            "strat.py:flaky", {"n": range(1, 9)}, executor=executor, save_by=save_by
        )
    assert (swept.done, swept.failed) == (8, 2)
    found = lake.sql("select params ->> '/n' as n, status, error, log from runs order by n")
    by_n = {row["n"]: row for row in found.to_dicts()}
    assert [n for n, row in by_n.items() if row["status"] == "failed"] == ["3", "5"]
    assert "no good: 3" in by_n["3"]["error"]
    assert "was killed by signal 9 (SIGKILL)" in by_n["5"]["error"]
    assert {n: row["log"] for n, row in by_n.items()} == {n: f"printed by {n}\n" for n in by_n}


@pytest.mark.slow
def test_it_stops_as_any_sweep_does(lake):
    with ThreadPoolExecutor(2) as executor:
        swept = lake.run_sweep("strat.py:hopeless", {"n": range(400)}, executor=executor)
        assert swept.gave_up and 10 <= swept.done < 400
        with pytest.raises(BadInput, match="(?s)no such symbol.*stopped at the first failure"):
            lake.run_sweep(
                "strat.py:hopeless", {"n": range(400, 800)}, executor=executor, fail_fast=True
            )
    assert not chunk._waiting, "workers were left behind"


class Losing(ThreadPoolExecutor):
    """Work is lost with its machine: now and then after it was done, or always."""

    def __init__(self, *, always: bool = False) -> None:
        super().__init__(2)
        self.lost, self._always = 0, always

    def submit(self, function, /, *args, **kwargs):
        self.lost += 1
        lose = self._always or self.lost % 3 == 2

        def lost():
            function(*args, **kwargs)
            raise ConnectionError("the machine is gone")

        return super().submit(lost) if lose else super().submit(function, *args, **kwargs)


@pytest.mark.slow
@pytest.mark.parametrize("save_by", ["workers", "driver"])
def test_work_that_is_lost_is_done_again_and_saved_once(lake, save_by):
    with Losing() as executor:
        swept = lake.run_sweep(
            "strat.py:noted", {"n": range(1, 31)}, executor=executor, save_by=save_by
        )
    assert executor.lost > 3
    assert ns(lake) == [*range(1, 31)]
    assert swept.done + swept.elsewhere == 30
    # What a lost worker had saved is not run again.
    assert (len(Path("called").read_text().splitlines()) == 30) is (save_by == "workers")


def test_an_executor_that_loses_everything_ends_it(lake):
    with (
        Losing(always=True) as executor,
        pytest.raises(BadInput, match="3 pieces of work in a row were lost.*machine is gone"),
    ):
        lake.run_sweep(
            "strat.py:noted", {"n": range(9)}, executor=executor, save_by="driver", jobs=1
        )


def test_an_executor_that_is_shut_down_says_so(lake):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(BadInput, match="takes no more work: cannot schedule new futures") as said:
        lake.run_sweep("strat.py:noted", {"n": [1]}, executor=executor)
    assert "start it again to go on" in str(said.value)


class Elsewhere(Executor):
    """A machine with another disk: the lake of the driver is not there."""

    def submit(self, function, /, work, trials):
        import dataclasses

        away = work.place and dataclasses.replace(work.place, path="/nowhere/lake")
        future: Future = Future()
        try:
            future.set_result(function(dataclasses.replace(work, place=away), trials))
        except BaseException as error:
            future.set_exception(error)
        return future


def test_a_worker_that_does_not_see_the_lake_says_what_helps(lake):
    with pytest.raises(BadInput, match=r"does not see the lake at /nowhere/lake.*--save-by driver"):
        lake.run_sweep("strat.py:noted", {"n": [1, 2]}, executor=Elsewhere())
    lake.run_sweep("strat.py:noted", {"n": [1, 2]}, executor=Elsewhere(), save_by="driver")
    assert ns(lake) == [1, 2]


@pytest.mark.slow
def test_the_command_line_refuses_what_it_cannot_do(here):
    for arguments, said in (
        (["-g", "n=1,2", "--on", "moon"], "'moon'; a concurrent.futures.Executor"),
        (["-p", "n=1", "--on", "ray"], "--on is for sweeps"),
        (["-g", "n=1,2", "--save-by", "driver"], "--on-option and --save-by go with --on"),
        (["-g", "n=1,2", "--on", "slurm"], 'pip install "bt-lake[slurm]"'),
    ):
        command = [sys.executable, "-m", "bt_lake", "run", "strat.py:noted", *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2 and said in done.stderr, done.stderr
    assert not Path("lake").exists()


def test_what_is_no_executor_is_refused(lake):
    with pytest.raises(BadInput, match="'moon'.*concurrent.futures.Executor.*ray, dask, slurm"):
        lake.run_sweep("strat.py:noted", {"n": [1]}, executor="moon")
    with pytest.raises(BadInput, match="save_by: 'nobody'; one of workers, driver"):
        lake.run_sweep("strat.py:noted", {"n": [1]}, save_by="nobody")


DRIVER = """
import sys, bt_lake
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

if __name__ == "__main__":
    pool, save_by = sys.argv[1:]
    with globals()[pool](2) as executor:
        bt_lake.open("lake").run_sweep(
            "strat.py:noted", {"n": range(60)}, params={"pause": 0.05}, executor=executor, save_by=save_by
        )
"""


def begin(pool: str, save_by: str) -> subprocess.Popen:
    Path("driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, "driver.py", pool, save_by],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and driver.poll() is None:
        if Path("called").exists() and len(Path("called").read_text().splitlines()) >= 20:
            return driver
        time.sleep(0.02)
    raise AssertionError(driver.communicate())


@pytest.mark.slow
@pytest.mark.parametrize(
    "pool, save_by", [("ProcessPoolExecutor", "workers"), ("ThreadPoolExecutor", "driver")]
)
def test_killed_half_way_and_started_again_every_combination_is_there_once(pool, save_by, lake):
    driver = begin(pool, save_by)
    os.killpg(driver.pid, signal.SIGKILL)  # a pool's own processes do not notice by themselves
    driver.communicate()
    again = subprocess.run([sys.executable, "driver.py", pool, save_by], capture_output=True)
    assert again.returncode == 0, again.stderr
    assert ns(lake) == [*range(60)]


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["ProcessPoolExecutor", "ThreadPoolExecutor"])
def test_ctrl_c_keeps_what_is_finished_and_ends_soon(pool, lake):
    driver = begin(pool, "workers")
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
    _, said = driver.communicate(timeout=20)
    assert "of 60 runs are in the lake" in said and "start it again to go on" in said
    found = ns(lake)
    assert len(found) >= len(Path("called").read_text().splitlines()) - 3
    assert len(found) == len(set(found)) < 60
    assert not lake.running()
