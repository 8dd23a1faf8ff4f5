"""The files of a lake, one by one: there, of the size that was written, and whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import log
from bt_lake.warehouse.findings import (
    TAKEN_OUT,
    Finding,
    away,
    rotten,
    torn,
    unreachable,
)
from bt_lake.warehouse.ids import CHILDREN, children_of
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.schema import TABLES, arrow_schema
from bt_lake.warehouse.strays import is_copy, young

if TYPE_CHECKING:
    import pyarrow as pa

_FOOTER = 64 * 1024
_READ = "nothing needs to be done: its rows are read"


def files(layout: Layout, since: float = 0.0) -> Iterator[Finding]:
    """Every file that the lake needs: is it there, of its size, and whole by its footer?

    Files that have been as they are since before `since` are taken for whole.
    """
    layout.check_format()
    state = log.newest(layout)
    yield from _staging(layout)
    yield from _missing(layout, dict(_named_by_log(state)))
    yield from _missing(layout, dict(_named_by_commits(layout, state)))
    odd: set[tuple[str, str]] = set()
    wanted = list(_sorted_out(layout, state, since))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for look, found in zip(wanted, pool.map(_look, wanted), strict=True):
            if found is not None and not _told(found, look.table, odd):
                yield found


def _named_by_log(state: log.State) -> Iterator[tuple[str, Finding]]:
    for add in state.adds:
        yield (
            add.path,
            Finding(
                "missing",
                add.path,
                f"the log names this file of {add.rows} rows, and it is not there",
                "restore it from a backup; --repair strikes it from the log, its rows are lost "
                "until it turns up",
            ),
        )


def _missing(layout: Layout, wanted: dict[str, Finding]) -> Iterator[Finding]:
    """What is not there of some files; where their folder is not there, that is what is missing."""
    gone: Counter[str] = Counter()
    for path, finding in wanted.items():
        try:
            os.stat(layout.root / path)
        except (FileNotFoundError, NotADirectoryError):
            month = path.rpartition("/")[0]
            if (layout.root / month).is_dir():
                yield finding
            else:
                gone[month] += 1
        except OSError as error:
            yield unreachable(path, error)
    for month, count in gone.items():
        yield away(month, f"{count} files that the lake needs are in it")


def _named_by_commits(layout: Layout, state: log.State) -> Iterator[tuple[str, Finding]]:
    """Files that the ids of standing commits name."""
    for path in layout.files("runs"):
        relative = layout.relative(path)
        file = data_file(relative)
        if file is None or file.commit is None or state.has_removed(relative):
            continue
        for child in children_of(file.commit) or ():
            named = f"{child}/{relative.partition('/')[2]}"
            yield (
                named,
                Finding(
                    "lost",
                    named,
                    f"{relative} names this file of its runs, and it is not there",
                    "restore it from a backup; --repair gives its rows up, so that the rest can be "
                    "read",
                ),
            )


@dataclass(frozen=True, slots=True)
class _Look:
    """A file to open, or what is known of it without."""

    table: str
    path: Path
    relative: str
    bytes: int | None = None
    known: Finding | None = None


def _sorted_out(layout: Layout, state: log.State, since: float) -> Iterator[_Look]:
    on_disk = {table: list(layout.files(table)) for table in TABLES}
    sizes = {add.path: add.bytes for add in state.adds}
    commits = {path.relative_to(layout.table("runs")) for path in on_disk["runs"]}
    for table, paths in on_disk.items():
        for path in paths:
            relative = layout.relative(path)
            file = data_file(relative)
            if state.has_removed(relative) or (since and not changed(layout, path, since)):
                continue
            if file is None:
                if not is_copy(path.name):  # what such a one holds is looked at later
                    yield _Look(table, path, relative, known=_not_ours(relative))
            elif file.epoch is not None:
                if relative in sizes:  # what others hold is looked at later
                    yield _Look(table, path, relative, sizes[relative])
            elif table not in CHILDREN or path.relative_to(layout.table(table)) in commits:
                yield _Look(table, path, relative)  # what others hold is looked at later


def changed(layout: Layout, path: Path, since: float) -> bool:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    touched = status.st_mtime if layout.is_image else max(status.st_mtime, status.st_ctime)
    return touched >= since


def _not_ours(relative: str) -> Finding:
    said = "not a file of bt-lake; readers pass it over"
    return Finding("foreign", relative, said, "move it elsewhere", damage=False)


def _look(look: _Look) -> Finding | None:
    if look.known is not None:
        return look.known
    found = torn_or_foreign(look.table, look.path, look.relative)
    if found is None and look.bytes is not None:
        with suppress(FileNotFoundError):  # removed meanwhile
            size = look.path.stat().st_size
            if size != look.bytes:
                said = f"it has {size:,} bytes, and {look.bytes:,} were written"
                return rotten(look.relative, said)
    return found


def _told(finding: Finding, table: str, odd: set[tuple[str, str]]) -> bool:
    """Thousands of files of one writer have the same odd column: the first stands for them."""
    told = (table, finding.message) in odd
    if finding.kind == "column":
        odd.add((table, finding.message))
    return told


def torn_or_foreign(table: str, path: Path, relative: str) -> Finding | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bt_lake.warehouse.unknown import FIELD_ID

    try:
        with open(path, "rb") as file:
            file.seek(-min(os.fstat(file.fileno()).st_size, _FOOTER), os.SEEK_END)
            file.read()
    except FileNotFoundError:
        return None  # removed meanwhile
    except OSError as error:
        return unreachable(relative, error)
    try:
        schema = pq.read_schema(path)
    except (
        pa.ArrowException,
        OSError,
        ValueError,
    ) as error:  # its message is all that tells them apart
        return torn(relative, error)
    wanted = {f.metadata[FIELD_ID]: f for f in arrow_schema(table)}
    there = {(found.metadata or {}).get(FIELD_ID): found for found in schema}
    for field_id, known in wanted.items():
        if not known.nullable and field_id not in there:
            said = f"no column has the field id of {table}.{known.name} ({int(field_id)})"
            return Finding("foreign", relative, said, TAKEN_OUT)
    for field_id, found in there.items():
        odd = _oddity(table, field_id, wanted.get(field_id), found)
        if odd:
            return Finding("column", relative, f"column '{found.name}' {odd}", _READ, damage=False)
    return None


def _oddity(table: str, field_id: bytes | None, known: pa.Field | None, found: pa.Field) -> str:
    """What is unlike the schema in a column, though readers do without or convert it."""
    if field_id is None:
        return "has no field id: readers pass it over, and compaction drops it"
    if known is None:
        return (
            f"({found.type}) is not one of {table}: of a later version of bt-lake, maybe. "
            "Readers pass it over, and compaction keeps it"
        )
    if known.name != found.name:
        return f"is read as {known.name} by its field id"
    if not _same_type(known.type, found.type):
        return f"is written as {found.type}, and read as {known.type}"
    return ""


def _same_type(wanted: object, found: object) -> bool:
    # Nested types differ in the names of their inner fields, depending on who wrote them.
    return str(wanted).split("<")[0] == str(found).split("<")[0]


def _staging(layout: Layout) -> Iterator[Finding]:
    if not layout.stage.is_dir():
        return
    for entry in os.scandir(layout.stage):
        if entry.name.endswith(".lock") or young(Path(entry.path)):
            continue
        yield Finding(
            "staging",
            f"_stage/{entry.name}",
            "left over from a write that did not come to its end; it was never part of the lake",
            "--repair deletes it",
            damage=False,
        )
