"""Run ids from what a user typed: any part that begins or ends the id of one run only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bt_lake.queries.filters import ALL, Filters
from bt_lake.queries.reading import Reader
from bt_lake.queries.text import sql
from bt_lake.warehouse.errors import Ambiguous, BadInput, NotFound

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TAIL = 8  # the first characters of a UUIDv7 are only the time
_SHOWN = 3


def resolve(reader: Reader, text: str, *, deleted: bool = False) -> str:
    """The id of the one run that the text begins or ends; deleted runs count where asked for."""
    return reader.ask(lambda connection: find(connection, text, deleted=deleted))


def resolve_all(reader: Reader, texts: Iterable[str], *, deleted: bool = False) -> list[str]:
    """The ids of several runs, each once, in the order given."""
    wanted = list(texts)
    found = reader.ask(lambda connection: find_all(connection, wanted, deleted=deleted))
    return list(dict.fromkeys(found))


def find_all(
    connection: DuckDBPyConnection, texts: Sequence[str], *, deleted: bool = False
) -> list[str]:
    """The id for each text: all whole ids are asked for at once, and then all parts of ids."""
    parts = [_part(text) for text in texts]
    found = _matched(connection, parts, "run_id = part", deleted)
    left = [part for part in parts if part and part not in found]
    if left:
        either = "starts_with(run_id, part) or ends_with(run_id, part)"
        found |= _matched(connection, left, either, deleted)
    return [
        found[part] if part in found else find(connection, text, deleted=deleted)
        for part, text in zip(parts, texts, strict=True)
    ]


def _matched(
    connection: DuckDBPyConnection, parts: Sequence[str], condition: str, deleted: bool
) -> dict[str, str]:
    """The run of each part that fits one only."""
    view = "trials" if deleted else "runs"
    rows = connection.execute(
        "select part, min(run_id) from (select unnest($parts::varchar[]) as part) "
        f"join (select run_id from {view}) on {condition} group by part "
        "having min(run_id) = max(run_id)",
        {"parts": list(dict.fromkeys(parts))},
    ).fetchall()
    return dict(rows)


def _part(text: object) -> str:
    return text.strip().lstrip("….") if isinstance(text, str) else ""


def check_deleted(reader: Reader, run_ids: Iterable[str]) -> None:
    """Refuse runs that are not deleted: a run by name may be any."""
    hidden = set(matching(reader, deleted=True))
    for run_id in run_ids:
        if run_id not in hidden:
            raise NotFound(f"run {run_id} is not deleted")


def find(connection: DuckDBPyConnection, text: str, *, deleted: bool = False) -> str:
    part = _part(text)
    if not part:
        raise BadInput("a run is named by its id, or any first or last part of it that is unique.")
    view = "trials" if deleted else "runs"
    whole = connection.execute(f"select run_id from {view} where run_id = $id", {"id": part})
    if whole.fetchall():
        return part
    rows = connection.execute(
        f"select run_id from {view} where starts_with(run_id, $part) or ends_with(run_id, $part) "
        "limit 2",
        {"part": part},
    ).fetchall()
    if len(rows) == 1:
        return str(rows[0][0])
    if rows:
        raise Ambiguous(f"'{part}' fits {_some(connection, view, part)}")
    if not deleted and _is_deleted(connection, part):
        raise NotFound(f"the run '{part}' is deleted; `bt-lake restore {part}` brings it back.")
    near = _misspelt(connection, view, part)
    hint = f". Did you mean {', '.join(near)}?" if near else "."
    raise NotFound(f"no run '{part}'{hint} `bt-lake list` shows the newest ones.")


def _misspelt(connection: DuckDBPyConnection, view: str, part: str) -> list[str]:
    """Ends of the ids that differ from a text by a slip of the fingers, the newest first."""
    if len(part) < TAIL // 2:
        return []
    rows = connection.execute(
        f"select right(run_id, {TAIL}) as tail from {view} "
        "where damerau_levenshtein(right(run_id, length($part)), $part) = 1 "
        f"order by run_id desc limit {_SHOWN}",
        {"part": part},
    ).fetchall()
    return [f"…{row[0]}" for row in rows]


def _is_deleted(connection: DuckDBPyConnection, part: str) -> bool:
    try:
        return bool(find(connection, part, deleted=True))
    except Ambiguous:
        return True
    except NotFound:
        return False


def _some(connection: DuckDBPyConnection, view: str, part: str) -> str:
    """How many runs an ambiguous text fits, and the newest of them."""
    text = sql("resolve", view=view, shown=str(_SHOWN))
    rows = connection.execute(text, {"part": part}).fetchall()
    shown = [
        " ".join(f"…{run_id[-TAIL:]} {strategy} {symbol or ''} {day}".split())
        for run_id, strategy, symbol, day, _ in rows
    ]
    count = rows[0][4]
    return "\n".join([f"{count:,} runs: give more of its id", *shown, *["..."] * (count > _SHOWN)])


def matching(reader: Reader, filters: Filters = ALL, *, deleted: bool = False) -> list[str]:
    """The ids of all runs the filters match; of deleted ones instead where asked for."""

    def question(connection: DuckDBPyConnection) -> list[str]:
        condition = filters.condition(connection)
        view = "trials" if deleted else "runs"
        hidden = "deleted_at is not null and " if deleted else ""
        rows = connection.execute(
            f"select run_id from {view} where {hidden}{condition.sql} order by run_id",
            dict(condition.values) or None,
        ).fetchall()
        return [row[0] for row in rows]

    return reader.ask(question, user_sql=filters.user_sql)


_SHORT = 12
_AMBIGUOUS = f"""
  select part from (
    select right(run_id, {_SHORT}) as part, run_id from trials
    union all select left(run_id, {_SHORT}), run_id from trials
  )
  where part in (select unnest($parts)) group by part having count(distinct run_id) > 1
"""


def shortened(connection: DuckDBPyConnection, run_ids: Sequence[str]) -> dict[str, str]:
    """Each id by as much of its end as names no other run of the lake, deleted ones included."""
    long = [run_id for run_id in run_ids if len(run_id) > _SHORT]
    if not long:
        return {run_id: run_id for run_id in run_ids}
    parts = list({run_id[-_SHORT:] for run_id in long})
    several = {row[0] for row in connection.execute(_AMBIGUOUS, {"parts": parts}).fetchall()}
    return {
        run_id: run_id if run_id[-_SHORT:] in several else run_id[-_SHORT:] for run_id in run_ids
    }
