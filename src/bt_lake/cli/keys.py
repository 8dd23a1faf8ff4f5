"""Keys of a lookup: from options, or from the rows of a CSV file."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bt_lake.warehouse.cells import bared
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.values import named, parameter, parameters, value

Key = dict[str, Any]


def key_of(labels: Mapping[str, str | None], params: Iterable[str]) -> Key:
    key: Key = {name: value for name, value in labels.items() if value is not None}
    wanted = named("--param", params, "NAME=VALUE, such as fast=10")
    if wanted:
        key["params"] = {name: value(text) for name, text in wanted.items()}
    if not key:
        raise BadInput("look up what? Give --strategy, --symbol and -p NAME=VALUE, or --keys CSV")
    return key


def read_keys(path: Path) -> list[Key]:
    """A key for each row; `param.fast` and its like gather into params."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from None
    rows = csv.DictReader(io.StringIO(text, newline=""))
    keys = [_key(row) for row in rows]
    if not keys:
        raise BadInput(f"{path} has no keys: a line of names, then a line for each key")
    return keys


def _key(row: Mapping[str | Any, Any]) -> Key:
    cells = {name: bared(text or "") for name, text in row.items()}
    key: Key = {name: text or None for name, text in cells.items() if parameter(name or "") is None}
    params = parameters(cells)
    if params:
        key["params"] = params
    return key
