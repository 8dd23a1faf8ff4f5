"""Command lines are read without Typer where they are right, and mean what Typer says they mean."""

from __future__ import annotations

import random
import subprocess
import sys
from contextlib import suppress
from enum import EnumType
from pathlib import Path
from typing import Any, get_args

import pytest
from cli_lake import environment

from bt_lake.cli import by_typer, messages, registry
from bt_lake.cli.binding import Bound, Parameter
from bt_lake.cli.declaring import Argument
from bt_lake.cli.everywhere import everywhere, lake_first
from bt_lake.cli.main import run
from bt_lake.cli.parsing import Unclear, is_several, read
from bt_lake.warehouse.errors import UnknownName

NAMES = sorted(registry.PLACES)
BAD = ["", "x", "-1", "0", "1e400", "--", "-n", "--limit", "nan", "=", "True", "TABLE", "ä b"]


def kind_of(parameter: Parameter) -> Any:
    """What one value of it is."""
    kind = parameter.kind
    while get_args(kind):
        kind = next(each for each in get_args(kind) if each is not type(None))
    return kind


def a_value(rng: random.Random, parameter: Parameter) -> str:
    if rng.random() < 0.06:
        return rng.choice(BAD)
    kind = kind_of(parameter)
    if isinstance(kind, EnumType):
        return str(rng.choice(list(kind)).value)
    if kind is int:
        return str(rng.randint(1, 50))
    if kind is float:
        return rng.choice(["1", "0.5", "2e-3", "1_0"])
    return rng.choice(["fast=3", "sharpe_ratio", "07", "a,b", "a file.csv", "x=y=z"])


def given(rng: random.Random, parameter: Parameter) -> list[str]:
    """An option with a value, in one of the ways to write it."""
    names = [part for name in parameter.declared.names for part in name.split("/")]
    name = rng.choice(names or [f"--{parameter.name.replace('_', '-')}"])
    if kind_of(parameter) is bool:
        return [name]
    value = a_value(rng, parameter)
    if name[:2] == "--":
        return rng.choice([[name, value], [f"{name}={value}"]])
    return rng.choice([[name, value], [f"{name}{value}"]])


def a_line(rng: random.Random, command: str) -> list[str]:
    """Words for a command, mostly right."""
    pieces = []
    for each in registry.bound(command).parameters:
        if isinstance(each.declared, Argument):
            count = rng.choice([1, 2, 3]) if is_several(each.kind) else 1
            pieces += [[a_value(rng, each)] for _ in range(count) if rng.random() < 0.9]
        elif rng.random() < 0.15:
            pieces += [given(rng, each) for _ in range(rng.choice([1, 1, 2]))]
    for each in Bound(everywhere).parameters[:3]:
        if rng.random() < 0.1:
            pieces.append(given(rng, each))
    if rng.random() < 0.05:
        pieces.append([rng.choice(["--", "--no-such", "-q", "-h", "--help", "-"])])
    rng.shuffle(pieces)
    return [command, *(word for piece in pieces for word in piece)]


def meant(words: list[str], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """What a command would be called with: as read here, and by Typer. None: not at all."""
    called: list[Any] = []

    def call(bound: Bound, session: Any, values: Any) -> int:
        lake = (session.path, session.existing, session.wait_s)
        called.append((bound.function.__name__, lake, dict(values)))
        return 0

    monkeypatch.setattr(Bound, "__call__", call)
    monkeypatch.setattr(messages, "error", lambda _: None)
    found = []
    for way in (here, by_typer.run):
        called.clear()
        with suppress(UnknownName):
            way(lake_first(words))
        found.append(called[0] if called else None)
    return found[0], found[1]


def here(words: list[str]) -> None:
    try:
        values, rest = read(Bound(everywhere).parameters, words, group=True)
        command = registry.bound(rest[0])
        command(everywhere(**values), read(command.parameters, rest[1:]).values)
    except (Unclear, KeyError, IndexError):
        pass


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_here_is_what_typer_reads(name: str, monkeypatch: pytest.MonkeyPatch):
    seed = random.randrange(10**9)
    rng = random.Random(seed)
    right = 0
    for tried in range(400):
        if tried >= 20 and right >= 5:
            break
        words = a_line(rng, name)
        own, typers = meant(words, monkeypatch)
        assert repr(own) == repr(typers), f"seed {seed}: {words}"  # True == 1.0, nan != nan
        right += own is not None
    assert right >= 5, f"seed {seed}"


@pytest.mark.parametrize(
    "words",
    [
        ["list", "-n", "3"],
        ["list", "-n3"],
        ["list", "--limit=3", "--lake", "elsewhere"],
        ["list", "-n=3"],
        ["list", "-n"],
        ["list", "--limit", "--all"],
        ["list", "--all=1"],
        ["list", "x"],
        ["list", "--", "-n", "3"],
        ["list", "-s", "-n", "-n", "3"],
        ["show"],
        ["show", "07", "08"],
        ["show", "--", "-07"],
        ["show", "-07"],
        ["ingest", "a.csv", "--month-first", "--day-first", "b.csv"],
        ["nonsense"],
        [],
    ],
    ids=" ".join,
)
def test_ways_to_write_it(words: list[str], monkeypatch: pytest.MonkeyPatch):
    own, typers = meant(words, monkeypatch)
    assert repr(own) == repr(typers)


def test_the_lake_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    for text in ("there", ""):
        monkeypatch.setenv("BT_LAKE", text)
        own, typers = meant(["list"], monkeypatch)
        assert own == typers
        assert own[1][0] == Path(text or "lake")


def test_only_settings_that_both_ways_know(monkeypatch: pytest.MonkeyPatch):
    words = {"help", "metavar", "show_default", "rich_help_panel", "autocompletion"}
    for name in NAMES:
        for each in registry.bound(name).parameters:
            assert set(each.declared.settings) <= words | {"min", "max"}, (name, each.name)


def test_a_right_command_line_does_not_import_typer(tmp_path: Path):
    assert run(["--lake", str(tmp_path / "lake"), "init"]) == 0
    script = "import sys; from bt_lake.cli.main import run; run(sys.argv[1:]); print('typer' in sys.modules)"
    for words, wanted in (
        (["--version"], "False"),
        (["list", "-n", "3", "--format", "csv"], "False"),
        (["best", "sharpe_ratio", "--nope"], "True"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, "--lake", str(tmp_path / "lake"), *words],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.stdout.split()[-1] == wanted, (words, done.stderr)
