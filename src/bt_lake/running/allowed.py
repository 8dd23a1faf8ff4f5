"""What a user has allowed to run for a lake: kept for the user, never in the lake."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.layout import Layout

if TYPE_CHECKING:
    from bt_lake.running.trust import Code


def config_folder() -> Path:
    """Where programs of this system keep what a user has set."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or str(Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base, "bt-lake")


def is_allowed(layout: Layout, code: Code) -> bool:
    return [code.entrypoint, str(code.file)] in _read().get(_key(layout), [])


def remember(layout: Layout, code: Code) -> None:
    """Allow this function in this file for this lake from now on."""
    known = _read()
    entries = known.setdefault(_key(layout), [])
    entry = [code.entrypoint, str(code.file)]
    if entry in entries:
        return
    entries.append(entry)
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as new:
        json.dump(known, new, indent=2)
    os.replace(new.name, file)


def _file() -> Path:
    return config_folder() / "allowed.json"


def _key(layout: Layout) -> str:
    """The lake at this place: a copied id or another lake in its stead is another lake."""
    return f"{os.path.realpath(layout.root)} {layout.read_card().lake_id}"


def _read() -> dict[str, list[Any]]:
    try:
        known = json.loads(_file().read_bytes())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
