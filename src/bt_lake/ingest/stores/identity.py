"""Run ids of imported rows: UUIDs stay what they are, any other key is made unique.

A number or a name is only unique within its store, so a hash of what the row is about follows it:
`sqlite.17.5e1c90a2`. The row has the same id in a copy of the store and after its numbers, notes
or status were edited; row 17 of another store has another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Any

from bt_lake.ingest.stores.mapping import known
from bt_lake.ingest.stores.source import Rows, Source
from bt_lake.ingest.stores.survey import is_id
from bt_lake.warehouse.schema import RUNS

_LONGEST_KEY = 120
_TIMES = {c.name for c in RUNS.columns if c.kind == "timestamp"}
# What people change after the run is over.
_EDITED = {"notes", "tags", "status", "error", "metrics"}
_EDITED_NAMES = {"updated_at", "modified_at", "last_updated"}


def run_ids(rows: Rows, source: Source, own: Own | None) -> list[str]:
    """The id of each row: its own where it has one, else one made of its key and its content."""
    values = rows.columns.get(own.column) if own else None
    if own and values is not None and all(map(own.holds, values)):
        return [str(value) for value in values]
    keys = [rows.columns[name] for name in source.key]
    made = [
        _id(source, [key[place] for key in keys], content)
        for place, content in enumerate(_about(rows, source))
    ]
    if own is None or values is None:
        return made
    return [str(v) if own.holds(v) else other for v, other in zip(values, made, strict=True)]


@dataclass(frozen=True, slots=True)
class Own:
    """The column of ids that runs bring along: UUIDs, or whatever the caller says they are."""

    column: str
    any_text: bool = False

    def holds(self, value: Any) -> bool:
        return is_id(value) or (self.any_text and value not in (None, ""))


def _id(source: Source, key: list[Any], about: str) -> str:
    named = "-".join(map(str, key))
    # Without a key only the content tells rows apart, so more of its hash is needed.
    content = f"{source.table}\x1e{named}\x1e{about}".encode("utf-8", "surrogatepass")
    digest = blake2b(content, digest_size=4 if key else 12)
    usable = named.isprintable() and len(named) <= _LONGEST_KEY
    return ".".join(filter(None, [source.kind, named if usable else "", digest.hexdigest()]))


def _about(rows: Rows, source: Source) -> list[str]:
    """What each row is about: its texts and times, as its numbers may be computed anew."""
    columns = {name: values for name, values in rows.columns.items() if _lasts(name, source)}
    if not columns:
        return [""] * len(rows)
    takes = {name: not source.key or _column(name, source) in _TIMES for name in columns}
    return [
        "\x1f".join(
            f"{name}={value}"
            for name, value in zip(columns, row, strict=True)
            if value is not None and (isinstance(value, (str, date)) or takes[name])
        )
        for row in zip(*columns.values(), strict=True)
    ]


def _lasts(name: str, source: Source) -> bool:
    return _column(name, source) not in _EDITED and name.lower() not in _EDITED_NAMES


def _column(name: str, source: Source) -> str:
    found = known(name, source.dialect.names)
    return found[1] if found else ""
