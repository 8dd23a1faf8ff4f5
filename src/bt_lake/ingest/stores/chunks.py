"""Small arrays of a Zarr store in a folder, read without the library, which is slow at them.

Only what is stored plainly: one dimension, one chunk, numbers or texts, one of the usual
compressors. None for anything else, and for what is damaged: then the library has its say.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bt_lake.warehouse import bounds
from bt_lake.warehouse.errors import BadInput

_COMPRESSORS = {"zstd", "blosc", "gzip", "zlib"}
_NUMBERS = {"float64", "float32", "int64", "int32"}


class Array(NamedTuple):
    content: NDArray[Any]
    attributes: dict[str, Any]


class _Stored(NamedTuple):
    kind: np.dtype[Any]
    length: int
    chunk: int
    compressor: dict[str, Any] | None
    file: str
    attributes: dict[str, Any]


def read(folder: Path) -> Array | None:
    try:
        stored = _third(folder) or _second(folder)
        if stored is None or not 0 < stored.length <= stored.chunk:
            return None
        size = stored.chunk * stored.kind.itemsize
        if size > bounds.ARRAY_BYTES:
            return None
        data = (folder / stored.file).read_bytes()
        whole = np.empty(size, np.uint8)
        if (stored.compressor or {}).get("id") == "blosc":
            _check_blosc(data, folder)
        if stored.compressor is None:
            if len(data) != size:
                return None
            whole = np.frombuffer(data, np.uint8)
        else:
            _decoded(stored.compressor, data, whole)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError):
        return None
    return Array(whole.view(stored.kind)[: stored.length], stored.attributes)


def _check_blosc(data: bytes, folder: Path) -> None:
    """Of a chunk that was cut off, the library would fill the end with nothing, and not say so."""
    if len(data) < 16 or int.from_bytes(data[12:16], "little") != len(data):
        raise BadInput(f"{folder}: the chunk is cut off")


def attributes(folder: Path) -> dict[str, Any] | None:
    """What is noted of a group; None where that is for the library to find out."""
    try:
        for name in ("zarr.json", ".zattrs"):
            if (folder / name).is_file():
                told = json.loads((folder / name).read_bytes())
                found = told["attributes"] if name == "zarr.json" else told
                return found if isinstance(found, dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def _decoded(compressor: dict[str, Any], data: bytes, whole: NDArray[np.uint8]) -> None:
    found = import_module("numcodecs").get_codec(compressor).decode(data)
    plain = np.frombuffer(found, np.uint8)
    if len(plain) != len(whole):
        raise ValueError("another size")
    whole[:] = plain


def _third(folder: Path) -> _Stored | None:
    """Of format 3."""
    file = folder / "zarr.json"
    if not file.is_file():
        return None
    told = json.loads(file.read_bytes())
    codecs = [codec["name"] for codec in told["codecs"]]
    plain = (
        told["node_type"] == "array"
        and len(told["shape"]) == 1
        and told["chunk_grid"]["name"] == "regular"
        and told["chunk_key_encoding"] == _DEFAULT_KEYS
        and codecs[:1] == ["bytes"]
        and len(codecs) <= 2
        and set(codecs[1:]) <= _COMPRESSORS
        and told["codecs"][0].get("configuration", {"endian": "little"})["endian"] == "little"
    )
    kind = _kind(told["data_type"]) if plain else None
    if kind is None:
        return None
    (length,), (chunk,) = told["shape"], told["chunk_grid"]["configuration"]["chunk_shape"]
    compressor = {"id": codecs[1]} if codecs[1:] else None
    return _Stored(kind, length, chunk, compressor, "c/0", told.get("attributes") or {})


_DEFAULT_KEYS = {"name": "default", "configuration": {"separator": "/"}}


def _kind(data_type: Any) -> np.dtype[Any] | None:
    if isinstance(data_type, str):
        return np.dtype(f"<{np.dtype(data_type).str[1:]}") if data_type in _NUMBERS else None
    if data_type["name"] == "fixed_length_utf32":
        return np.dtype(f"<U{data_type['configuration']['length_bytes'] // 4}")
    return None


def _second(folder: Path) -> _Stored | None:
    """Of format 2."""
    file = folder / ".zarray"
    if not file.is_file():
        return None
    told = json.loads(file.read_bytes())
    compressor, kind = told["compressor"], told["dtype"]
    if (
        told["zarr_format"] != 2
        or len(told["shape"]) != 1
        or told.get("filters")
        or not isinstance(kind, str)
        or kind[:2] not in ("<f", "<i", "<U")
        or (compressor is not None and compressor["id"] not in _COMPRESSORS)
    ):
        return None
    beside = folder / ".zattrs"
    attributes = json.loads(beside.read_bytes()) if beside.is_file() else {}
    (length,), (chunk,) = told["shape"], told["chunks"]
    return _Stored(np.dtype(kind), length, chunk, compressor, "0", attributes)
