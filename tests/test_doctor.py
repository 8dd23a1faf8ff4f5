"""bt-lake doctor: what it tells, that it changes nothing, and that it sees what a disk lacks."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from cli_lake import Cli

from bt_lake.warehouse import abilities as module
from bt_lake.warehouse.abilities import abilities

pytest_plugins = ["cli_fixtures"]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_it_tells_what_a_bug_report_needs(cli: Cli) -> None:
    said = cli("doctor")
    assert said.code == 0
    for word in ("duckdb", "polars", "format", "backlog", "hard link", "fsync", "cores", "free"):
        assert word in said.out, word
    assert max(map(len, said.lines)) <= 80


def test_as_a_document(cli: Cli) -> None:
    told = json.loads(cli("doctor", "--format", "json").out)
    assert set(told) == {"bt-lake", "lake", "file system", "hints"}
    assert told["file system"]["hard link"] == "ok" and told["lake"]["runs"] == "8"


def test_without_a_lake_it_makes_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bt_lake.cli.main import run

    assert run(["--lake", str(tmp_path / "none"), "doctor"]) == 0
    assert "the first write makes it" in capsys.readouterr().out
    assert files(tmp_path) == set()


def test_a_disk_without_links_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    found = abilities(tmp_path)
    assert found["hard link"] == "fails: Operation not permitted"
    assert found["rename"] == found["exclusive"] == found["lock"] == "ok"
    assert files(tmp_path) == set()


def test_a_disk_whose_links_replace_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", os.replace)
    assert "replaces" in abilities(tmp_path)["hard link"]


def test_a_folder_that_nobody_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module.tempfile, "mkdtemp", refused)
    assert abilities(tmp_path) == {"write": "fails: Permission denied"}


def test_a_damaged_lake_is_told_and_not_fatal(own: Cli) -> None:
    (own.lake / "lake.json").write_text("{")
    said = own("doctor")
    assert said.code == 0 and "unreadable" in said.out and "bt-lake check" in said.err
