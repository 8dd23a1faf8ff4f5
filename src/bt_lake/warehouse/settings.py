"""What the environment says where a caller says nothing."""

from __future__ import annotations

import os
import re

from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.layout import WAIT_S

HELD_ROWS = 10_000  # some 14 MB
CACHE_BYTES = 20e9
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(?:([kmgt])(i?)b?|b)?")
_YES = ("1", "true", "yes", "on")
_NO = ("", "0", "false", "no", "off")


def existing() -> bool:
    """Whether a lake must be there already: $BT_LAKE_EXISTING."""
    text = os.environ.get("BT_LAKE_EXISTING", "").strip().lower()
    if text not in (*_YES, *_NO):
        raise BadInput(f"BT_LAKE_EXISTING is '{text}': write 1 or 0")
    return text in _YES


def wait_s() -> float:
    """How long to wait for a lock: $BT_LAKE_WAIT."""
    text = os.environ.get("BT_LAKE_WAIT", "").strip()
    try:
        seconds = float(text or WAIT_S)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise BadInput(f"BT_LAKE_WAIT is '{text}': write a number of seconds")
    return seconds


def held_rows() -> int:
    """How many rows of maintenance's files a process keeps in memory: $BT_LAKE_HELD_ROWS."""
    text = os.environ.get("BT_LAKE_HELD_ROWS", "").strip()
    if text and not text.isdecimal():
        raise BadInput(f"BT_LAKE_HELD_ROWS is '{text}': write a number of rows")
    return int(text or HELD_ROWS)


def cache_bytes() -> float:
    """How much is kept of lakes in object stores: $BT_LAKE_CACHE_SIZE."""
    text = os.environ.get("BT_LAKE_CACHE_SIZE", "").strip().lower()
    if text in ("", "none"):
        return CACHE_BYTES if not text else float("inf")
    found = _SIZE.fullmatch(text)
    if found is None:
        raise BadInput(f"BT_LAKE_CACHE_SIZE is '{text}': write a size such as 20GB, or none")
    number, unit, binary = found.groups()
    power = " kmgt".index(unit) if unit else 0
    return float(number) * float((1024 if binary else 1000) ** power)
