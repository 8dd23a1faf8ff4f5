"""How the lake is kept: what it holds, and what is damaged in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from bt_lake.lake import Lake


def info(lake: Lake, request: Request) -> dict[str, Any]:
    """What the lake holds and takes up, and what compaction would spare."""
    census = lake.info()
    return {**asdict(census), "files": census.files, "bytes": census.bytes, "spared": census.spared}


def check(lake: Lake, request: Request) -> dict[str, Any]:
    """Damage, each with its remedy; names, sizes and footers are looked at."""
    report = lake.check()
    return {
        "files": report.files,
        "damaged": report.damaged,
        "findings": [asdict(finding) for finding in report.findings],
    }
