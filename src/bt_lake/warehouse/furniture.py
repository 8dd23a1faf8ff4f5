"""What stands around the tables of a lake: its card, log, seeds, lake.sql and folders."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from bt_lake.warehouse import log
from bt_lake.warehouse.bounds import CARD_BYTES, read_bounded
from bt_lake.warehouse.digest import is_whole
from bt_lake.warehouse.errors import Damaged, FormatTooNew, NotFound
from bt_lake.warehouse.findings import Finding, away
from bt_lake.warehouse.ids import CHILDREN, children_of
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.rot import seal_holds
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.surface import lake_sql
from bt_lake.warehouse.whole import torn_or_foreign


def furniture(layout: Layout) -> Iterator[Finding]:
    yield from _foreign_sql(layout)
    yield from _links(layout)
    yield from _parts(layout)


def _parts(layout: Layout) -> Iterator[Finding]:
    """The parts of a lake that are not tables."""
    if not layout.log.is_dir() and not layout.table("runs").is_dir():
        layout.check_format()
    again = "--repair writes it again"
    for folder in layout.folders:
        if not folder.is_dir():
            path = layout.relative(folder)
            if path in _tables_in_use(layout):
                yield away(path, "the lake has rows in it")
            else:
                yield Finding("furniture", path, "the folder is lost", again, damage=False)
    try:
        layout.check_format()
    except NotFound:
        yield Finding("furniture", "lake.json", "the lake's card is lost", again)
    except Damaged as error:
        if isinstance(error, FormatTooNew) and _is_sealed(layout.card):
            raise
        yield Finding("furniture", "lake.json", str(error), again)
    else:
        if not _is_sealed(layout.card):
            said = "its bytes are not those that were written"
            yield Finding("furniture", "lake.json", said, again)
    for table in TABLES:
        seed = layout.seed(table)
        path = layout.relative(seed)
        if not seed.is_file():
            yield Finding("furniture", path, "the zero-row file is lost", again)
        elif (odd := torn_or_foreign(table, seed, path)) and odd.damage:
            yield Finding("furniture", path, odd.message, again)
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


def _is_sealed(card: Path) -> bool:
    """Whether a card has the digest that it carries; those of older versions carry none."""
    data = read_bounded(card, CARD_BYTES)
    told = json.loads(data)
    if ("digest" in told) != ("written_by" in told):
        return False
    return "digest" not in told or is_whole(data, str(told["digest"]))


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
    for path in layout.files("runs"):
        file = data_file(layout.relative(path))
        used.update((file and file.commit and children_of(file.commit)) or ())
    if any(True for child in CHILDREN for _ in layout.files(child)):
        used.add("runs")
    return used
