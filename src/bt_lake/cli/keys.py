"""Keys of a lookup: from options, or from the rows of a CSV file."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bt_lake.warehouse.errors import BadInput

_PREFIXES = ("param.", "params.", "param_")

Key = dict[str, Any]


def key_of(labels: Mapping[str, str | None], params: Iterable[str]) -> Key:
    key: Key = {name: value for name, value in labels.items() if value is not None}
    wanted: dict[str, Any] = {}
    for text in params:
        name, sign, value = text.partition("=")
        if not sign:
            raise BadInput(f"--param {text}: write NAME=VALUE, such as fast=10")
        wanted[name] = parsed(value)
    if wanted:
        key["params"] = wanted
    if not key:
        raise BadInput("look up what? Give --strategy, --symbol and -p NAME=VALUE, or --keys CSV")
    return key


def read_keys(path: Path) -> list[Key]:
    """A key for each row; `param.fast` and its like gather into params."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from None
    rows = csv.DictReader(text.splitlines())
    keys = [_key(row) for row in rows]
    if not keys:
        raise BadInput(f"{path} has no keys: a line of names, then a line for each key")
    return keys


def _key(row: Mapping[str | Any, Any]) -> Key:
    key: Key = {}
    params: dict[str, Any] = {}
    for name, value in row.items():
        prefix = next((p for p in _PREFIXES if (name or "").startswith(p)), None)
        if prefix is None:
            key[name] = value or None
        elif value:
            params[name.removeprefix(prefix)] = parsed(value)
    if params:
        key["params"] = params
    return key


def parsed(text: str) -> Any:
    """A parameter's value: JSON where it is any, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
