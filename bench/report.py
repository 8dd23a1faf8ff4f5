"""A table of measured figures, and the same as JSON with the machine and the versions."""

from __future__ import annotations

import json
import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("bt-lake", "duckdb", "pyarrow", "polars", "numpy", "zarr")


class Report:
    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[dict[str, object]] = []
        self.versions = _versions()
        self.facts: dict[str, Any] = {}

    def row(self, what: str, who: str, value: float, unit: str, goal: str = "") -> None:
        self.rows.append({"what": what, "who": who, "value": value, "unit": unit, "goal": goal})
        print(f"{what:<34} {who:<34} {value:>10,.2f} {unit:<10} {goal}", flush=True)

    def ratio(self, who: str, value: float, goal: str = "") -> None:
        self.row("  ratio", who, value, "x", goal)

    def finish(self, path: Path | None) -> None:
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        machine = {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        }
        whole = {
            "name": self.name,
            "date": date.today().isoformat(),
            "machine": machine,
            "versions": self.versions,
            **self.facts,
            "rows": self.rows,
        }
        path.write_text(json.dumps(whole, indent=1) + "\n")


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
