"""A lake names the code that made its runs; none of it runs unless the user trusts it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_lake import Cli
from factory import frames, ids

import bt_lake
from bt_lake.running import allowed, trust
from bt_lake.running.trust import NotTrusted, find
from bt_lake.warehouse.errors import BadInput, Damaged, LakeError, NotFound, UnknownName

STRATEGY = """
import os
from os import system
from os import system as run_it
from pathlib import Path
Path({ran!r}).write_text("imported")
alias = os.system
made = lambda command: os.system(command)

def wrapped(function):
    def inner(**arguments):
        return function(**arguments)
    return inner

def run(command="", n=1):
    Path({ran!r}).write_text("called")
    return {{"metrics": {{"score": n}}}}

@wrapped
def decorated(n=1):
    return {{"metrics": {{"score": n}}}}

class Strategy:
    @staticmethod
    def run(n=1):
        return {{"metrics": {{"score": n}}}}

if True:
    def under_a_condition(n=1):
        return {{"metrics": {{"score": n}}}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder of a user, with a strategy of hers and somebody's lake in it."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (here / "strat.py").write_text(STRATEGY.format(ran=str(tmp_path / "ran")))
    before = set(sys.modules)
    yield here
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def lake(place: Path) -> bt_lake.Lake:
    return bt_lake.open(place / "lake")


def claimed(lake: bt_lake.Lake, entrypoint: str, **labels: object) -> str:
    """A run that says it was made by this function."""
    return lake.save({"strategy": "x", "entrypoint": entrypoint, **labels})


def hash_of(file: str) -> str:
    return trust.code_hash(Path(file))


def ran(place: Path) -> bool:
    return (place.parent / "ran").exists()


@pytest.mark.parametrize(
    "entrypoint",
    [
        "os:system",
        "posix:system",
        "builtins:exec",
        "subprocess:run",
        "importlib.util:find_spec",
        "os.path:os.system",
        "code:interact",
        "sys:exit",
        f"{Path(json.__file__).parent}/__init__.py:loads",
        "strat:system",
        "strat:run_it",
        "strat:alias",
        "strat:made",
        "strat:os.system",
        "strat.py:os.system",
        "strat.py:system",
        "strat.py:__builtins__.exec",
        "strat:run.__globals__",
        "strat:Strategy.__subclasses__",
        "numpy:load",
        "duckdb:connect",
        "bt_lake.cli.main:run",
        "no_such_module:run",
        "strat.py",
        ":run",
        "strat:",
        "strat: run",
        "../../../etc/passwd:run",
        "/dev/zero:run",
        "/dev/stdin.py:run",
        "https://example.org/strat.py:run",
        "strat.py:run;import os",
        "x\0.py:run",
    ],
)
def test_what_a_lake_may_not_name(lake, place, entrypoint):
    run_id = claimed(lake, entrypoint, params={"command": f"touch {place.parent / 'ran'}"})
    with pytest.raises(LakeError):
        lake.reproduce(run_id, changed_code=True)
    assert not ran(place), "nothing is imported either"


def test_the_standard_library_cannot_be_allowed(lake):
    run_id = claimed(lake, "os:system", params={"command": "true"})
    with pytest.raises(NotTrusted, match="Python's own modules are never run"):
        lake.reproduce(run_id, allow=["os:system"], changed_code=True)


@pytest.mark.parametrize("name", ["run", "decorated", "Strategy.run", "under_a_condition"])
@pytest.mark.parametrize("module", ["strat", "strat.py"])
def test_functions_of_the_current_folder_run(lake, place, module, name):
    run_id = claimed(lake, f"{module}:{name}", params={"n": 3})
    with pytest.raises(NotTrusted, match="does not say which code made it"):
        lake.reproduce(run_id)
    assert not ran(place)
    again = lake.reproduce(run_id, changed_code=True)
    assert again.error is None
    assert lake.run(again.run_id).row["extra"] == {"score": 3.0}


def test_only_the_code_that_made_the_run(lake, place):
    run_id = claimed(lake, "strat.py:run", code_hash=hash_of("strat.py"))
    assert lake.reproduce(run_id).error is None
    (place / "strat.py").write_text((place / "strat.py").read_text() + "\n# edited\n")
    with pytest.raises(NotTrusted, match="it has changed"):
        lake.reproduce(run_id)


@pytest.mark.parametrize("where", ["../elsewhere", ".venv/lib/python3.11/site-packages"])
def test_code_elsewhere_runs_if_it_is_allowed_for_this_lake(lake, place, where, monkeypatch):
    folder = place / where
    folder.mkdir(parents=True)
    (place / "strat.py").rename(folder / "other.py")
    monkeypatch.syspath_prepend(str(folder))
    hashed = hash_of(str(folder / "other.py"))
    run_id = claimed(lake, "other:run", code_hash=hashed)
    with pytest.raises(NotTrusted, match="not in the current folder.* --allow other:run"):
        lake.reproduce(run_id)
    with pytest.raises(NotTrusted, match="not in the current folder"):
        lake.reproduce(run_id, allow=["other:walk", "os:system"])
    assert not ran(place)
    assert lake.reproduce(run_id, allow=["other:run"]).error is None
    assert lake.reproduce(run_id).error is None, "it is remembered"
    stranger = bt_lake.open(place / "another")
    with pytest.raises(NotTrusted, match="not in the current folder"):
        stranger.reproduce(claimed(stranger, "other:run", code_hash=hashed))
    assert "other:run" in (place.parent / "config" / "bt-lake" / "allowed.json").read_text()
    assert all("other" not in path.name for path in lake.path.rglob("*"))


def test_what_is_remembered_is_the_file_not_only_its_name(lake, place):
    """The lake says where the project was; it may say something else in the next run."""
    for name in ("good", "evil"):
        (place.parent / name).mkdir()
        (place.parent / name / "s.py").write_text((place / "strat.py").read_text())
    made = {
        name: claimed(
            lake,
            "s.py:run",
            config={"run": {"root": str(place.parent / name)}},
            code_hash=hash_of("strat.py"),
        )
        for name in ("good", "evil")
    }
    lake.reproduce(made["good"], allow=["s.py:run"])
    with pytest.raises(NotTrusted, match="evil"):
        lake.reproduce(made["evil"])


def test_another_lake_in_the_same_place_is_another_lake(lake, place):
    code = find("strat.py:run")
    lake.save({"strategy": "x"})
    allowed.remember(lake.store.layout, code)
    assert allowed.is_allowed(lake.store.layout, code)
    card = lake.store.layout.card
    card.write_text(json.dumps(json.loads(card.read_text()) | {"lake_id": "other"}))
    assert not allowed.is_allowed(lake.store.layout, code)


def test_code_in_the_lake_is_data(lake, place):
    lake.save({"strategy": "x"})
    (lake.path / "evil.py").write_text((place / "strat.py").read_text())
    run_id = claimed(lake, "lake/evil.py:run", code_hash=hash_of("strat.py"))
    with pytest.raises(NotTrusted, match="lies in the lake itself"):
        lake.reproduce(run_id, allow=["lake/evil.py:run"])
    (place / "linked.py").symlink_to(lake.path / "evil.py")
    run_id = claimed(lake, "linked.py:run", code_hash=hash_of("strat.py"))
    with pytest.raises(NotTrusted, match="lies in the lake itself"):
        lake.reproduce(run_id, allow=["linked.py:run"])


def test_a_link_in_the_current_folder_leads_out_of_it(lake, place):
    (place / "strat.py").rename(place.parent / "outside.py")
    (place / "linked.py").symlink_to(place.parent / "outside.py")
    run_id = claimed(lake, "linked.py:run", code_hash=hash_of("linked.py"))
    with pytest.raises(NotTrusted, match="not in the current folder"):
        lake.reproduce(run_id)


def test_a_package_is_not_imported_to_find_a_module_of_it(lake, place):
    (place / "pack").mkdir()
    (place / "pack" / "__init__.py").write_text(f"open({str(place.parent / 'ran')!r}, 'w')\n")
    (place / "pack" / "s.py").write_text("def run(n=1):\n    return {'metrics': {'n': n}}\n")
    assert find("pack.s:run").line == 1
    assert not ran(place)
    with pytest.raises(UnknownName, match="Did you mean run"):
        find("pack.s:runs")
    with pytest.raises(NotFound):
        find("pack.none:run")


@pytest.mark.parametrize(
    "config",
    [
        {"run": {"root": 3}},
        {"run": {"arguments": [1]}},
        {"run": {"labels": {"symbol": 1}}},
        {"run": {"labels": []}},
        {"run": {"start": {"a": 1}}},
        {"run": {"part": "x"}},
    ],
)
def test_a_config_of_other_types_is_damage(lake, config):
    run_id = claimed(lake, "strat.py:run", config=config)
    with pytest.raises(Damaged, match="does not say how it was made"):
        lake.reproduce(run_id, changed_code=True)


def test_source_that_is_none(place):
    (place / "bad.py").write_text("def run(:")
    with pytest.raises(BadInput, match="not Python source"):
        find("bad.py:run")
    (place / "deep.py").write_text("x = " + "(" * 100_000 + ")" * 100_000 + "\ndef run(): pass\n")
    with pytest.raises(BadInput, match="not Python source"):
        find("deep.py:run")


# On the command line: what is about to run is shown, and asked.


@pytest.mark.slow
def test_nothing_runs_where_nobody_can_be_asked(place, lake, capsys):
    run_id = claimed(
        lake, "strat.py:run", code_hash=hash_of("strat.py"), params={"n": 4}, metrics={"score": 4.0}
    )
    cli = Cli(lake.path, capsys)
    said = cli.process("reproduce", run_id, cwd=place)
    assert said.code == 2
    assert f"run strat.py:run ({place / 'strat.py'}, line 15) with n=4?" in said.err
    assert "--yes" in said.err
    assert not ran(place)
    said = cli.process("reproduce", run_id, "--yes", cwd=place)
    assert said.code == 0, said.err
    assert f"running strat.py:run ({place / 'strat.py'}, line 15) with n=4" in said.err
    assert ran(place)


def test_the_os_of_a_stranger_runs_nothing(place, lake, capsys):
    run_id = claimed(lake, "os:system", params={"command": f"touch {place.parent / 'ran'}"})
    said = Cli(lake.path, capsys).process("reproduce", run_id, "--yes", "--changed-code", cwd=place)
    assert said.code == 2
    assert "Python's own modules are never run for a lake" in said.err
    assert not ran(place)


@pytest.mark.parametrize("column", ["params", "config"])
def test_what_is_no_json_is_damage(lake, column):
    made = frames(1, entrypoint="strat:run", **{column: "{'not': json"})
    lake.store.append(made)
    (run_id,) = ids(made)
    with pytest.raises(Damaged, match=f"its {column} is no JSON"):
        lake.reproduce(run_id)
