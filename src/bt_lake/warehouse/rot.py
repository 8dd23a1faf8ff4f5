"""Bytes that changed by themselves: found by digest, put right from a copy that proves whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import log
from bt_lake.warehouse.digest import digest_in, digest_of, digest_of_file, is_whole
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.findings import Finding, rotten, torn, unreachable
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.paths import data_file

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Bytes read of all, and files.
Progress = Callable[[int, int, int], None]


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
    data = file if isinstance(file, bytes) else file.read_bytes()
    if b"digest" not in marks:
        # One bit of what frames the marks can hide them all.
        return None if digest_in(data) is None else False
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


def unreadable(
    layout: Layout, since: float = 0.0, progress: Progress | None = None
) -> Iterator[Finding]:
    """Live files whose bytes have changed; where no digest tells, every value is read."""
    from bt_lake.warehouse.database import Database
    from bt_lake.warehouse.whole import changed

    digests = Digests(layout)
    connection = Database(layout, views=False).connection
    try:
        live = connection.execute(
            "select table_name, path from lake_files order by path"
        ).fetchall()
        files = [
            (table, path) for table, path in live if changed(layout, layout.root / path, since)
        ]
        sizes = [_size(layout.root / path) for _, path in files]
        read, total = 0, sum(sizes)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            proofs = pool.map(lambda file: _proof(digests, file[1]), files)
            for number, ((table, path), size, proof) in enumerate(
                zip(files, sizes, proofs, strict=True), 1
            ):
                if isinstance(proof, OSError):
                    yield unreachable(path, proof)
                elif not proof:
                    yield from _read(connection, layout, table, path, proof)
                read += size
                if progress:
                    progress(read, total, number)
    finally:
        connection.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _proof(digests: Digests, path: str) -> bool | OSError | None:
    try:
        return digests.prove(path)
    except FileNotFoundError:
        return True  # removed meanwhile
    except OSError as error:
        return error


def _read(
    connection: DuckDBPyConnection, layout: Layout, table: str, path: str, proof: bool | None
) -> Iterator[Finding]:
    from bt_lake.warehouse.database import vanished
    from bt_lake.warehouse.engine import Error
    from bt_lake.warehouse.rewrite import plain_rows

    try:
        rows = plain_rows(table, [layout.root / path])
        connection.execute(f"select max(hash(r)) from {rows} r").fetchall()
    except Error as error:
        if not vanished(error):
            yield _failed(layout, path, error)
    else:
        if proof is False:
            yield rotten(path)


def _failed(layout: Layout, path: str, error: Exception) -> Finding:
    """Whether a file is torn, or the disk is what failed."""
    try:
        digest_of_file(layout.root / path)
    except OSError as refused:
        return unreachable(path, refused)
    return torn(path, error)
