"""Another lake is told by its card; `bt_lake.warehouse.merge` reads it."""

from __future__ import annotations

from pathlib import Path


def is_lake(folder: Path) -> bool:
    return (folder / "lake.json").is_file()
