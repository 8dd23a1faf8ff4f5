from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bt_lake.lake import Lake
from bt_lake.warehouse.store import Store

# A shell's background job has Ctrl-C ignored, and so has every process that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no failure.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Thousands of tests that stay to the end are not looked through for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "lake")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def rows(store: Store):
    """Ask the lake a question in SQL."""

    def ask(sql: str, *values: object) -> list[tuple]:
        return store.ask(lambda connection: connection.execute(sql, list(values)).fetchall())

    return ask


@pytest.fixture
def fold_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compaction that runs by itself after a handful of commits."""
    monkeypatch.setattr("bt_lake.warehouse.compact.FOLD_AT", 4)
    monkeypatch.setattr("bt_lake.warehouse.compact.LOOK_EVERY", 1)
