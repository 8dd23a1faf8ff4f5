"""What is stored and shown tells no password, no token, and not whose home it was."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest
from cli_lake import Cli

import bt_lake
from bt_lake.ingest.secrets import without_secrets

SECRETS = ["hunter2", "eyJhbGciOi.abc-def", "AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdefghij0123"]
STRATEGY = """
def run(n=1):
    url = "postgresql://anna:hunter2@db.example/trading"
    raise ConnectionError(
        f"cannot reach {url}; password='hunter2' api_key: hunter2; Authorization: Bearer eyJhbGciOi.abc-def; "
        "AKIAIOSFODNN7EXAMPLE ghp_0123456789abcdefghij0123"
    )
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pw@host:5432/db", "postgresql://me:***@host:5432/db"),
        ("password=a&x=1", "password=***&x=1"),
        ("AWS_SECRET_ACCESS_KEY: 'x y'", "AWS_SECRET_ACCESS_KEY: ***"),
        ('{"api_token": "abc"}', '{"api_token": ***}'),
        ("SyntaxError: unexpected token: )", "SyntaxError: unexpected token: )"),
        ("KeyError: 'api_key'", "KeyError: 'api_key'"),
        ("at https://example.org:8080/a@b", "at https://example.org:8080/a@b"),
        ("ValueError: n must be < slow", "ValueError: n must be < slow"),
    ],
)
def test_what_is_hidden_and_what_is_not(text, shown):
    assert without_secrets(text) == shown


@pytest.mark.slow
def test_nothing_of_them_is_in_a_lake_or_in_what_is_said_of_it(tmp_path, monkeypatch, capsys):
    home = tmp_path / "home" / "anna"
    project = home / "project"
    project.mkdir(parents=True)
    (project / "strat.py").write_text(STRATEGY)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(project)
    lake = bt_lake.open(tmp_path / "lake")
    (run_id,) = lake.run_sweep("strat.py:run", {"n": [1]}, jobs=1).run_ids
    lake.save({"strategy": "x", "status": "failed", "error": f"in {project}: token=hunter2"})
    cli = Cli(lake.path, capsys)
    texts = [str(row) for row in lake.sql("select error, config, params from trials").rows()]
    for command in (
        ["show", run_id], ["show", run_id, "-f", "json"], ["list", "--status", "failed", "-f", "json"],
        ["overfit"], ["check"],
    ):  # fmt: skip
        said = cli(*command)
        texts += [said.out, said.err]
    exported = tmp_path / "x.csv"
    cli("export", exported)
    texts.append(exported.read_text())
    assert any("cannot reach postgresql://anna:***@db.example/trading" in text for text in texts)
    assert any("~/project" in text for text in texts)
    for path in lake.path.rglob("*.parquet"):
        texts.append(str(duckdb.sql(f"from '{path}'").fetchall()))
    for text in texts:
        for secret in (*SECRETS, str(home)):
            assert secret not in text, text


def test_a_project_in_the_home_folder_is_found_again(tmp_path, monkeypatch):
    home = tmp_path / "home"
    project = home / "project"
    project.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(project)
    (project / "plain_strategy.py").write_text(
        "def run(n=1):\n    return {'metrics': {'mine': n}}\n"
    )
    lake = bt_lake.open(tmp_path / "lake")
    (run_id,) = lake.run_sweep("plain_strategy.py:run", {"n": [1]}, jobs=1).run_ids
    assert lake.run(run_id).row["config"]["run"]["root"] == "~/project"
    monkeypatch.chdir(tmp_path)
    assert Path(home).is_dir()
    assert lake.reproduce(run_id, allow=["plain_strategy.py:run"]).same
