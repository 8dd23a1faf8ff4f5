"""Which column is which in a list of trades, kept for the next file with the same header."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bt_lake.warehouse.errors import BadInput


def remembered(header: Sequence[str]) -> dict[str, str]:
    """What this user said of a file with this header before."""
    try:
        found = tomllib.loads(_file(header).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    names = found.get("columns", {})
    return {str(ours): str(theirs) for ours, theirs in names.items()}


def remember(header: Sequence[str], names: Mapping[str, str]) -> None:
    """As a small TOML in the user's own configuration, never in the lake."""
    path = _file(header)
    lines = ["# Which column is which; delete this file to be asked again.", "[columns]"]
    lines += [f"{ours} = {json.dumps(theirs)}" for ours, theirs in names.items()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", "utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror})") from None


def _file(header: Sequence[str]) -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    mark = hashlib.sha256(json.dumps(list(header)).encode()).hexdigest()[:16]
    return Path(base) / "bt-lake" / "trades" / f"{mark}.toml"
