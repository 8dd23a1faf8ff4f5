"""Fixtures of the tests of the command line."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_lake import Cli, make


@pytest.fixture(scope="session")
def made_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; never written to."""
    return make(tmp_path_factory.mktemp("cli") / "lake")


@pytest.fixture
def cli(made_lake: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    before = written(made_lake)
    yield Cli(made_lake, capsys)
    assert written(made_lake) == before, "the lake that tests share was changed: take `own`"


def written(lake: Path) -> set[tuple[str, int, int]]:
    found = ((path, path.stat()) for path in lake.rglob("*") if path.is_file())
    return {(str(path), state.st_size, state.st_mtime_ns) for path, state in found}


@pytest.fixture
def own(made_lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line on a lake that may be changed."""
    return Cli(shutil.copytree(made_lake, tmp_path / "lake"), capsys)
