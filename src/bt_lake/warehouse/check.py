"""Look for every kind of damage, say what to do about it, and mend what can be mended."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import log, upkeep
from bt_lake.warehouse.digest import digest_of_file
from bt_lake.warehouse.errors import Damaged, FormatTooNew, NotFound
from bt_lake.warehouse.findings import Finding, Report
from bt_lake.warehouse.ids import CHILDREN, children_of
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.rot import Digests, seal_holds
from bt_lake.warehouse.rules import SOURCES, broken_rules
from bt_lake.warehouse.schema import TABLES, arrow_schema
from bt_lake.warehouse.strays import conflicting_logs, is_copy, strays, young
from bt_lake.warehouse.surface import lake_sql

if TYPE_CHECKING:
    import pyarrow as pa

# While one of these stands nothing else is touched: what seems lost may only be away.
_AWAY = ("away", "unreachable")
_ASIDE = "--repair moves it to _quarantine"
_FOOTER = 64 * 1024
_READ = "nothing needs to be done: its rows are read"
_TAKEN_OUT = (
    "restore it from a backup; --repair moves it to _quarantine so that the rest can be read"
)


def check(layout: Layout, *, repair: bool = False, source: Path | None = None) -> Report:
    from bt_lake.warehouse.repair import Repair, visible

    report = Report()
    mender: Repair | None = None
    # Each look needs what the one before found to be whole, or mended.
    for look in (_stands, _files, _strays, _unreadable, _doubled, broken_rules):
        found = list(look(layout))
        away = any(finding.kind in _AWAY for finding in found)
        if repair and not away and any(f.mendable or f.kind == "rotten" for f in found):
            report.before = report.before or visible(layout)
            mender = mender or Repair(layout, source)
            mender.mend(found)
        report.findings += found
        if report.damaged and look is not _doubled:
            break
    report.findings += upkeep.findings(layout)
    report.files = _count_files(layout)
    if report.before:
        report.after = visible(layout)
        _prove(layout, report)
    return report


def _prove(layout: Layout, report: Report) -> None:
    """A repair hides no run that could be read before."""
    if report.after["runs"] < report.before["runs"]:
        raise Damaged(
            f"{layout.root}: after the repair {report.after['runs']} runs can be read, and "
            f"{report.before['runs']} could before. `bt-lake check --undo` takes it back."
        )


def _stands(layout: Layout) -> Iterator[Finding]:
    yield from _foreign_sql(layout)
    yield from _links(layout)
    yield from _furniture(layout)


def _count_files(layout: Layout) -> int:
    return sum(1 for table in TABLES for _ in _table_files(layout, table))


def _furniture(layout: Layout) -> Iterator[Finding]:
    """The parts of a lake that are not tables."""
    if not layout.log.is_dir() and not layout.table("runs").is_dir():
        layout.check_format()
    again = "--repair writes it again"
    for folder in layout.folders:
        if not folder.is_dir():
            path = layout.relative(folder)
            if path in _tables_in_use(layout):
                yield _away(path, "the lake has rows in it")
            else:
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
        elif seal_holds(seed) is False:
            yield Finding("furniture", path, "its bytes are not those that were written", again)
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


def _tables_in_use(layout: Layout) -> set[str]:
    """Tables that the log or the ids of commits name files of."""
    try:
        used = {add.table for add in log.newest(layout).adds}
    except (Damaged, FileNotFoundError):
        used = set()
    for path in _table_files(layout, "runs"):
        file = data_file(layout.relative(path))
        used.update((file and file.commit and children_of(file.commit)) or ())
    if any(True for child in CHILDREN for _ in _table_files(layout, child)):
        used.add("runs")
    return used


def _away(folder: str, why: str) -> Finding:
    return Finding(
        "away",
        folder,
        f"the folder is not there, and {why}",
        "bring it back: a disk that is not mounted, or a copy that is not complete yet? Nothing is "
        "repaired meanwhile. If it is gone for good, make an empty folder of that name first",
    )


def _files(layout: Layout) -> Iterator[Finding]:
    layout.check_format()
    state = log.newest(layout)
    yield from _staging(layout)
    yield from _missing(
        layout,
        {
            add.path: Finding(
                "missing",
                add.path,
                f"the log names this file of {add.rows} rows, and it is not there",
                "restore it from a backup; --repair strikes it from the log, its rows are lost "
                "until it turns up",
            )
            for add in state.adds
        },
    )
    yield from _missing(layout, dict(_children_named(layout, state)))
    listed = {add.path for add in state.adds}
    on_disk = {table: sorted(_table_files(layout, table)) for table in TABLES}
    odd: set[tuple[str, str]] = set()
    commits = {path.relative_to(layout.table("runs")) for path in on_disk["runs"]}
    for table, paths in on_disk.items():
        for path in paths:
            found = _file(layout, state, listed, commits, table, path)
            if found is not None and not _told(found, table, odd):
                yield found


def _missing(layout: Layout, wanted: dict[str, Finding]) -> Iterator[Finding]:
    """What is not there of some files; where their folder is not there, that is what is missing."""
    away: Counter[str] = Counter()
    for path, finding in wanted.items():
        try:
            os.stat(layout.root / path)
        except (FileNotFoundError, NotADirectoryError):
            month = path.rpartition("/")[0]
            if (layout.root / month).is_dir():
                yield finding
            else:
                away[month] += 1
        except OSError as error:
            yield _unreachable(path, error)
    for month, count in away.items():
        yield _away(month, f"{count} files that the lake needs are in it")


def _children_named(layout: Layout, state: log.State) -> Iterator[tuple[str, Finding]]:
    """Files that the ids of standing commits name."""
    for path in _table_files(layout, "runs"):
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
        if is_copy(path.name):
            return None  # what it holds is looked at later
        return Finding(
            "foreign",
            relative,
            "not a file of bt-lake; readers pass it over",
            "move it elsewhere",
            damage=False,
        )
    if file.epoch is not None and relative not in listed:
        return None  # what it holds is looked at later
    is_child = file.commit is not None and table in CHILDREN
    if is_child and path.relative_to(layout.table(table)) not in commits:
        return None if young(path) else _leftover(relative, "child of a commit never made")
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
        _ASIDE,
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
        with open(path, "rb") as file:
            file.seek(-min(os.fstat(file.fileno()).st_size, _FOOTER), os.SEEK_END)
            file.read()
    except OSError as error:
        return _unreachable(relative, error)
    try:
        schema = pq.read_schema(path)
    except (
        pa.ArrowException,
        OSError,
        ValueError,
    ) as error:  # its message is all that tells them apart
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


def _unreachable(relative: str, error: OSError) -> Finding:
    """It may be whole: who looks may not, or cannot at the moment."""
    return Finding(
        "unreachable",
        relative,
        f"cannot be read: {error.strerror or error}{_whose(error.filename)}",
        "let its owner give you the right to read it, or bring the disk back. Nothing is moved: "
        "the file may be whole",
    )


def _whose(path: object) -> str:
    try:
        status = os.stat(str(path))
        import pwd

        owner = pwd.getpwuid(status.st_uid).pw_name
    except (OSError, ImportError, KeyError):
        return ""
    return f". It belongs to {owner}, mode {status.st_mode & 0o777:03o}"


def _strays(layout: Layout) -> Iterator[Finding]:
    """Files that readers pass over, and whether they hold what the lake has nowhere else."""
    from bt_lake.warehouse.database import Database

    state = log.newest(layout)
    connection = Database(layout).connection
    try:
        found = list(strays(layout, state, connection))
        doubles = connection.execute("select unnest(getvariable('lake_doubles'))").fetchall()
    finally:
        connection.close()
    for stray in found:
        faulty = _torn_or_foreign(stray.table, layout.root / stray.path, stray.path)
        if faulty is not None and faulty.kind == "unreachable":
            yield faulty
        elif stray.new:
            what = "events" if stray.table == "events" else "runs"
            yield Finding(
                "copy" if stray.is_copy else "stray",
                stray.path,
                f"no log names this file, and it holds {stray.table} of {stray.new} {what} that "
                "the lake has nowhere else: it was copied here, or its log is lost",
                "--repair takes these rows in; `bt-lake merge` does so with a whole other lake",
            )
        elif stray.is_copy:
            said = (
                "a copy under another name; the lake has all of its rows, and readers pass it over"
            )
            yield Finding("copy", stray.path, said, _ASIDE, damage=False)
        else:
            yield _leftover(stray.path, "compaction that did not come to its end")
    for (commit,) in doubles:
        for path in sorted(layout.root.glob(f"*/month=*/c-{commit}.parquet")):
            said = "came back: the lake has its rows already, and readers pass it over"
            yield Finding("returned", layout.relative(path), said, _ASIDE, damage=False)
    for name in conflicting_logs(layout):
        said = "a second log of its epoch: somebody edited a copy of this lake"
        yield Finding("copy", name, said, _ASIDE, damage=False)


def _unreadable(layout: Layout) -> Iterator[Finding]:
    """Live files whose bytes have changed; where no digest tells, every value is read."""
    from duckdb import Error

    from bt_lake.warehouse.database import Database, vanished
    from bt_lake.warehouse.rewrite import plain_rows

    digests = Digests(layout)
    connection = Database(layout).connection
    try:
        for table, path in connection.execute(
            "select table_name, path from lake_files order by path"
        ).fetchall():
            try:
                proven = digests.prove(path)
                if proven:
                    continue
                rows = plain_rows(table, [layout.root / path])
                connection.execute(f"select max(hash(r)) from {rows} r").fetchall()
            except FileNotFoundError:
                continue  # removed meanwhile
            except OSError as error:
                yield _unreachable(path, error)
            except Error as error:
                if not vanished(error):
                    yield _failed(layout, path, error)
            else:
                if proven is False:
                    yield _rotten(path)
    finally:
        connection.close()


def _rotten(path: str) -> Finding:
    return Finding(
        "rotten",
        path,
        "its bytes are not those that were written, though it can be read: some number in it may "
        "be wrong",
        "--repair --from BACKUP puts a whole copy in its place; without one nothing is moved",
    )


def _failed(layout: Layout, path: str, error: Exception) -> Finding:
    """Whether a file is torn, or the disk is what failed."""
    try:
        digest_of_file(layout.root / path)
    except OSError as refused:
        return _unreachable(path, refused)
    return _torn(path, error)


def _doubled(layout: Layout) -> Iterator[Finding]:
    """Rows that are in twice and the same: a copy of a folded commit came back and was folded."""
    from bt_lake.warehouse.database import Database

    database = Database(layout)
    database.complete()
    connection = database.connection
    try:
        for table in ("runs", "equity", "trades"):
            keys = ", ".join(map(identifier, TABLES[table].key))
            # A commit that came in twice has all but these alike.
            but = "exclude (commit_id, ingested_at)" if table == "runs" else ""
            doubles, differ, example = connection.execute(
                f"select count(*), count(*) filter (n > 1), min(run_id) from (select {keys}, "
                f"count(distinct hash(r)) as n from (select * {but} from {SOURCES[table]}) r "
                f"group by {keys} having count(*) > 1)"
            ).fetchall()[0]
            if doubles and not differ:
                yield Finding(
                    "doubled",
                    table,
                    f"{doubles} rows are in the lake twice, the first of run {example}",
                    "--repair keeps one of each",
                )
    finally:
        connection.close()


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
