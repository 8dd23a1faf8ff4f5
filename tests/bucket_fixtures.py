"""An object store that is a folder, and a lake to put there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import bt_lake
from bt_lake.lake import Lake
from bt_lake.warehouse import objects

obstore = pytest.importorskip("obstore", reason="the library that speaks to object stores")
URL = "s3://bucket/lake"


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store that is a folder, so that a test can look at the objects."""
    folder = tmp_path / "bucket"
    monkeypatch.setattr(
        objects, "_opened", lambda url: obstore.store.LocalStore(folder / url[5:], mkdir=True)
    )
    return folder / "bucket/lake"


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = bt_lake.open(tmp_path_factory.mktemp("filled") / "lake")
    for n in range(3):
        save(lake, n)
    lake.compact()
    save(lake, 3)
    return lake.path


@pytest.fixture
def filled(filled_once: Path, tmp_path: Path) -> Lake:
    return bt_lake.open(shutil.copytree(filled_once, tmp_path / "lake"))


def save(lake: Lake, n: int) -> str:
    curve = [[f"2024-01-0{day}", 100.0 + n * day] for day in range(1, 4)]
    return lake.save(strategy="s", params={"n": n}, equity=curve)


def content(lake: Lake) -> list[list[tuple]]:
    tables = ("trials", "equity", "trades", "events")
    return [sorted(lake.sql(f"from {table}").rows(), key=repr) for table in tables]
