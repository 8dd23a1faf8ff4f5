"""The live files of a snapshot, chosen in Python: what `standing.sql` and `snapshot.sql` say.

DuckDB takes 10 to 20 ms for that rule however few files there are, at each opening and after each
commit. Two readers that are proved equal (tests/test_live.py) beat one that is slow. Whatever is
not as this version's maintenance writes it is left to the SQL, which is the rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from bt_lake.warehouse.listing import Listing
from bt_lake.warehouse.paths import data_file
from bt_lake.warehouse.schema import TABLES
from bt_lake.warehouse.values import each_once

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.mirror import Mirror

# Of a connection the number of its snapshot, which no other in this process has.
snapshots: WeakKeyDictionary[DuckDBPyConnection, int] = WeakKeyDictionary()
# Of a connection to a lake in an object store, what brings the files.
origins: WeakKeyDictionary[DuckDBPyConnection, Mirror] = WeakKeyDictionary()

_ADD = {
    "table": str, "path": str, "rows": int, "bytes": int,
    "min_run_id": str | None, "max_run_id": str | None, "folded": bool,
}  # fmt: skip
_MOST = 2**63
_FILES = (
    '[{"table":"VARCHAR","path":"VARCHAR","commit_id":"VARCHAR","rows":"BIGINT",'
    '"bytes":"BIGINT","min_run_id":"VARCHAR","max_run_id":"VARCHAR","folded":"BOOLEAN"}]'
)
# What `lake_live` is, as DuckDB reads it from JSON.
SHAPE = (
    "{"
    + "".join(f'"{table}":["VARCHAR"],' for table in (*TABLES, "pending"))
    + f'"files":{_FILES},"grace_ms":"DOUBLE"}}'
)


def live_files(listing: Listing) -> dict[str, Any] | None:
    """The value of `lake_live` for what was listed; None where the SQL must say."""
    state = _state_of(listing)
    if state is None:
        return None
    removed: dict[str, Any] = state["removed"]
    standing = _standing(listing, removed)
    if _may_have_returned(standing, state.get("folded_to", "")):
        return None
    gone = {path for path in removed if not path.startswith(("runs/", "event"))}
    children = [path for path in _children(listing, standing) if path not in gone]
    files = [*map(_committed, (*standing, *children)), *map(_added, state["adds"])]
    by_table = {
        table: [file["path"] for file in files if file["table"] == table] or None
        for table in TABLES
    }
    pending = [f["path"] for f in files if f["table"] == "events" and not f.get("folded")]
    return {
        **by_table,
        "pending": pending or None,
        "files": files or None,
        "grace_ms": 1000 * state["grace_s"],
    }


def _may_have_returned(standing: Iterable[str], folded_to: Any) -> bool:
    """Whether a commit that stands is no younger than one that maintenance has taken in."""
    return not isinstance(folded_to, str) or any(path[-40:-8] <= folded_to for path in standing)


def _standing(listing: Listing, removed: dict[str, Any]) -> list[str]:
    listed = dict.fromkeys((*listing.events, *listing.commits))
    return [path for path in listed if path not in removed]


def _children(listing: Listing, standing: Iterable[str]) -> Iterable[str]:
    commits = set()
    for path in standing:
        if path.startswith("runs/"):
            commits.add(path)
            if path[-28] == "8":
                if path[-24] in "9b":
                    yield f"equity{path[4:]}"
                if path[-24] in "ab":
                    yield f"trades{path[4:]}"
    for path in dict.fromkeys(listing.found):
        if f"runs{path[6:]}" in commits and path[-28] != "8":
            yield path


def _committed(path: str) -> dict[str, Any]:
    table, _, name = path.partition("/")
    return {"table": table, "path": path, "commit_id": name.partition("/c-")[2][:-8]}


def _added(add: dict[str, Any]) -> dict[str, Any]:
    return {name: add[name] for name in _ADD}


def _state_of(listing: Listing) -> dict[str, Any] | None:
    """The log, where it is what this version's maintenance writes."""
    try:
        state = json.loads(listing.content, object_pairs_hook=each_once)
    except ValueError:
        return None
    if not isinstance(state, dict) or not isinstance(state.get("removed"), dict):
        return None
    grace, adds = state.get("grace_s"), state.get("adds")
    if type(grace) not in (int, float) or not isinstance(adds, list):
        return None
    return state if all(map(_is_plain, adds)) else None


def _is_plain(add: Any) -> bool:
    if not isinstance(add, dict) or not _ADD.keys() <= add.keys():
        return False
    if any(
        not isinstance(add[name], kind) or (kind is int and isinstance(add[name], bool))
        for name, kind in _ADD.items()
    ):
        return False
    file = data_file(add["path"])
    return (
        file is not None
        and (file.table, file.commit) == (add["table"], None)
        and max(abs(add["rows"]), abs(add["bytes"])) < _MOST
    )
