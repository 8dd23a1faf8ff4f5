"""Files that readers pass over, and whether they hold what the lake has nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

from bt_lake.warehouse import log
from bt_lake.warehouse.findings import ASIDE, Finding, leftover
from bt_lake.warehouse.layout import Layout
from bt_lake.warehouse.strays import conflicting_logs, strays
from bt_lake.warehouse.whole import torn_or_foreign

_COMPACTION = "compaction that did not come to its end"


def unlisted(layout: Layout) -> Iterator[Finding]:
    from bt_lake.warehouse.database import Database

    state = log.newest(layout)
    connection = Database(layout).connection
    try:
        found = list(strays(layout, state, connection))
        doubles = connection.execute("select unnest(getvariable('lake_doubles'))").fetchall()
    finally:
        connection.close()
    for stray in found:
        faulty = torn_or_foreign(stray.table, layout.root / stray.path, stray.path)
        if faulty is not None and faulty.kind == "unreachable":
            yield faulty
        elif stray.new:
            what = "events" if stray.table == "events" else "runs"
            yield Finding(
                "copy" if stray.is_copy else "stray",
                stray.path,
                f"no log names this file, and it holds {stray.table} of {stray.new} {what} that "
                "the lake has nowhere else: it was copied here, its log is lost, or it came late",
                "--repair takes these rows in; `bt-lake merge` does so with a whole other lake",
            )
        elif stray.is_copy:
            said = (
                "a copy under another name; the lake has all of its rows, and readers pass it over"
            )
            yield Finding("copy", stray.path, said, ASIDE, damage=False)
        else:
            is_child = "/c-" in stray.path
            work = "child of a commit never made" if is_child else _COMPACTION
            yield leftover(stray.path, work)
    for (commit,) in doubles:
        for path in sorted(layout.root.glob(f"*/month=*/c-{commit}.parquet")):
            said = "came back: the lake has its rows already, and readers pass it over"
            yield Finding("returned", layout.relative(path), said, ASIDE, damage=False)
    for name in conflicting_logs(layout):
        said = "a second log of its epoch: somebody edited a copy of this lake"
        yield Finding("copy", name, said, ASIDE, damage=False)
