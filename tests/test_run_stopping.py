"""How a run or a sweep may end, and what is in the lake then."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from cli_lake import COMMAND, Cli, environment

import bt_lake
from bt_lake.warehouse.errors import BadInput

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals")

CODE = """
    import os, signal, time

    def noted(n, gap=0.005):
        time.sleep(gap)
        with open("called", "a") as file:
            file.write(f"{time.time()} {n}\\n")
        return {"metrics": {"sharpe_ratio": n}}

    def ends(n, how):
        if n == 2:
            if how == "exit":
                os._exit(0)
            if how == "interrupt":
                raise KeyboardInterrupt
            if how == "leave":
                raise SystemExit(0)
            if how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "fault":
                import ctypes
                ctypes.string_at(0)
            if how == "close":
                import sys
                sys.stdout.close()
                os.close(1)
                os.close(2)
        return {"metrics": {"sharpe_ratio": n}}

    def waits():
        open("began", "w").close()
        time.sleep(60)
"""
SLOW_IMPORT = """
import os, time
with open("importing", "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(0.3)
def run(n): return {"metrics": {"sharpe_ratio": n}}
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "ends.py").write_text(textwrap.dedent(CODE))
    return Cli(tmp_path / "lake", capsys)


@pytest.fixture
def lake(cli: Cli) -> bt_lake.Lake:
    return bt_lake.open(cli.lake)


def start(cli: Cli, *arguments: object) -> subprocess.Popen[bytes]:
    command = [*COMMAND, "--lake", str(cli.lake), *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        stdout=pipe,
        stderr=pipe,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # though nohup runs us
    )


def until(there) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def finished() -> list[tuple[float, int]]:
    """When each call of `noted` was done, and which; the last line may be half written."""
    lines = Path("called").read_text().splitlines() if Path("called").exists() else []
    return [
        (float(line.split()[0]), int(line.split()[1])) for line in lines if len(line.split()) == 2
    ]


def held(lake: bt_lake.Lake) -> list[int]:
    return [] if not lake.store.layout.exists else [int(v) for v in lake.runs()["sharpe_ratio"]]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_keeps_what_is_finished_and_says_it(cli, lake, number):
    ran = start(cli, "run", "ends.py:noted", "-g", "n=1:3000:1", "-j", 2)
    until(lambda: len(finished()) > 40)
    ran.send_signal(number)
    _, err = ran.communicate(timeout=60)
    assert ran.returncode == 128 + number
    kept = held(lake)
    assert (
        f"interrupted: {len(kept):,} of 3,000 runs are in the lake; start it again" in err.decode()
    )
    done = {n for _, n in finished()}
    assert len(kept) == len(set(kept)) and len(done - set(kept)) <= 2  # those in flight
    cli("run", "ends.py:noted", "-g", "n=1:60:1", "-p", "gap=0")


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_finished_two_seconds_before_the_end_is_in_the_lake(cli, lake, number):
    seed = random.randrange(1000)
    print("seed", seed)
    chance = random.Random(seed)
    for _ in range(6):
        ran = start(cli, "run", "ends.py:noted", "-g", "n=1:100000:1", "-j", 2)
        until(finished)
        time.sleep(chance.uniform(0.0, 5.0))
        ran.send_signal(number)
        ended = time.time()
        ran.communicate(timeout=60)
        slack = 4.0 if number == signal.SIGKILL else 2.0  # a commit takes its time, too
        kept = held(lake)
        assert len(kept) == len(set(kept))
        lost = [n for when, n in finished() if when < ended - slack and n not in set(kept)]
        assert not lost, lost
        if cli.lake.exists():
            cli.lake.rename(cli.lake.with_name(f"lake-{ended}"))
        Path("called").unlink(missing_ok=True)
        lake = bt_lake.open(cli.lake)


def test_a_single_run_that_is_stopped_is_not_in_the_lake(cli):
    ran = start(cli, "run", "ends.py:waits")
    until(Path("began").exists)
    ran.send_signal(signal.SIGTERM)
    _, err = ran.communicate(timeout=60)
    assert ran.returncode == 143 and not cli.lake.exists()
    assert err == b"interrupted: the run had not ended, and is not in the lake\n"


WORDS = {
    "exit": "the function ended its process: os._exit(0)",
    "interrupt": "KeyboardInterrupt",
    "leave": "SystemExit: 0",
    "kill": "killed",
    "fault": "killed",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", WORDS)
def test_however_a_run_ends_in_a_worker_it_says_how(lake, how):
    swept = lake.run_sweep("ends.py:ends", {"n": [1, 2, 3]}, params={"how": how}, jobs=1)
    assert (swept.done, swept.failed) == (3, 1)
    (error,) = lake.runs(status="failed")["error"]
    assert WORDS[how] in error
    assert ("SIGKILL" in error) == (how == "kill")


@pytest.mark.slow
@pytest.mark.parametrize("how", WORDS)
def test_a_single_call_without_a_result_is_a_failed_run(cli, lake, how):
    ran = cli.process("run", "ends.py:ends", "-p", "n=2", "-p", f"how={how}")
    assert ran.code != 0 and ran.out == ""
    until(lambda: cli.lake.exists() and len(lake) == 1)
    assert lake.runs()["status"].to_list() == ["failed"]
    assert WORDS[how] in lake.runs()["error"][0]
    if how not in ("kill", "fault"):
        assert ran.code == 2 and "failed, and is saved as" in ran.err


@pytest.mark.slow
def test_a_run_that_closes_everything_is_shown_all_the_same(cli):
    ran = cli.process("run", "ends.py:ends", "-p", "n=2", "-p", "how=close", "-f", "json")
    assert ran.code == 0 and '"sharpe_ratio": 2' in ran.out.replace('":2', '": 2'), ran.err


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_imports_is_replaced(cli, lake):
    Path("slow.py").write_text(SLOW_IMPORT)
    ran = start(cli, "run", "slow.py:run", "-g", "n=1:20:1", "-j", 1)
    importing = Path("importing")
    for place in (1, 2):  # the first line is of the command itself
        until(lambda place=place: importing.exists() and importing.read_text().count("\n") > place)
        os.kill(int(importing.read_text().splitlines()[place]), signal.SIGKILL)
    _, err = ran.communicate(timeout=60)
    assert ran.returncode == 0, err.decode()
    assert sorted(held(lake)) == list(range(1, 21))


@pytest.mark.slow
def test_an_import_that_kills_every_worker_is_said_with_what_is_in(cli, lake):
    Path("deadly.py").write_text(
        f"import os\nif os.getpid() != {os.getpid()}:\n    os.kill(os.getpid(), 9)\n"
        "def run(n): return {'metrics': {'sharpe_ratio': n}}\n"
    )
    ran = cli("run", "deadly.py:run", "-g", "n=1,2", "-j", 1)
    assert ran.code == 2
    assert "importing deadly.py:run, a worker process was killed by signal 9 (SIGKILL)" in ran.err
    assert "0 of 2 runs are in the lake; start it again to go on" in " ".join(ran.err.split())


@pytest.mark.slow
def test_exit_codes_of_sweeps(cli):
    def code(*more: object, how: str = "leave") -> int:
        return cli("run", "ends.py:ends", "-p", f"how={how}", *more, "-j", 1).code

    assert code("-g", "n=1,2,3") == 0  # failures are runs: 0 as long as any is fine
    assert code("-g", "n=2") == 2
    assert code("-g", "n=4,2", "--fail-fast", how="exit") == 2


@pytest.mark.parametrize("jobs", [0, -3, 1.5, "x"])
def test_jobs_are_a_whole_number_even_where_nothing_is_left_to_do(lake, jobs):
    lake.run_sweep("ends.py:noted", {"n": [1]}, jobs=1)
    with pytest.raises(BadInput, match="a whole number, at least one worker"):
        lake.run_sweep("ends.py:noted", {"n": [1]}, jobs=jobs)
