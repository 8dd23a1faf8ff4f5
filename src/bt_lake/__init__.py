"""bt-lake: one lake of Parquet files that remembers every backtest you ever ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_lake._version import __version__

if TYPE_CHECKING:
    from bt_lake import errors
    from bt_lake.ingest.run import Run
    from bt_lake.lake import Lake, open
    from bt_lake.warehouse.errors import LakeError

__all__ = ["Lake", "LakeError", "Run", "__version__", "errors", "open"]

_HOMES = {
    "open": "bt_lake.lake",
    "Lake": "bt_lake.lake",
    "Run": "bt_lake.ingest.run",
    "LakeError": "bt_lake.warehouse.errors",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "errors":
        return import_module("bt_lake.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'bt_lake' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
