"""A lake that is not where it was: never a second one in its place without a word."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import pytest
from factory import frames

import bt_lake
from bt_lake.cli.main import run
from bt_lake.warehouse.errors import BadInput, LakeError, NotFound
from bt_lake.warehouse.store import Store


def test_existing_makes_no_lake(tmp_path: Path, monkeypatch):
    here = tmp_path / "gone"
    for lake in (
        bt_lake.open(here, existing=True),
        pickle.loads(pickle.dumps(bt_lake.open(here, existing=True))),
    ):
        with pytest.raises(NotFound, match="no lake at"):
            lake.save(strategy="s", metrics={"sharpe_ratio": 1.0})
    monkeypatch.setenv("BT_LAKE_EXISTING", "1")
    with pytest.raises(NotFound):
        bt_lake.open(here).save(strategy="s", metrics={"sharpe_ratio": 1.0})
    bt_lake.open(here, existing=False).save(strategy="s", metrics={"sharpe_ratio": 1.0})
    bt_lake.open(here).save(strategy="s", metrics={"sharpe_ratio": 1.0})


@pytest.mark.parametrize("how", ["option", "option after", "environment"])
def test_existing_on_the_command_line(tmp_path: Path, monkeypatch, capsys, how: str):
    there = ["--lake", str(tmp_path / "gone")]
    document = tmp_path / "run.json"
    document.write_text('{"strategy": "s", "metrics": {"sharpe_ratio": 1}}')
    words = [*there, "ingest", str(document)]
    if how == "environment":
        monkeypatch.setenv("BT_LAKE_EXISTING", "yes")
    else:
        words = ["--existing", *words] if how == "option" else [*words, "--existing"]
    assert run(words) == NotFound.exit_code
    assert "no lake at" in capsys.readouterr().err
    assert not (tmp_path / "gone").exists()
    monkeypatch.delenv("BT_LAKE_EXISTING", raising=False)
    assert run([*there, "ingest", str(document)]) == 0
    assert f"made a new lake at {tmp_path / 'gone'}\n" in capsys.readouterr().err
    assert run([*there, "ingest", str(document), "--existing"]) == 0
    assert "made a new lake" not in capsys.readouterr().err


def test_making_a_lake_is_said_once(tmp_path: Path, caplog):
    with caplog.at_level(logging.WARNING, "bt_lake"):
        Store(tmp_path / "lake").append(frames(1))
        Store(tmp_path / "lake").append(frames(1))
    assert caplog.messages == [f"made a new lake at {tmp_path / 'lake'}"]


@pytest.mark.parametrize("left", ["nothing", "an empty mount point"])
def test_a_lake_that_is_moved_under_an_open_process(store: Store, tmp_path: Path, left: str):
    store.append(frames(1))
    store.path.rename(tmp_path / "moved")
    if left != "nothing":
        store.path.mkdir()
    for write in (
        lambda: store.append(frames(1)),
        lambda: store.append_new(frames(1)),
        lambda: store.append_events("tag", ["x"], "y"),
        store.compact,
        lambda: store.forget(["x"]),
    ):
        with pytest.raises(LakeError, match="no longer at|no lake at"):
            write()
    assert not store.path.exists() or list(store.path.iterdir()) == []
    if store.path.exists():
        store.path.rmdir()
    (tmp_path / "moved").rename(store.path)
    store.append(frames(1))
    assert store.ask(lambda c: c.execute("select count(*) from runs").fetchall()) == [(2,)]


def test_a_wrong_environment_is_said(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("BT_LAKE_WAIT", "soon")
    with pytest.raises(BadInput, match="BT_LAKE_WAIT is 'soon'"):
        bt_lake.open(tmp_path)
    monkeypatch.setenv("BT_LAKE_WAIT", "0.5")
    monkeypatch.setenv("BT_LAKE_EXISTING", "perhaps")
    with pytest.raises(BadInput, match="BT_LAKE_EXISTING is 'perhaps'"):
        bt_lake.open(tmp_path)
