"""Digests: how a file shows that it still has the bytes that were written."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

# A file that carries its own digest was digested with these in its place.
BLANK = "0" * 32
# How Thrift writes the key of a digest and the length of its value.
_KEY = b"\x18\x06digest\x18\x20"


def digest_of(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def digest_of_file(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def digest_in(data: bytes) -> str | None:
    """The digest that a Parquet file of an append carries, without reading its footer."""
    at = data.rfind(_KEY)
    found = data[at + len(_KEY) : at + len(_KEY) + 32] if at >= 0 else b""
    return found.decode() if is_digest(found.decode("latin-1")) else None


def described(data: bytes) -> dict[str, object]:
    """What whoever names a file says of it besides its rows."""
    return {"bytes": len(data), "digest": digest_of(data)}


def sealed(data: bytes) -> bytes:
    """The data with its own digest in the place of the last blank one."""
    return _with(data, BLANK, digest_of(data))


def is_digest(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value) is not None


def is_whole(data: bytes, digest: str) -> bool:
    """Whether data that carry this digest of their own are as they were sealed."""
    return digest.encode() in data and digest_of(_with(data, digest, BLANK)) == digest


def _with(data: bytes, old: str, new: str) -> bytes:
    at = data.rfind(old.encode())
    return b"".join((data[:at], new.encode(), data[at + len(old) :]))
