"""Bytes that changed by themselves: found by digest, put right from a copy that proves whole."""

from __future__ import annotations

from pathlib import Path

from bt_lake.warehouse import log
from bt_lake.warehouse.digest import digest_of, digest_of_file, is_whole
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.paths import data_file


class Digests:
    """What the log and the commits say of the bytes of their files."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        try:
            adds = log.newest(layout).adds
        except (Damaged, FileNotFoundError):
            adds = ()
        self._known = {add.path: add.digest for add in adds if add.digest}

    def of(self, path: str) -> str | None:
        """The digest that a file must have, where it is said elsewhere than in the file."""
        file = data_file(path)
        if path not in self._known and file is not None and file.commit is not None:
            self._note_children(f"runs/{path.partition('/')[2]}")
        return self._known.get(path)

    def _note_children(self, runs: str) -> None:
        import json

        marks = marks_of(self._layout.root / runs) or {}
        try:
            children = json.loads(marks.get(b"children", b"{}"))
            for name, said in children.items():
                self._known[f"{name}/{runs.partition('/')[2]}"] = str(said["digest"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def prove(self, path: str) -> bool | None:
        """Whether a file has its bytes; None where nothing tells."""
        whole = self._layout.root / path
        said = self.of(path)
        if said is not None:
            return digest_of_file(whole) == said
        return seal_holds(whole)

    def fits(self, path: str, data: bytes) -> bool:
        """Whether other bytes are those that the file should have."""
        said = self.of(path)
        if said is not None:
            return digest_of(data) == said
        return seal_holds(data) is True


def seal_holds(file: Path | bytes) -> bool | None:
    """Whether a file has the digest that it carries; None if it carries none, as older ones."""
    marks = marks_of(file)
    if marks is None:
        return False
    if (b"digest" in marks) != (b"written_by" in marks):
        return False
    if b"digest" not in marks:
        return None
    data = file if isinstance(file, bytes) else file.read_bytes()
    return is_whole(data, marks[b"digest"].decode("latin-1"))


def marks_of(file: Path | bytes) -> dict[bytes, bytes] | None:
    """The key-value metadata of a Parquet file; None if it is not one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(file) if isinstance(file, bytes) else file
    try:
        return dict(pq.read_metadata(source).metadata or {})
    except (pa.ArrowException, OSError, ValueError):  # a name in it may be no UTF-8
        return None
