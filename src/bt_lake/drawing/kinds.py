"""Which files a picture can be drawn to."""

from __future__ import annotations

from pathlib import Path

from bt_lake.warehouse.errors import BadInput

KINDS = (".svg", ".html")


def check_kind(path: Path) -> None:
    """Refuse a name we cannot draw to, before anything is asked of the lake."""
    if path.suffix.lower() not in KINDS:
        raise BadInput(f"cannot draw {path.name}: end it with {', '.join(KINDS)}")
