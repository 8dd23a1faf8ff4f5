"""After a repair: which runs have lost what, and who may have it yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.findings import Finding
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.quoting import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.log import State

# What a run says of itself where it had a curve, or trades.
_HAD = {
    "equity": ("a curve", "bars > 0", "lake_curves"),
    "trades": ("trades", "total_trades > 0", "lake_trade_rows"),
}


def gone(
    layout: Layout, findings: Iterable[Finding], before: State | None, source: Path | None
) -> Iterator[Finding]:
    """The runs of files that were given up, one by one, as far as anything still names them."""
    from bt_lake.warehouse.database import Database

    given_up = [f for f in findings if f.is_given_up]
    if not given_up:
        return
    database = Database(layout)
    database.complete(macros=False)
    try:
        found = _gone(database.connection, given_up, before)
    finally:
        database.connection.close()
    elsewhere = _held_by(source, layout) if source is not None and any(found.values()) else {}
    for table, run_ids in found.items():
        for run_id in sorted(run_ids):
            yield _finding(table, run_id, source, run_id in elsewhere.get(table, ()))


def _gone(
    connection: DuckDBPyConnection, given_up: list[Finding], before: State | None
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"runs": set(), "equity": set(), "trades": set()}
    for finding in given_up:
        if finding.table in _HAD:
            _, had, rows = _HAD[finding.table]
            found[finding.table] |= _ids(
                connection,
                f"select run_id from lake_rows where deleted_at is null and {had} "
                f"and {_of_file(finding, before)} and run_id not in (select run_id from {rows})",
            )
        elif finding.table == "runs":
            found["runs"] |= _ids(
                connection,
                "select run_id from (select run_id from lake_curves union select run_id from "
                "lake_trade_rows union select run_id from events where kind <> 'study') "
                "where run_id not in (select run_id from lake_rows)",
            )
    return found


def _of_file(finding: Finding, before: State | None) -> str:
    """The runs that a file that was given up may have had rows of."""
    if finding.commit is not None:
        return f"commit_id = {literal(finding.commit)}"
    for add in before.adds if before else ():
        if add.path == finding.path and add.min_run_id is not None and add.max_run_id is not None:
            return f"run_id between {literal(add.min_run_id)} and {literal(add.max_run_id)}"
    return "true"


def _ids(connection: DuckDBPyConnection, question: str) -> set[str]:
    return {row[0] for row in connection.execute(question).fetchall()}


def _held_by(source: Path, own: Layout) -> dict[str, set[str]]:
    """The runs of which a backup has rows, though not in a file that this lake could take."""
    from bt_lake.warehouse.engine import Error
    from bt_lake.warehouse.incoming import incoming

    held: dict[str, set[str]] = {"runs": set(), "equity": set(), "trades": set()}
    try:
        for part in incoming(source, own):
            held["runs"].update(part.run_ids())
            for child in ("equity", "trades"):
                held[child] |= part.run_ids_with(child)
    except (LakeError, Error, OSError):
        return held  # a backup that cannot be asked has nothing for certain
    return held


def _finding(table: str, run_id: str, source: Path | None, elsewhere: bool) -> Finding:
    what = "the run itself" if table == "runs" else _HAD[table][0]
    if elsewhere:
        said, todo = f"{what} is only in {source}", f"`bt-lake merge {source}` brings it back"
    else:
        nor = f", nor of {source}" if source else ""
        said = f"had {what}, and it is in no file of the lake any more{nor}"
        if table == "runs":
            said = f"rows of others name this run, and it is in no file of the lake any more{nor}"
        todo = "ingest its source again, or `bt-lake merge` a copy that has it"
    return Finding("gone", f"{table} of {run_id}", said, todo, damage=False)
