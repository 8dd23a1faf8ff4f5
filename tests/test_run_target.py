"""Finding the user's function, and hashing its code and its data."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from bt_lake.running.provenance import code_hash, commit_of, data_hash
from bt_lake.running.target import load, of
from bt_lake.warehouse.errors import BadInput, NotFound, UnknownName

CODE = "def run(fast, slow=50):\n    return {'fast': fast}\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_a_function_in_a_file(here):
    (here / "my strategy.py").write_text(CODE)
    target = load("my strategy.py:run")
    assert target.function(5) == {"fast": 5}
    assert target.entrypoint == "my strategy.py:run"
    assert target.place == f"{here}/my strategy.py:run"
    assert target.name == "my strategy"
    assert load(target.place).entrypoint == target.entrypoint


def test_a_file_sees_its_neighbours_and_is_read_anew(here):
    (here / "lib").mkdir()
    (here / "lib" / "helper_of_mine.py").write_text("FACTOR = 3\n")
    file = here / "lib" / "strategy_of_mine.py"
    file.write_text("from helper_of_mine import FACTOR\ndef momentum(x):\n    return x * FACTOR\n")
    target = load("lib/strategy_of_mine.py:momentum")
    assert target.function(2) == 6 and target.name == "momentum"
    file.write_text("from helper_of_mine import FACTOR\ndef momentum(x):\n    return x + FACTOR\n")
    again = load("lib/strategy_of_mine.py:momentum")
    assert again.function(2) == 5 and again.code_hash != target.code_hash


def test_a_file_named_as_a_module_of_pythons_own(here):
    (here / "random.py").write_text(CODE)
    assert load("random.py:run").function(1) == {"fast": 1}
    import random

    assert random.random() < 1


def test_a_function_in_a_module(here):
    (here / "pack_of_mine").mkdir()
    (here / "pack_of_mine" / "__init__.py").write_text("from pack_of_mine.core import run\n")
    (here / "pack_of_mine" / "core.py").write_text(f"class Box:\n    pass\n{CODE}")
    target = load("pack_of_mine:run")
    assert target.entrypoint == target.place == "pack_of_mine:run"
    assert target.code_hash == code_hash(here / "pack_of_mine" / "core.py")
    assert load("pack_of_mine.core:run").name == "core"


def test_a_file_in_a_repository_is_named_from_its_top(here, monkeypatch):
    git("init", "-q")
    (here / "a" / "b").mkdir(parents=True)
    (here / "a" / "b" / "s.py").write_text(CODE)
    monkeypatch.chdir(here / "a")
    target = load("b/s.py:run")
    assert (target.entrypoint, target.root) == ("a/b/s.py:run", str(here))
    assert load(target.entrypoint, target.root).place == target.place
    # Where its root is gone, the repository one stands in will do.
    assert load(target.entrypoint, "/nowhere").place == target.place


def test_detours_are_left_out_and_links_are_kept(here):
    (here / "a").mkdir()
    (here / "a" / "s.py").write_text(CODE)
    (here / "link").symlink_to("a")
    assert load("a/../link/s.py:run").entrypoint == "link/s.py:run"


def test_a_file_elsewhere_is_named_in_full(here, tmp_path_factory):
    file = tmp_path_factory.mktemp("elsewhere") / "s.py"
    file.write_text(CODE)
    assert load(f"{file}:run").entrypoint == f"{file}:run"


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("s.py", BadInput, "names no function: name it as package.module:function"),
        ("nothing.py:run", NotFound, "there is no file .*nothing.py"),
        ("no_such_module_at_all:run", NotFound, "there is no module no_such_module_at_all"),
        ("s.py:rum", UnknownName, "no function in .*s.py 'rum'. Did you mean run?"),
        ("s.py:NUMBER", BadInput, "is 5, not a function"),
        ("broken.py:run", BadInput, "(?s)cannot be imported:.*broken.py.*line 2.*division by zero"),
        ("syntax.py:run", BadInput, "(?s)cannot be imported:.*SyntaxError"),
        ("needs.py:run", BadInput, "(?s)cannot be imported:.*No module named 'nothing_like_it'"),
        ("leaves.py:run", BadInput, "(?s)cannot be imported:.*SystemExit"),
    ],
)
def test_what_cannot_be_found_says_why(here, text, kind, words):
    (here / "s.py").write_text(f"NUMBER = 5\n{CODE}")
    (here / "broken.py").write_text("x = 0\n1 / x\n")
    (here / "syntax.py").write_text("def run(:\n")
    (here / "needs.py").write_text("import nothing_like_it\n")
    (here / "leaves.py").write_text("raise SystemExit\n")
    with pytest.raises(kind, match=words) as caught:
        load(text)
    assert "bt_lake/ingest" not in str(caught.value)


class Strategy:
    def run(self) -> None: ...


def test_functions_at_hand():
    assert of(git).entrypoint == f"{__name__}:git"
    with pytest.raises(BadInput, match="define it with def"):
        of(lambda: None)

    def inner() -> None: ...

    for hidden in (inner, Strategy().run, partial(git)):
        with pytest.raises(BadInput, match="define it with def"):
            of(hidden)
    assert of(Path.cwd).entrypoint == "pathlib:Path.cwd"


def test_a_function_of_the_script_itself_is_one_of_its_file(here):
    script = here / "script.py"
    script.write_text(
        f"{CODE}\nif __name__ == '__main__':\n"
        "    from bt_lake.running.target import of\n    print(of(run).entrypoint)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == "script.py:run\n"


def test_arguments_are_checked_before_anything_runs(here):
    (here / "s.py").write_text(f"{CODE}\ndef takes_all(**given): pass\n")
    target = load("s.py:run")
    target.check_arguments({"fast": 1})
    with pytest.raises(UnknownName, match=r"no argument of s.py:run 'slwo'. Did you mean slow\?"):
        target.check_arguments({"fast": 1, "slwo": 2})
    with pytest.raises(BadInput, match="missing a required argument: 'fast'; give it with -p"):
        target.check_arguments({})
    load("s.py:takes_all").check_arguments({"anything": 1})


def test_line_ends_do_not_change_the_code(here):
    (here / "a.py").write_bytes(b"x = 1\ny = 2\n")
    (here / "b.py").write_bytes(b"x = 1\r\ny = 2\r\n")
    (here / "c.py").write_bytes(b"x = 1\ny = 3\n")
    a, b, c = (code_hash(here / name) for name in ("a.py", "b.py", "c.py"))
    assert a == b != c and len(a) == 32


def test_commit_and_whether_it_is_dirty(here):
    assert commit_of(here) == {}
    git("init", "-q")
    assert commit_of(here) == {}
    (here / "s.py").write_text(CODE)
    git("add", "s.py")
    git("commit", "-q", "-m", "x")
    head = git("rev-parse", "HEAD")
    assert commit_of(here) == {"git_commit": head, "git_dirty": False}
    (here / "untracked.csv").write_text("a")
    assert commit_of(here) == {"git_commit": head, "git_dirty": False}
    (here / "s.py").write_text("x = 1")
    assert commit_of(here) == {"git_commit": head, "git_dirty": True}


def test_data_is_named_by_an_attribute_or_an_argument(here):
    (here / "a.csv").write_text("1")
    (here / "b.csv").write_text("2")

    def run(symbol: str = "") -> None: ...

    assert data_hash(run, {}) is None
    assert data_hash(run, {"data": "AAPL"}) is None
    by_argument = data_hash(run, {"data": "a.csv"})
    assert by_argument is not None and len(by_argument) == 32
    run.data = "a.csv"
    assert data_hash(run, {}) == data_hash(run, {"data": "b.csv"}) == by_argument
    run.data = lambda symbol: here / f"{symbol}.csv"
    assert data_hash(run, {"symbol": "a", "fast": 5}) == by_argument
    assert data_hash(run, {"symbol": "b"}) not in (None, by_argument)
    run.data = ["a.csv", "b.csv"]
    both = data_hash(run, {})
    assert both not in (None, by_argument)
    run.data = here
    assert data_hash(run, {}) == both
    (here / "a.csv").write_text("changed")
    assert data_hash(run, {}) != both


def test_data_that_is_named_must_be_there(here):
    def run() -> None: ...

    run.data = "prices.csv"
    with pytest.raises(BadInput, match="run.data names prices.csv, and there is no such file"):
        data_hash(run, {})
