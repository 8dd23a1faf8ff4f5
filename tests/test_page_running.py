"""Running from the page: only what is allowed, in a process of its own, stopped as `run` stops."""

from __future__ import annotations

import os
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from page_server import Server, server

from bt_lake.lake import Lake
from bt_lake.page.allowed import Allowed
from bt_lake.warehouse.errors import BadInput

pytest_plugins = ["page_fixtures"]

CODE = """
    import os, time
    print("imported")

    def quick(n: int = 1, bad: int = 0):
        if bad:
            raise ValueError(f"n is {n}")
        print("called", n, flush=True)
        return {"metrics": {"sharpe_ratio": n / 10}}

    def slow(n: int = 1):
        with open("called", "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.1)
        return {"metrics": {"sharpe_ratio": n / 10}}

    def endless():
        open("began", "w").close()
        time.sleep(600)

    def _private():
        pass
"""


def written(folder: Path) -> Path:
    folder.mkdir()
    (folder / "mine.py").write_text(textwrap.dedent(CODE))
    (folder / "wrong.py").write_text("def broken(:\n")
    (folder / "fails.py").write_text("import nothing_of_this_name\ndef run(): pass\n")
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return written(tmp_path / "project")


@pytest.fixture
def running(project: Path, tmp_path: Path) -> Iterator[Server]:
    Lake(tmp_path / "lake").create()
    with server(tmp_path / "lake", "--allow", str(project)) as made:
        yield made


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """One for all that it refuses, and its project."""
    folder = tmp_path_factory.mktemp("refusing")
    Lake(folder / "lake").create()
    project = written(folder / "project")
    with server(folder / "lake", "--allow", str(project)) as made:
        yield made, project


def until(look: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def job(running: Server) -> dict:
    return running.get("jobs")["jobs"][0]


def finished(running: Server) -> dict:
    until(lambda: job(running)["state"] in ("ended", "stopped", "refused", "died"))
    return job(running)


def test_what_a_folder_allows_is_read_without_importing_it(project: Path, tmp_path: Path, capsys):
    (project / ".hidden.py").write_text("def no(): pass\n")
    (project / "sub").mkdir()
    (project / "sub" / "more.py").write_text("def yes(): pass\nclass No: pass\n")
    outside = tmp_path / "outside.py"
    outside.write_text("def no(): pass\n")
    (project / "link.py").symlink_to(outside)
    names = [Path(name).name for name in Allowed([str(project)]).functions()]
    assert names == [
        "fails.py:run",
        "mine.py:quick",
        "mine.py:slow",
        "mine.py:endless",
        "more.py:yes",
    ]
    assert "imported" not in capsys.readouterr().out
    with pytest.raises(BadInput, match="--allow nowhere"):
        Allowed(["nowhere"])


@pytest.mark.parametrize(
    "target",
    ["os:system", "bt_lake.examples.sma_cross:run", "{}/mine.py:_private", "{}/../x.py:f", 7],
)
def test_nothing_else_is_run(refusing: tuple[Server, Path], target):
    running, project = refusing
    before = running.get("jobs")["jobs"]
    target = target.format(project) if isinstance(target, str) else target
    for path in ("jobs", "parameters"):
        refused = running.post(path, {"target": target})
        assert refused.status == 400 and "may not be run from here" in refused.json["error"]
    assert running.get("jobs")["jobs"] == before


def test_where_nothing_is_allowed_or_it_only_reads_nothing_runs(own_page: Server, page: Server):
    target = {"target": "bt_lake.examples.sma_cross:run"}
    assert own_page.post("jobs", target).status == 400
    assert page.post("jobs", target).status == 403
    assert own_page.get("about")["runs_something"] is page.get("about")["runs_something"] is False


@pytest.mark.slow
def test_a_sweep_is_run_to_its_end_and_is_in_the_lake(
    running: Server, project: Path, tmp_path: Path
):
    target = f"{project}/mine.py:quick"
    (n, bad) = running.post("parameters", {"target": target}).json["parameters"]
    assert (n["name"], n["type"], n["default"]) == ("n", "int", "1") and bad["name"] == "bad"
    started = running.post("jobs", {"target": target, "grid": {"n": "1:12:1"}, "jobs": 1})
    assert started.json == {"id": 1}
    done = finished(running)
    assert (done["state"], done["in_lake"], done["failed"]) == ("ended", 12, 0)
    assert done["best"] == 1.2 and done["best_params"] == {"n": 12}
    assert running.get("count", sweep=done["sweep"])["matched"] == 12
    running.post("jobs", {"target": target, "grid": {"n": "1:12:1"}})
    until(lambda: len(running.get("jobs")["jobs"]) == 2)
    assert "12 were before" in finished(running)["text"]
    assert len(Lake(tmp_path / "lake")) == 12


@pytest.mark.slow
def test_one_run_and_one_that_fails(running: Server, project: Path):
    target = f"{project}/mine.py:quick"
    running.post("jobs", {"target": target, "params": {"n": "3"}})
    one = finished(running)
    assert one["state"] == "ended" and one["sweep"] is None
    assert running.get(f"run/{one['run_ids'][0]}")["run"]["params"] == {"n": 3}
    running.post("jobs", {"target": target, "params": {"n": "3", "bad": "1"}})
    until(lambda: len(running.get("jobs")["jobs"]) == 2)
    failed = finished(running)
    assert "ValueError: n is 3" in failed["error"] and "Traceback" in failed["error"]


@pytest.mark.parametrize(
    "body, said",
    [
        ({"grid": {"nope": "1,2"}}, "nope"),
        ({"grid": {"n": "1:x"}}, "n"),
        ({"params": {"n": "many"}}, "n"),
        ({"options": {"folds": 3}}, "start"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_the_reason(refusing, body, said):
    running, project = refusing
    before = len(running.get("jobs")["jobs"])
    assert running.post("jobs", {"target": f"{project}/mine.py:quick", **body}).status == 200
    assert len(running.get("jobs")["jobs"]) == before + 1
    refused = finished(running)
    assert refused["state"] == "refused" and said in refused["error"]


def test_what_is_of_the_wrong_kind_never_starts(refusing: tuple[Server, Path]):
    running, project = refusing
    before = running.get("jobs")["jobs"]
    target = f"{project}/mine.py:quick"
    for more in ({"params": {"n": 3}}, {"grid": ["n"]}, {"options": {"folds": "3"}}, {"nope": 1},
                 {"options": {"nope": 1}}, {"options": {"symbol": "A"}}, {"jobs": 0}, {"metric": 1}):  # fmt: skip
        assert running.post("jobs", {"target": target, **more}).status == 400, more
    assert running.get("jobs")["jobs"] == before


def test_a_file_that_cannot_be_imported_says_why(refusing: tuple[Server, Path]):
    running, project = refusing
    refused = running.post("parameters", {"target": f"{project}/fails.py:run"})
    assert refused.status == 400 and "nothing_of_this_name" in refused.json["error"]


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("how", ["stop", "ctrl-c", "kill"])
def test_a_sweep_that_is_stopped_keeps_what_is_finished(
    running: Server, project: Path, tmp_path: Path, how: str
):
    target = f"{project}/mine.py:slow"
    running.post("jobs", {"target": target, "grid": {"n": "1:300:1"}, "jobs": 1})
    until(lambda: job(running)["done"] >= 2)
    if how == "stop":
        assert running.post("jobs/1/stop", {}).json == {"state": "stopping"}
        stopped = finished(running)
        assert stopped["state"] == "stopped" and "start it again to go on" in stopped["text"]
    else:
        running.process.send_signal(signal.SIGINT if how == "ctrl-c" else signal.SIGKILL)
        assert running.process.wait(30) == (0 if how == "ctrl-c" else -signal.SIGKILL)
    pids = {int(pid) for pid in (tmp_path / "called").read_text().split()}
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    until(lambda: len(Lake(tmp_path / "lake")) >= 2)  # its employer saves after them
    assert len(Lake(tmp_path / "lake")) < 300


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_second_stop_kills(running: Server, project: Path, tmp_path: Path):
    running.post("jobs", {"target": f"{project}/mine.py:endless"})
    until((tmp_path / "began").exists)
    running.post("jobs/1/stop", {})
    running.post("jobs/1/stop", {})
    assert finished(running)["state"] in ("stopped", "died")
    assert running.ask("/api/jobs/9/stop", method="POST", body={}).status == 404
