"""Digests of values, and one for many: a Merkle tree as in RFC 6962."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any


def canonical(value: Any) -> bytes:
    """The one JSON text of a value; a double is the shortest text that reads as the same."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8", "surrogatepass")


def digest(value: Any) -> str:
    return sha256(canonical(value)).hexdigest()


def leaf(value: Any) -> bytes:
    return sha256(b"\0" + canonical(value)).digest()


def root(leaves: Sequence[bytes]) -> str:
    """Of leaves in their order; a leaf and a node never have the same text."""
    level = list(leaves)
    if not level:
        return sha256(b"").hexdigest()
    while len(level) > 1:
        pairs = [
            sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[len(level) - len(level) % 2 :]
    return level[0].hex()
