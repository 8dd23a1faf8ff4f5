"""Look for every kind of damage, say what to do about it, and mend what can be mended."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import log, upkeep
from bt_lake.warehouse.errors import Damaged, FormatTooNew, NotFound
from bt_lake.warehouse.ids import CHILDREN, children_of
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.rules import broken_rules
from bt_lake.warehouse.schema import TABLES, arrow_schema
from bt_lake.warehouse.surface import lake_sql

if TYPE_CHECKING:
    import pyarrow as pa

# Younger leftovers may belong to a process that is still at work.
LEFTOVER_S = 3600.0
_READ = "nothing needs to be done: its rows are read"
_TAKEN_OUT = (
    "restore it from a backup; --repair moves it to _quarantine so that the rest can be read"
)


@dataclass(slots=True)
class Finding:
    kind: str
    path: str
    message: str
    remedy: str
    # Damage makes answers wrong or impossible; anything else only takes up room.
    damage: bool = True
    repaired: str = ""


@dataclass(slots=True)
class Report:
    files: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def damaged(self) -> bool:
        return any(finding.damage and not finding.repaired for finding in self.findings)


def check(layout: Layout, *, repair: bool = False) -> Report:
    from bt_lake.warehouse.repair import mend

    report = Report(findings=[*_foreign_sql(layout), *_links(layout), *_furniture(layout)])
    if repair:
        mend(layout, report.findings)
    if not report.damaged:
        layout.check_format()
        report.files, found = _files(layout)
        if repair:
            mend(layout, found)
        report.findings += found
    if not report.damaged:
        found = _unreadable(layout)
        if repair:
            mend(layout, found)
        report.findings += found
    if not report.damaged:
        report.findings += broken_rules(layout)
    report.findings += upkeep.findings(layout)
    return report


def _furniture(layout: Layout) -> Iterator[Finding]:
    """The parts of a lake that are not tables."""
    if not layout.log.is_dir() and not layout.table("runs").is_dir():
        layout.check_format()
    again = "--repair writes it again"
    for folder in layout.folders:
        if not folder.is_dir():
            path = layout.relative(folder)
            yield Finding("furniture", path, "the folder is lost", again, damage=False)
    try:
        layout.check_format()
    except NotFound:
        yield Finding("furniture", "lake.json", "the lake's card is lost", again)
    except Damaged as error:
        if isinstance(error, FormatTooNew):
            raise
        yield Finding("furniture", "lake.json", str(error), again)
    for table in TABLES:
        seed = layout.seed(table)
        path = layout.relative(seed)
        if not seed.is_file():
            yield Finding("furniture", path, "the zero-row file is lost", again)
        elif (torn := _torn_or_foreign(table, seed, path)) and torn.damage:
            yield Finding("furniture", path, torn.message, again)
    if not layout.sql.is_file():
        yield Finding("furniture", "lake.sql", "the file is lost", again, damage=False)
    try:
        log.newest(layout)
    except (Damaged, FileNotFoundError) as error:
        yield Finding(
            "log", "_log", str(error), "--repair rebuilds the log from the files that are left"
        )


def _foreign_sql(layout: Layout) -> Iterator[Finding]:
    """A `lake.sql` that is not ours: it is code, which a plain duckdb shell would run."""
    ours = lake_sql().encode()
    if layout.sql.is_file() and not (
        layout.sql.stat().st_size == len(ours) and layout.sql.read_bytes() == ours
    ):
        yield Finding(
            "furniture",
            "lake.sql",
            "written by somebody else, or by another version of bt-lake: do not start `duckdb "
            "-init lake.sql` in a lake that you do not trust, it runs whatever stands there",
            "`bt-lake shell` has its own and is safe; --repair writes it again",
            damage=False,
        )


def _links(layout: Layout) -> Iterator[Finding]:
    """Links inside the lake: readers follow them, whatever writes or unlinks does not."""
    for folder in [*layout.folders, layout.root / "_quarantine"]:
        if folder.is_symlink():
            yield _link(layout, folder, damage=True)
        elif folder.is_dir():
            for entry in sorted(folder.iterdir()):
                if entry.is_symlink():
                    yield _link(layout, entry, damage=entry.is_dir())
                elif entry.is_dir() and entry.name.startswith("month="):
                    files = (path for path in sorted(entry.iterdir()) if path.is_symlink())
                    yield from (_link(layout, path, damage=False) for path in files)
    for path in (layout.card, layout.sql):
        if path.is_symlink():
            yield _link(layout, path, damage=False)


def _link(layout: Layout, path: Path, *, damage: bool) -> Finding:
    where = os.readlink(path)
    return Finding(
        "link",
        layout.relative(path),
        f"a symbolic link to {where!a}: bt-lake writes and unlinks nothing through it",
        "put the file or folder itself in its place",
        damage=damage,
    )


def _files(layout: Layout) -> tuple[int, list[Finding]]:
    state = log.newest(layout)
    listed = {add.path for add in state.adds}
    findings = [*_staging(layout)]
    findings += [
        Finding(
            "missing",
            add.path,
            f"the log names this file of {add.rows} rows, and it is not there",
            "restore it from a backup; --repair strikes it from the log, its rows are lost",
        )
        for add in state.adds
        if not (layout.root / add.path).is_file()
    ]
    on_disk = {table: sorted(_table_files(layout, table)) for table in TABLES}
    odd: set[tuple[str, str]] = set()
    commits = {path.relative_to(layout.table("runs")) for path in on_disk["runs"]}
    for table, paths in on_disk.items():
        for path in paths:
            found = _file(layout, state, listed, commits, table, path)
            if found is not None and not _told(found, table, odd):
                findings.append(found)
    findings += _lost_children(layout, state, on_disk["runs"])
    return sum(map(len, on_disk.values())), findings


def _lost_children(layout: Layout, state: log.State, runs: list[Path]) -> Iterator[Finding]:
    """Files that the id of a standing commit names and that are not there."""
    for path in runs:
        relative = layout.relative(path)
        file = data_file(relative)
        if file is None or file.commit is None or state.has_removed(relative):
            continue
        for child in children_of(file.commit) or ():
            lost = f"{child}/{relative.partition('/')[2]}"
            if not (layout.root / lost).is_file():
                yield Finding(
                    "lost",
                    lost,
                    f"{relative} names this file of its runs, and it is not there",
                    "restore it from a backup; --repair gives its rows up, so that the rest can be "
                    "read",
                )


def _table_files(layout: Layout, table: str) -> Iterator[Path]:
    if layout.table(table).is_dir():
        for month in layout.table(table).iterdir():
            if month.is_dir() and not month.is_symlink():
                yield from month.iterdir()


def _file(
    layout: Layout, state: log.State, listed: set[str], commits: set[Path], table: str, path: Path
) -> Finding | None:
    relative = layout.relative(path)
    if state.has_removed(relative):
        return None
    file = data_file(relative)
    if file is None:
        return Finding(
            "foreign",
            relative,
            "not a file of bt-lake; readers pass it over",
            "move it elsewhere",
            damage=False,
        )
    if file.epoch is not None and relative not in listed:
        # A later epoch's file may be one that is being written right now.
        if file.epoch > state.epoch or _young(path):
            return None
        return _leftover(relative, "compaction that did not come to its end")
    is_child = file.commit is not None and table in CHILDREN
    if is_child and path.relative_to(layout.table(table)) not in commits:
        return None if _young(path) else _leftover(relative, "child of a commit never made")
    return _torn_or_foreign(table, path, relative)


def _told(finding: Finding, table: str, odd: set[tuple[str, str]]) -> bool:
    """Thousands of files of one writer have the same odd column: the first stands for them."""
    told = (table, finding.message) in odd
    if finding.kind == "column":
        odd.add((table, finding.message))
    return told


def _leftover(relative: str, what: str) -> Finding:
    return Finding(
        "leftover",
        relative,
        f"left over from a {what}; readers pass it over",
        "--repair moves it to _quarantine",
        damage=False,
    )


def _torn(relative: str, error: Exception) -> Finding:
    reason = str(error).split("\n")[0]
    return Finding("torn", relative, f"not a whole Parquet file: {reason}", _TAKEN_OUT)


def _torn_or_foreign(table: str, path: Path, relative: str) -> Finding | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from bt_lake.warehouse.unknown import FIELD_ID

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        return _torn(relative, error)
    wanted = {f.metadata[FIELD_ID]: f for f in arrow_schema(table)}
    there = {(found.metadata or {}).get(FIELD_ID): found for found in schema}
    for field_id, known in wanted.items():
        if not known.nullable and field_id not in there:
            said = f"no column has the field id of {table}.{known.name} ({int(field_id)})"
            return Finding("foreign", relative, said, _TAKEN_OUT)
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


def _unreadable(layout: Layout) -> list[Finding]:
    """Live files whose footer is whole and whose pages are not: every value is read."""
    from duckdb import Error

    from bt_lake.warehouse.database import Database, vanished
    from bt_lake.warehouse.rewrite import plain_rows

    connection = Database(layout).connection
    findings = []
    try:
        for table, path in connection.execute(
            "select table_name, path from lake_files order by path"
        ).fetchall():
            try:
                rows = plain_rows(table, [layout.root / path])
                connection.execute(f"select max(hash(r)) from {rows} r").fetchall()
            except Error as error:
                if not vanished(error):
                    findings.append(_torn(path, error))
    finally:
        connection.close()
    return findings


def _young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < LEFTOVER_S
    except FileNotFoundError:
        return True


def _staging(layout: Layout) -> Iterator[Finding]:
    if not layout.stage.is_dir():
        return
    for entry in os.scandir(layout.stage):
        if entry.name.endswith(".lock") or _young(Path(entry.path)):
            continue
        yield Finding(
            "staging",
            f"_stage/{entry.name}",
            "left over from a write that did not come to its end; it was never part of the lake",
            "--repair deletes it",
            damage=False,
        )
