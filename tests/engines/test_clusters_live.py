"""Sweeps on Ray, Dask and submitit themselves; each starts what it needs on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

import bt_lake
from bt_lake.errors import BadInput

STRATEGY = """
import os, time

def noted(n, pause=0.0):
    with open("called", "a") as file:
        file.write(f"{os.getpid()} {n}\\n")
    time.sleep(pause)
    if n == 3:
        raise ValueError("no good")
    return {"metrics": {"total_return": n / 100}, "equity": [["2024-01-01", 100.0], ["2024-01-02", 100.0 + n]]}
"""
OPTIONS = {
    "ray": {"num_cpus": 2, "include_dashboard": False},
    "dask": {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None},
}
ON = ["--on-option", "num_cpus=2", "--on-option", "include_dashboard=false"]
MS_A_RUN = 5.0


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "strat.py").write_text(STRATEGY)
    return tmp_path


def ns(lake) -> list[int]:
    return lake.sql("select (params ->> '/n')::int as n from runs order by n")["n"].to_list()


@pytest.mark.parametrize("save_by", ["workers", "driver"])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_combination_is_there_once_and_the_next_sweep_goes_on(name, save_by):
    lake = bt_lake.open("lake")
    how = {"executor": name, "executor_options": OPTIONS[name], "save_by": save_by, "jobs": 2}
    swept = lake.run_sweep("strat.py:noted", {"n": range(60)}, **how)
    assert (swept.done, swept.failed, swept.best) == (60, 1, None)
    assert ns(lake) == [*range(60)]
    again = lake.run_sweep("strat.py:noted", {"n": range(62)}, **how, metric="total_return")
    assert (again.already, again.done, again.best_params) == (60, 2, {"n": 61})
    assert len(lake.equity(swept.run_ids)) == 2 * 59


@pytest.mark.parametrize("name", OPTIONS)
def test_the_overhead_of_a_run_is_small(name):
    """Beside the same sweep by our own worker processes; the cluster is there already."""
    took = {}
    with ready(name) as executor:
        for way in (None, executor, None, executor):
            lake = bt_lake.open(f"lake-{len(list(Path().glob('lake-*')))}")
            swept = lake.run_sweep(
                "strat.py:noted", {"n": range(4, 3004)}, executor=way, jobs=2, metric="bars"
            )
            assert swept.done == 3000
            took[way] = min(took.get(way, 1e9), 1000 * swept.seconds / swept.done)
    own = took.pop(None)
    (away,) = took.values()
    print(f"{name}: {away:.2f} ms a run, own processes {own:.2f} ms")
    assert away - own < MS_A_RUN


@contextmanager
def ready(name: str):
    if name == "ray":
        import ray

        ray.init(**OPTIONS["ray"])
        yield "ray"
        ray.shutdown()
    else:
        from distributed import Client

        with Client(**OPTIONS["dask"]) as client:
            yield client.get_executor()


DRIVER = """
import sys, bt_lake
on, save_by, options = sys.argv[1], sys.argv[2], eval(sys.argv[3])
if __name__ == "__main__":
    bt_lake.open("lake").run_sweep(
        "strat.py:noted", {"n": range(60)}, params={"pause": 0.1},
        executor=on, executor_options=options, save_by=save_by, jobs=2,
    )
"""


def begin(name: str, save_by: str) -> subprocess.Popen:
    Path("driver.py").write_text(DRIVER)
    command = [sys.executable, "driver.py", name, save_by, repr(OPTIONS[name])]
    said = Path(f"driver-{save_by}.log")
    with said.open("w") as log:
        driver = subprocess.Popen(command, stdout=log, stderr=log, process_group=0)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and driver.poll() is None:
        if Path("called").exists() and len(Path("called").read_text().splitlines()) >= 25:
            return driver
        time.sleep(0.05)
    driver.kill()
    raise AssertionError(said.read_text())


@pytest.mark.parametrize("save_by", ["workers", "driver"])
@pytest.mark.parametrize("name", OPTIONS)
def test_killed_half_way_and_started_again(name, save_by):
    driver = begin(name, save_by)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    command = [sys.executable, "driver.py", name, save_by, repr(OPTIONS[name])]
    again = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0, again.stderr
    assert ns(bt_lake.open("lake")) == [*range(60)]


@pytest.mark.parametrize("name", OPTIONS)
def test_ctrl_c_ends_it_with_what_is_finished(name):
    driver = begin(name, "workers")
    driver.send_signal(signal.SIGINT)
    driver.wait(timeout=60)
    assert "start it again to go on" in Path("driver-workers.log").read_text()
    found = ns(bt_lake.open("lake"))
    assert len(found) == len(set(found))
    assert 20 <= len(found) < 60


def test_submitit_runs_it_as_jobs():
    import submitit

    lake = bt_lake.open("lake")
    executor = submitit.AutoExecutor(folder="jobs", cluster="local")
    executor.update_parameters(timeout_min=5)
    swept = lake.run_sweep("strat.py:noted", {"n": range(40)}, executor=executor, jobs=2)
    assert (swept.done, swept.failed) == (40, 1)
    assert ns(lake) == [*range(40)]


def test_without_sbatch_slurm_says_what_is_missing():
    with pytest.raises(BadInput, match="no sbatch on this machine"):
        bt_lake.open("lake").run_sweep("strat.py:noted", {"n": [1]}, executor="slurm", jobs=1)


@pytest.mark.parametrize("save_by", ["workers", "driver"])
def test_the_command_line_runs_it_on_ray(save_by):
    command = [sys.executable, "-m", "bt_lake", "run", "strat.py:noted", "-g", "n=10:30:1"]
    command += ["--on", "ray", *ON, "--save-by", save_by, "--metric", "total_return"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "21 of 21 runs are in the lake" in done.stderr
    assert ns(bt_lake.open("lake")) == [*range(10, 31)]
