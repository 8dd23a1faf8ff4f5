"""Fixtures of the tests of the page: a server on a lake of known runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_server import Server, server

from bt_lake.ingest.saving import save
from bt_lake.warehouse.store import Store

pytest_plugins = ["cli_fixtures"]
HOSTILE = '<img src=x onerror="window.owned = true">'


@pytest.fixture(scope="session")
def paged_lake(made_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The known runs, and one that means harm."""
    lake = shutil.copytree(made_lake, tmp_path_factory.mktemp("page") / "lake")
    save(
        Store(lake),
        {
            "strategy": HOSTILE,
            "symbol": HOSTILE,
            "tags": [HOSTILE],
            "notes": f"{HOSTILE}\n=1+1",
            "params": {HOSTILE: HOSTILE, "wide": 12345678901234567890},
            "created_at": "2026-10-01T00:00:00Z",
            "metrics": {"sharpe_ratio": -1.5, "total_return": -0.25},
        },
    )
    return lake


@pytest.fixture(scope="session")
def page(paged_lake: Path) -> Iterator[Server]:
    """A server that only reads, for all tests that change nothing."""
    with server(paged_lake, "--read-only") as running:
        yield running


@pytest.fixture
def own_page(made_lake: Path, tmp_path: Path) -> Iterator[Server]:
    """A server on a lake that may be changed."""
    with server(shutil.copytree(made_lake, tmp_path / "lake")) as running:
        yield running
