"""The names of a lake's data files: the one place where text of a log becomes a path."""

from __future__ import annotations

import re
from typing import NamedTuple

from bt_lake.warehouse.errors import Damaged

# Digits are spelled out: `\d` would let in those of every script.
_NAME = re.compile(
    r"(?P<table>runs|equity|trades|events)/month=[0-9]{4}-[0-9]{2}/"
    r"(?:c-(?P<commit>[0-9a-f]{32})|m-(?P<epoch>[0-9]{8})-[0-9a-f]{32})\.parquet"
)
_COMMIT = re.compile(r"c-[0-9a-f]{32}\.parquet")


class DataFile(NamedTuple):
    """What the name of a data file says: of a commit's its id, of maintenance's the epoch."""

    table: str
    commit: str | None
    epoch: int | None


def data_file(name: str) -> DataFile | None:
    """What a path relative to the lake names; None if it is no data file's."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    table, commit, epoch = found.groups()
    return DataFile(table, commit, None if epoch is None else int(epoch))


def is_of_commit(name: str) -> bool:
    """Whether a file of a month's folder is a commit's."""
    return _COMMIT.fullmatch(name) is not None


def named(name: object) -> str:
    """A name that a log holds, or an error: it is data, and may have been written by anybody."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return name
    raise Damaged(f"names {name!a:.120}, which is no data file of a lake")


def commits_file(name: object, tables: tuple[str, ...]) -> str:
    """The same, of a commit, in one of the tables."""
    file = data_file(named(name))
    if file is None or file.commit is None or file.table not in tables:
        raise Damaged(f"names {name!a:.120} where a commit's file of {' or '.join(tables)} belongs")
    return str(name)
