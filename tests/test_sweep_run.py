"""Sweeps of a user's function by worker processes."""

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

from bt_lake.ingest.secrets import without_home
from bt_lake.running.held import held
from bt_lake.running.planning import plan
from bt_lake.running.reproduce import reproduce
from bt_lake.running.sweep import Swept, run
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.store import Store

STRATEGY = """
    import os, sys, time

    def run(fast, slow, symbol="NONE", start="2024-01-01", end=None):
        return {"symbol": symbol, "metrics": {"score": fast / slow},
                "equity": [["2024-01-01", 100.0], ["2024-01-02", 100.0 + fast], ["2024-01-03", 90.0 + slow]]}

    def noted(n, pause=0.02):
        with open("called", "a") as file:
            file.write(f"{os.getpid()} {n}\\n")
        time.sleep(pause)
        return {"metrics": {"total_return": n / 100}}

    def flaky(n):
        print("printed by the user")
        if n == 3:
            raise ValueError(f"no good: {n}")
        if n == 4:
            sys.exit(5)
        if n == 5:
            return None
        if n == 6:
            return {"equity": [["2024-01-01", "many"]]}
        return {"metrics": {"total_return": n / 100}}

    def deadly(n):
        if n == 3:
            os.kill(os.getpid(), 9)
        if n == 5:
            os._exit(7)
        return {"metrics": {"total_return": n / 100}}

    def leaves_a_child(n):
        if n == 1 and os.fork() == 0:
            time.sleep(60)
        if n == 1:
            os.kill(os.getpid(), 9)
        return {"metrics": {"total_return": n / 100}}

    def tells_more(n):  # as engines do
        return {"params": {"n": n, "stop": 0.1}, "config": {"fee": 1}, "metrics": {"total_return": n}}

    def hopeless(n):
        raise RuntimeError("no such symbol")

    def several(n):
        return [{"symbol": s, "run_id": f"same-{s}", "metrics": {"total_return": n}} for s in "ab"]
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "strat.py").write_text(textwrap.dedent(STRATEGY))
    return tmp_path


def sweep(store: Store, function: str, grid: dict, jobs: int = 2, **options) -> Swept:
    how = {
        name: options.pop(name)
        for name in ("fail_fast", "keep_going", "progress")
        if name in options
    }
    return run(store, plan(f"strat.py:{function}", grid, **options), jobs=jobs, **how)


def test_every_combination_is_a_run_with_all_that_is_known(store, rows):
    swept = sweep(
        store,
        "run",
        {"fast": "5:15:5", "slow": "10,20"},
        conditions=["fast < slow"],
        symbol=["A", "B"],
        sweep="mine",
        strategy="cross",
    )
    assert (swept.total, swept.done, swept.failed, swept.already) == (8, 8, 0, 0)
    assert len(swept.run_ids) == 8
    found = rows(
        "select symbol, params, sweep, strategy, entrypoint, status, bars, metrics_from, "
        "length(code_hash), data_hash, duration_s >= 0, config, extra['score'], run_id from runs "
        "order by symbol, (params ->> 'fast')::int, (params ->> 'slow')::int"
    )
    grid = [{"fast": f, "slow": s} for f in (5, 10, 15) for s in (10, 20) if f < s]
    assert [(r[0], json.loads(r[1])) for r in found] == [(s, p) for s in "AB" for p in grid]
    assert {r[2:11] for r in found} == {
        ("mine", "cross", "strat.py:run", "ok", 3, "curve", 32, None, True)
    }
    assert json.loads(found[0][11])["run"] == {
        "root": without_home(str(Path.cwd())),
        "labels": {"symbol": "A"},
        "named": {"strategy": "cross"},
    }
    assert found[0][12] == 0.5
    assert {r[13] for r in found} == set(swept.run_ids)


def test_the_same_question_gets_the_same_label(here):
    def asked(**options) -> str | None:
        return plan("strat.py:run", {"fast": "1:3:1"}, params={"slow": 9}, **options).sweep

    label = asked()
    assert label is not None and label.startswith("strat-")
    assert asked() == label
    assert len({label, asked(symbol="A"), asked(conditions=["fast > 1"]), asked(random=2)}) == 4
    assert asked(strategy="x", sweep="named") == "named"
    assert plan("strat.py:run", params={"fast": 1, "slow": 9}).sweep is None


@pytest.mark.slow
def test_what_is_in_the_lake_is_skipped(store, rows, here):
    sweep(store, "noted", {"n": "1:4:1", "pause": "0"})
    # 10 and 10.0, another order, and a wider grid: the same params are the same.
    wider = sweep(store, "noted", {"pause": [0.0], "n": [float(n) for n in range(1, 7)]})
    assert (wider.already, wider.done) == (4, 2)
    assert len((here / "called").read_text().splitlines()) == 6
    again = sweep(store, "noted", {"n": "1:6:1", "pause": "0"})
    assert (again.already, again.done) == (6, 0)
    assert rows("select count(*), count(distinct params_hash) from trials") == [(6, 6)]


@pytest.mark.slow
def test_other_code_data_labels_or_windows_are_not_the_same(store, here):
    (here / "a.csv").write_text("1")
    code = (
        "def run(n, symbol=None, start=None, end=None): return {'metrics': {'total_return': n}}\n"
        "run.data = 'a.csv'\n"
    )
    (here / "strat.py").write_text(code)

    def todo(**options) -> int:
        made = plan("strat.py:run", {"n": "1:2:1"}, **options)
        return len(made.trials) - len(held(store, made.job, made.trials))

    assert todo(symbol="A", start="2024-01-01") == 2
    sweep(store, "run", {"n": "1:2:1"}, symbol="A", start="2024-01-01")
    assert todo(symbol="A", start="2024-01-01") == 0
    assert todo(symbol="B", start="2024-01-01") == 2
    assert todo(symbol="A", start="2024-01-02") == 2
    assert todo(symbol="A") == 2
    assert todo(start="2024-01-01") == 2  # no symbol asked for: not the same as any
    (here / "a.csv").write_text("2")
    assert todo(symbol="A", start="2024-01-01") == 2
    (here / "a.csv").write_text("1")
    assert todo(symbol="A", start="2024-01-01") == 0
    (here / "strat.py").write_text(code + "# changed\n")
    assert todo(symbol="A", start="2024-01-01") == 2


@pytest.mark.slow
def test_failures_are_runs_and_do_not_stop_the_rest(store, rows):
    swept = sweep(store, "flaky", {"n": "1:8:1"})
    assert (swept.done, swept.failed) == (8, 4)
    failed = rows(
        "select (params ->> 'n')::int, strategy, sweep, error, code_hash is not null "
        "from runs where status = 'failed' order by 1"
    )
    assert [row[0] for row in failed] == [3, 4, 5, 6]
    assert {row[1] for row in failed} == {"flaky"} and {row[2] for row in failed} == {swept.sweep}
    errors = [row[3] for row in failed]
    assert errors[0].startswith("ValueError: no good: 3\n")
    assert 'strat.py", line' in errors[0] and "bt_lake" not in errors[0]
    assert errors[1].startswith("SystemExit: 5")
    assert errors[2] == "the function returned None; return anything that `lake.save` takes"
    assert errors[3].startswith("equity[0].equity:")
    assert swept.error is not None  # the first to come: two processes are at it
    which, _, words = swept.error.partition(": ")
    assert words.startswith(errors[["n=3", "n=4", "n=5", "n=6"].index(which)].split("\n")[0])
    again = sweep(store, "flaky", {"n": "1:8:1"})
    assert (again.done, again.already, again.already_failed) == (0, 8, 4)
    store.append_events("delete", [r for (r,) in rows("select run_id from runs where error <> ''")])
    assert sweep(store, "flaky", {"n": "1:8:1"}).failed == 4


def test_fail_fast_stops_and_keeps_what_is_done(store, rows):
    with pytest.raises(BadInput, match=r"(?s)n=3: ValueError: no good: 3.*stopped at the first"):
        sweep(store, "flaky", {"n": "1:1000:1"}, jobs=1, fail_fast=True)
    done = rows("select (params ->> 'n')::int, status from runs order by 1")
    assert done[:3] == [(1, "ok"), (2, "ok"), (3, "failed")] and len(done) < 1000


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_killed_worker_costs_one_run(store, rows):
    swept = sweep(store, "deadly", {"n": "1:12:1"})
    assert (swept.done, swept.failed) == (12, 2)
    assert rows(
        "select (params ->> 'n')::int, error from runs where status = 'failed' order by 1"
    ) == [
        (3, "the worker process was killed by signal 9 (SIGKILL)"),
        (5, "the function ended its process: os._exit(7)"),
    ]
    assert rows("select count(*), count(distinct params_hash) from runs") == [(12, 12)]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_worker_is_noticed_even_if_its_child_lives_on(store, rows):
    swept = sweep(store, "leaves_a_child", {"n": "1:3:1"}, jobs=1)
    assert (swept.done, swept.failed) == (3, 1)


def test_several_runs_of_one_call_are_told_apart(store, rows):
    swept = sweep(store, "several", {"n": "1:2:1"})
    assert swept.done == 2 and len(swept.run_ids) == 4
    assert rows(
        "select symbol, (config ->> '/run/part')::int, count(*), max(run_id like 'same%') from runs "
        "group by all order by 1"
    ) == [("a", 0, 2, False), ("b", 1, 2, False)]
    assert sweep(store, "several", {"n": "1:2:1"}).already == 2


@pytest.mark.slow
def test_params_that_only_the_result_names_are_params_too(store, rows):
    first = sweep(store, "tells_more", {"n": "1:2:1"})
    assert sweep(store, "tells_more", {"n": "1:2:1"}).already == 2
    found = rows("select params, config from runs order by params")
    assert [json.loads(params) for params, _ in found] == [{"n": n, "stop": 0.1} for n in (1, 2)]
    assert json.loads(found[0][1])["fee"] == 1
    again = reproduce(store, first.run_ids[0])
    assert again.same
    assert rows("select count(distinct params_hash), count(*) from runs") == [(2, 3)]


def test_folds_are_stored_and_passed_on(store, rows):
    swept = sweep(
        store,
        "run",
        {"fast": "5,10"},
        params={"slow": 50},
        folds=3,
        train=0.6,
        start="2023-01-01",
        end="2023-12-31",
    )
    assert swept.total == 12
    found = rows(
        "select fold, sample, config ->> '/run/start', config ->> '/run/end', count(*) "
        "from runs group by all order by 1, 2"
    )
    assert [row[:2] for row in found] == [(f, s) for f in "123" for s in ("in", "out")]
    assert found[0][2] == "2023-01-01" and found[-1][3] == "2023-12-31"
    assert {row[4] for row in found} == {2}


@pytest.mark.slow
def test_progress_tells_how_far_and_the_best_so_far(store):
    seen: list[tuple[int, float | None]] = []
    swept = sweep(store, "noted", {"n": "1:9:1"}, progress=lambda s: seen.append((s.done, s.best)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen) and seen[-1][0] == 9
    assert swept.best is None  # no curve, no Sharpe ratio
    made = plan("strat.py:noted", {"n": "11:19:1"})
    best = run(store, made, jobs=2, metric="total_return")
    assert (best.best, best.best_params) == (0.19, {"n": 19})


@pytest.mark.slow
def test_a_finished_sweep_still_gives_its_best(store):
    made = plan("strat.py:noted", {"n": "11:19:1"})
    run(store, made, jobs=1, metric="total_return")
    again = run(store, made, jobs=1, metric="total_return")
    assert (again.already, again.done) == (9, 0)
    assert (again.best, again.best_params) == (0.19, {"n": 19})
    more = run(store, plan("strat.py:noted", {"n": "5:19:1"}), jobs=1, metric="total_return")
    assert (more.done, more.best, more.best_params) == (6, 0.19, {"n": 19})
    least = run(store, made, jobs=1, metric="max_drawdown")
    assert least.best is None


def test_mistakes_show_before_anything_runs(store, here):
    def refused(words: str, function: str = "run", **options) -> None:
        with pytest.raises(BadInput, match=words):
            sweep(store, function, options.pop("grid", {"fast": "1:2:1"}), **options)

    refused("no argument of strat.py:run 'fsat'. Did you mean fast?", grid={"fsat": "1:2:1"})
    refused("missing a required argument: 'slow'")
    refused(
        "no argument of strat.py:noted 'start'", "noted", grid={"n": "1:2:1"}, start="2024-01-01"
    )
    refused(r"params.slow is NaN", params={"slow": float("nan")})
    refused("at least one worker", params={"slow": 9}, jobs=0)
    assert not store.layout.exists


def test_code_that_changes_under_way_stops_the_sweep(store, here):
    made = plan("strat.py:noted", {"n": "1:4:1"})
    (here / "strat.py").write_text(textwrap.dedent(STRATEGY) + "# edited\n")
    with pytest.raises(BadInput, match="changed while the sweep was running"):
        run(store, made, jobs=1)


@pytest.mark.slow
def test_a_function_of_a_script_is_swept_without_a_guard_problem(here):
    (here / "script.py").write_text(
        textwrap.dedent(
            """
            from bt_lake.running.planning import plan
            from bt_lake.running.sweep import run
            from bt_lake.warehouse.store import Store

            def double(n):
                return {"metrics": {"total_return": 2 * n}}

            if GUARD:
                print(run(Store("lake"), plan(double, {"n": [1, 2, 3]}), jobs=1))
            """
        )
    )

    def ran(guard: str) -> subprocess.CompletedProcess[str]:
        text = (here / "script.py").read_text().replace("GUARD", guard)
        (here / "guarded.py").write_text(text)
        return subprocess.run([sys.executable, "guarded.py"], capture_output=True, text=True)

    assert ran("__name__ == '__main__'").stdout == "3 of 3 runs are in the lake\n"
    assert "below if __name__" in ran("True").stderr


DRIVER = """
    import sys
    from bt_lake.running import commits
    from bt_lake.running.planning import plan
    from bt_lake.running.sweep import run
    from bt_lake.warehouse.store import Store

    commits.EVERY_S = 0.1
    print(run(Store("lake"), plan("strat.py:noted", {"n": "1:120:1"}), jobs=2))
"""


def started(here: Path) -> subprocess.Popen[str]:
    """A sweep in a process of its own, with the first of its runs in the lake."""
    (here / "driver.py").write_text(textwrap.dedent(DRIVER))
    driver = subprocess.Popen(
        [sys.executable, "driver.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: any((here / "lake" / "runs").glob("*/c-*")))
    assert driver.poll() is None
    return driver


def until(there, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # An orphan that ended is a zombie until whoever adopted it looks.
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def workers(here: Path) -> set[int]:
    return {int(line.split()[0]) for line in (here / "called").read_text().splitlines()}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_killed_half_way_and_started_again_has_every_combination_once(here, rows):
    lake = Store(here / "lake")
    driver = started(here)
    driver.kill()
    driver.wait()
    assert 0 < count(lake) < 120
    until(lambda: all(map(gone, workers(here))))  # nobody goes on without the employer
    swept = run(lake, plan("strat.py:noted", {"n": "1:120:1"}), jobs=2)
    assert 0 < swept.already < 120 and swept.already + swept.done == 120
    assert count(lake) == 120
    assert count(lake, "distinct params_hash") == 120
    # What was lost is only what had not been committed for a moment.
    called = len((here / "called").read_text().splitlines())
    assert 120 <= called < 120 + 60


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_ctrl_c_ends_cleanly_and_says_what_is_in(here):
    lake = Store(here / "lake")
    driver = started(here)
    driver.send_signal(signal.SIGINT)
    _, errors = driver.communicate(timeout=60)
    done = count(lake)
    assert 0 < done < 120
    assert f"{done} of 120 runs are in the lake; start it again to go on" in errors
    assert all(map(gone, workers(here)))
    assert lake.check().findings == []
    swept = run(lake, plan("strat.py:noted", {"n": "1:120:1"}), jobs=2)
    assert (swept.already, swept.done) == (done, 120 - done)
    # What was running was cut short: the runs of two workers, no more.
    assert len((here / "called").read_text().splitlines()) <= 120 + 2


@pytest.mark.slow
def test_two_processes_at_one_sweep_run_every_combination_once(here):
    first = started(here)
    second = subprocess.Popen([sys.executable, "driver.py"], stdout=subprocess.PIPE, text=True)
    ended = [(each.communicate(timeout=60), each.returncode) for each in (first, second)]
    assert [code for _, code in ended] == [0, 0]
    assert all(out.startswith("120 of 120 runs are in the lake") for (out, _), _ in ended)
    lake = Store(here / "lake")
    assert (count(lake), count(lake, "distinct params_hash")) == (120, 120)


@pytest.mark.slow
def test_what_another_process_runs_meanwhile_is_left_to_it(here, rows):
    lake, other = Store(here / "lake"), []

    def let_another_run_the_rest(swept: Swept) -> None:
        if swept.done > 5 and not other:
            other.append(subprocess.run([sys.executable, here / "driver.py"], check=True))

    (here / "driver.py").write_text(textwrap.dedent(DRIVER))
    made = plan("strat.py:noted", {"n": "1:120:1"})
    swept = run(lake, made, jobs=2, progress=let_another_run_the_rest)
    assert swept.elsewhere > 60 and swept.done + swept.elsewhere == 120
    assert f"120 of 120 runs are in the lake, {swept.elsewhere} by another process" in str(swept)
    assert (count(lake), count(lake, "distinct params_hash")) == (120, 120)
    # Twice is run only what was finished or under way, and not yet committed.
    assert len((here / "called").read_text().splitlines()) < 120 + 30


def count(store: Store, what: str = "*") -> int:
    found = store.ask(lambda c: c.execute(f"select count({what}) from runs").fetchall())
    return found[0][0]


@pytest.mark.slow
def test_a_sweep_whose_first_runs_fail_alike_gives_up(store, rows):
    swept = sweep(store, "hopeless", {"n": "1:300:1"}, jobs=2)
    assert swept.gave_up and 10 <= swept.failed == swept.done < 100
    assert "gave up as the first" in str(swept)
    assert rows("select count(*) from runs where status = 'failed'") == [(swept.failed,)]
    done = sweep(store, "hopeless", {"n": "1:40:1"}, jobs=2, keep_going=True)
    assert (done.gave_up, done.total, done.already_failed + done.failed) == (False, 40, 40)
