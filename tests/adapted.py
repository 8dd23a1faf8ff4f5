"""The rows that an engine's object becomes in the lake."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from bt_lake.ingest.assemble import assemble
from bt_lake.ingest.engines import recognise
from bt_lake.ingest.run import adapt


def rows_of(engine: ModuleType, obj: Any, **given: Any) -> list[dict[str, Any]]:
    """Rows of `runs`, as saving the object would write them."""
    assert recognise(obj) is engine
    return assemble(adapt(engine, obj, {"strategy": "s", **given})).runs.to_pylist()


def reported(row: dict[str, Any]) -> dict[str, float]:
    return dict(row["reported"])
