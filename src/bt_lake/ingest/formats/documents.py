"""Run documents: one as JSON, many as a JSON list or as lines, also gzipped, with files beside."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bt_lake.ingest.columns import read_table
from bt_lake.ingest.formats.bulk import Lines
from bt_lake.ingest.formats.reading import Line, ahead, content, lines, steady
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import KEYS, Run
from bt_lake.ingest.times import shown
from bt_lake.warehouse.errors import BadInput, LakeError
from bt_lake.warehouse.schema import EQUITY, TRADES, Table
from bt_lake.warehouse.values import each_once

_BLOCK_BYTES = 4 << 20
_MOST_ODD = 3  # blocks of a file that are read twice, because something in them is odd
_BOM = b"\xef\xbb\xbf"
_KEYS = frozenset(key.encode() for key in KEYS)
_BEGIN = re.compile(rb'\s*\{\s*"strategy"\s*:\s*["\d]')
_TOKEN = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?|[{}\[\]]', re.DOTALL)
_FILES: dict[str, Table] = {"equity": EQUITY, "trades": TRADES}
_SUFFIXES = (".parquet", ".csv")


def matches(path: Path, head: bytes) -> bool:
    """JSON objects with a strategy, or most of whose keys are those of a document."""
    keys = _top_keys(head.removeprefix(_BOM).lstrip())
    return b"strategy" in keys or 2 * len(keys & _KEYS) > len(keys)


def begins(head: bytes) -> bool:
    """JSON whose first key is the name of a strategy: no other format begins so."""
    return bool(_BEGIN.match(head))


def _top_keys(text: bytes) -> set[bytes]:
    """The keys of the outermost objects, of a list's items too; the text may be cut off."""
    outermost = {b"{": 1, b"[": 2}.get(text[:1], 0)
    depth, keys = 0, set()
    for token in _TOKEN.finditer(text) if outermost else ():
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
        elif mark in (b"}", b"]"):
            depth -= 1
        elif token[2] and depth == outermost:
            keys.add(token[1])
    return keys


def read(path: Path) -> Iterator[Run | BadRow]:
    """The runs of a file, in order."""
    written = (line for line in lines(path) if not line.text.isspace())
    start = list(itertools.islice(written, 2))
    if len(start) == 2 and _is_a_line(*(line.text for line in start)):
        whole = itertools.chain(start, written)
        yield from read_lines(whole, str(path), path.parent, may_wait=not path.is_file())
    elif start:
        yield from _read_whole(path, start[0].text if len(start) == 1 else content(path))


def read_lines(
    documents: Iterable[Line], name: str, folder: Path, *, may_wait: bool = True
) -> Iterator[Run | BadRow]:
    """A run a line; a line that is none becomes a bad row.

    What may wait, as a pipe does, is not read ahead: nothing could stop that.
    """
    blocks = _blocks(line for line in documents if not line.text.isspace())
    read = _Reader()
    found = map(read, blocks) if may_wait else ahead(blocks, _size, read)
    for line, document in itertools.chain.from_iterable(found):
        try:
            run = _run(document, f"{name}:{line.number}", folder)
        except LakeError as error:
            yield BadRow(name, line.number, str(error))
            continue
        run.row, run.position = line.number, line.position
        yield run


def _size(block: list[Line]) -> int:
    return sum(len(line.text) for line in block)


class _Reader:
    """What is in blocks of lines: of each its document, or the error that says why it has none."""

    def __init__(self) -> None:
        self._odd = 0

    def __call__(self, block: list[Line]) -> list[tuple[Line, Any]]:
        texts = [line.text for line in block]
        if self._odd < _MOST_ODD:
            bulk = Lines(texts, _parsed)
            if bulk.filled():
                return [*zip(block, bulk.documents, strict=True)]
        self._odd += 1
        return [*zip(block, map(_document, texts), strict=True)]


def _document(text: bytes) -> Any:
    try:
        return _parsed(text)
    except BadInput as error:
        return error


def _blocks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """As many lines as are worth reading at once."""
    block: list[Line] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line.text)
        if size >= _BLOCK_BYTES:
            yield block
            block, size = [], 0
    if block:
        yield block


def _read_whole(path: Path, text: bytes) -> Iterator[Run | BadRow]:
    """One document, or a list of them."""
    try:
        found = _parsed(text)
    except LakeError as error:
        yield BadRow(str(path), None, str(error))
        return
    several = isinstance(found, list)
    for row, document in enumerate(found if several else [_with_files(found, path)], 1):
        try:
            run = _run(document, f"{path}:{row}" if several else str(path), path.parent)
        except LakeError as error:
            yield BadRow(str(path), row if several else None, str(error))
            continue
        run.row = row if several else None
        yield run


def _is_a_line(first: bytes, second: bytes) -> bool:
    """Whether the first line is a document of its own, or what is left of one."""
    return _is_object(first) or (
        first.removeprefix(_BOM).lstrip()[:1] == b"{" and _is_object(second)
    )


def _is_object(text: bytes) -> bool:
    try:
        return isinstance(_parsed(text), dict)
    except BadInput:
        return False


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.removeprefix(_BOM).rstrip(), object_pairs_hook=each_once)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        said = error.msg.removesuffix(" at")
        raise BadInput(f"not valid JSON: {said} at {line}column {error.colno}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"not valid UTF-8 at byte {error.start + 1}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not usable JSON: {error}") from None


def _run(document: Any, origin: str, folder: Path) -> Run:
    if isinstance(document, LakeError):
        raise document
    if not isinstance(document, dict):
        raise BadInput(f"a run document is an object {{...}}, not {shown(document)}")
    run = Run.from_document(document, origin)
    for name, schema in _FILES.items():
        value = document.get(name)
        if isinstance(value, str):
            beside = _beside(name, value, folder)
            with steady(beside):
                setattr(run, name, read_table(beside, schema))
    return run


def _with_files(document: Any, path: Path) -> Any:
    """A folder with `run.json` needs not name the curve and trades that lie in it."""
    if path.name != "run.json" or not isinstance(document, dict):
        return document
    files = (f"{name}{suffix}" for name in _FILES if name not in document for suffix in _SUFFIXES)
    there = {Path(file).stem: file for file in files if (path.parent / file).is_file()}
    return {**document, **there}


def _beside(name: str, file: str, folder: Path) -> Path:
    """The path of a document's file; one outside the document's folder is refused."""
    inside = folder.resolve()
    try:
        path = (inside / file).resolve()
    except ValueError:  # a zero byte, or no Unicode
        raise BadInput(f"{name}: {file!a} is no name of a file") from None
    if not path.is_relative_to(inside):
        raise BadInput(f"{name}: '{file}' is outside the folder of the document")
    if path.suffix not in _SUFFIXES:
        raise BadInput(f"{name}: '{file}' is neither a .parquet nor a .csv file")
    return path
