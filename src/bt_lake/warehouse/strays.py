"""Files that no log names, and what they hold that the lake has nowhere else.

A lake that was copied, synchronised or restored file by file has them: `m-` files of an epoch that
is not this lake's, copies under names that a sync program gave. Readers pass them over.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse import log
from bt_lake.warehouse.digest import digest_of_file
from bt_lake.warehouse.errors import Damaged
from bt_lake.warehouse.ids import CHILDREN
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.rewrite import plain_rows
from bt_lake.warehouse.schema import TABLES

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A younger file that no log names yet may be one that is being written.
YOUNG_S = 3600.0
_COPY = re.compile(r"(?P<name>c-[0-9a-f]{32}|m-[0-9]{8}-[0-9a-f]{32})(?P<rest>.+)")
_OLD_LOG = re.compile(r"[0-9]{8}(?P<rest>.+)\.json")
# Rows are looked for by this column: whoever has a run's curve has all of it.
KEYS = {"runs": "run_id", "equity": "run_id", "trades": "run_id", "events": "event_id"}


@dataclass(frozen=True, slots=True)
class Stray:
    table: str
    path: str
    is_copy: bool
    # Runs (or events) of which no live file of the table has a row.
    new: int


def strays(layout: Layout, state: log.State, connection: DuckDBPyConnection) -> Iterator[Stray]:
    """The files in the tables' folders that are neither live nor removed nor on their way."""
    foreign = {add.path for other in conflicting_logs(layout).values() for add in other.adds}
    shown = _Shown(layout, connection)
    for table in TABLES:
        for path in layout.files(table):
            if path.is_symlink():
                continue
            name = layout.relative(path)
            found = data_file(name)
            if found is None and _is_same_as_its_original(path):
                yield Stray(table, name, True, 0)
            elif found is None and is_copy(path.name):
                yield Stray(table, name, True, shown.new(table, path))
            elif (
                found is not None
                and found.epoch is not None
                and name not in state.named
                and (name in foreign or not young(path))
            ):
                yield Stray(table, name, False, shown.new(table, path))
            elif found is not None and _has_no_commit(layout, state, table, path):
                yield Stray(table, name, False, shown.new(table, path, of_known_runs=True))


def _has_no_commit(layout: Layout, state: log.State, table: str, path: Path) -> bool:
    """Whether a file of curves or trades is of a commit never made, or folded before it came."""
    if table not in CHILDREN or not path.name.startswith("c-") or young(path):
        return False
    name = layout.relative(path)
    if log.goes_with_its_commit(name, state.removed):
        return name in state.unseen
    return not (layout.table("runs") / path.parent.name / path.name).exists()


def is_copy(name: str) -> bool:
    """Whether a file's name is that of a data file with something behind it."""
    copy = _COPY.fullmatch(name)
    return copy is not None and copy["rest"] != ".parquet"


def conflicting_logs(layout: Layout) -> dict[str, log.State]:
    """Logs under other names than theirs: a sync program kept both sides of a conflict."""
    found = {}
    for name in sorted(os.listdir(layout.log)):
        if _OLD_LOG.fullmatch(name) and not re.fullmatch(r"[0-9]{8}\.json", name):
            try:
                found[f"_log/{name}"] = log.parse((layout.log / name).read_bytes(), name)
            except (Damaged, OSError):
                continue
    return found


def young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < YOUNG_S
    except FileNotFoundError:
        return True


def _is_same_as_its_original(path: Path) -> bool:
    copy = _COPY.fullmatch(path.name)
    original = path.with_name(f"{copy['name']}.parquet") if copy else path
    if original == path or not original.is_file():
        return False
    same_size = original.stat().st_size == path.stat().st_size
    return same_size and digest_of_file(original) == digest_of_file(path)


class _Shown:
    """What readers see, as far as it says whether a file has anything new."""

    def __init__(self, layout: Layout, connection: DuckDBPyConnection) -> None:
        self._layout = layout
        self._connection = connection
        self._made: set[str] = set()

    def new(self, table: str, path: Path, *, of_known_runs: bool = False) -> int:
        """How many keys of a file the lake does not show; 0 of a file that cannot be read.

        Curves and trades of deleted runs do not count: compaction drops them on purpose.
        """
        from bt_lake.warehouse.engine import Error

        key = KEYS[table]
        hidden = ""
        if table in ("equity", "trades"):
            hidden = "and id not in (select run_id from trials where deleted_at is not null)"
        if of_known_runs:
            hidden += " and id in (select run_id from trials)"
        try:
            self._make(table)
            return int(
                self._connection.execute(
                    f"select count(*) from (select distinct {key} as id "
                    f"from {plain_rows(table, [path], [TABLES[table][key]])}) "
                    f"where id not in (from shown_{table}) {hidden}"
                ).fetchall()[0][0]
            )
        except Error:
            return 0

    def _make(self, table: str) -> None:
        if table not in self._made:
            paths = self._connection.execute(
                "select path from lake_files where table_name = ?", [table]
            ).fetchall()
            files = [self._layout.root / path for (path,) in paths]
            files = [file for file in files if file.is_file()] or [self._layout.seed(table)]
            key = TABLES[table][KEYS[table]]
            self._connection.execute(
                f"create or replace temp table shown_{table} as "
                f"select distinct {key.name} from {plain_rows(table, files, [key])}"
            )
            self._made.add(table)
