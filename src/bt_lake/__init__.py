"""bt-lake: one lake of Parquet files that remembers every backtest you ever ran.

What is named here is for users; modules inside may change with any version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_lake._version import __version__

if TYPE_CHECKING:
    from bt_lake import errors
    from bt_lake.ingest.report import IngestReport
    from bt_lake.ingest.run import Run
    from bt_lake.ingest.stores.report import ImportReport
    from bt_lake.lake import Lake, open
    from bt_lake.overfit.results import OverfitReport
    from bt_lake.queries.answer import Answer
    from bt_lake.queries.census import Census
    from bt_lake.queries.comparing import Comparison
    from bt_lake.queries.detail import Detail
    from bt_lake.queries.exporting import Exported
    from bt_lake.queries.sweeping import Grid
    from bt_lake.running.reproduce import Reproduction
    from bt_lake.running.sweep import Swept
    from bt_lake.warehouse.errors import LakeError

_HOMES = {
    "open": "lake",
    "Lake": "lake",
    "Run": "ingest.run",
    "LakeError": "warehouse.errors",
    # What methods of a lake give.
    "Answer": "queries.answer",
    "Census": "queries.census",
    "Comparison": "queries.comparing",
    "Detail": "queries.detail",
    "Exported": "queries.exporting",
    "Grid": "queries.sweeping",
    "ImportReport": "ingest.stores.report",
    "IngestReport": "ingest.report",
    "OverfitReport": "overfit.results",
    "Reproduction": "running.reproduce",
    "Swept": "running.sweep",
}

__all__ = [
    "Answer",
    "Census",
    "Comparison",
    "Detail",
    "Exported",
    "Grid",
    "ImportReport",
    "IngestReport",
    "Lake",
    "LakeError",
    "OverfitReport",
    "Reproduction",
    "Run",
    "Swept",
    "__version__",
    "errors",
    "open",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "errors":
        return import_module("bt_lake.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'bt_lake' has no attribute {name!r}")
    return getattr(import_module(f"bt_lake.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
