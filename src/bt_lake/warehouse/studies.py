"""Studies: what a hypothesis may have, fixed beforehand, and what was done in it.

A study is its acts, events of the kind `study` about `study:NAME`: opened, looked at its holdout,
decided. Its trials are runs with its name in the column `study`, and how many may go in is kept in
`budgets.py`. So a lake of an older writer has none, and one that knows no studies carries both
along.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.commit import append_events
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.locks import Lock, alone
from bt_lake.warehouse.schema import TABLES, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.store import Store

_ABOUT = "study:"
OVERRUNS = ("refuse", "record")
_COLUMNS = (
    "study", "hypothesis", "opened_at", "budget", "overrun", "holdout_from", "holdout_to", "metric",
    "alpha", "looks", "trials", "looked", "decided_at", "better", "verdict",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """A study as it was opened, and how far it is."""

    study: str
    hypothesis: str
    opened_at: datetime
    budget: int
    overrun: str  # past the budget: "refuse", or "record" that there were more
    holdout_from: datetime | None
    holdout_to: datetime | None
    metric: str
    alpha: float
    looks: int  # candidates that may be shown the holdout
    trials: int
    looked: int
    decided_at: datetime | None
    better: bool | None
    verdict: str | None

    @property
    def left(self) -> int:
        return max(self.budget - self.trials, 0)

    @property
    def beyond(self) -> int:
        return max(self.trials - self.budget, 0)

    @property
    def opening(self) -> dict[str, Any]:
        """What was fixed beforehand."""
        names = ("hypothesis", "budget", "overrun", "holdout_from", "holdout_to", "metric",
                 "alpha", "looks")  # fmt: skip
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class Act:
    at: datetime
    act: str
    told: Mapping[str, Any]


def standings(store: Store, names: Sequence[str] | None = None) -> dict[str, Standing]:
    """The studies of these names that there are, or all."""
    if not store.layout.exists:
        return {}

    def question(connection: DuckDBPyConnection) -> dict[str, Standing]:
        given = None if names is None else list(names)
        rows = connection.execute(_STANDINGS, [given]).fetchall()
        return {row[0]: Standing(*map(_in_utc, row)) for row in rows}

    return store.ask(question)


_TIMES = ("opened_at", "holdout_from", "holdout_to", "decided_at")


def _naive(column: str) -> str:
    """DuckDB 2.0.0 needs pytz to give a time with its zone."""
    return f'make_timestamp(epoch_us("{column}"))'


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


_STANDINGS = (
    f"select {', '.join(_naive(c) if c in _TIMES else c for c in _COLUMNS)} from studies "
    "where $1::varchar[] is null or study in (select unnest($1::varchar[])) "
    "order by opened_at, study"
)


def standing(store: Store, name: str) -> Standing:
    return known(store, [name])[name]


def known(store: Store, names: Sequence[str]) -> dict[str, Standing]:
    """The studies of these names, which must be there."""
    found = standings(store, names)
    for name in names:
        if name not in found:
            hint = f' Open it: bt-lake study {name} --hypothesis "..." --budget 200'
            raise UnknownName.near("study", name, standings(store), hint)
    return found


def holdout_of(store: Store, name: str) -> datetime | None:
    """When a study's holdout begins, which never changes."""
    known = store.holdouts
    if name not in known:
        known[name] = standing(store, name).holdout_from
    return known[name]


def acts(store: Store, name: str) -> list[Act]:
    """All that was done in a study, in its order."""

    def question(connection: DuckDBPyConnection) -> list[Act]:
        rows = connection.execute(
            f"select {_naive('at')}, act, value from lake_study_acts() "
            'where study = $1 order by "at", event_id',
            [name],
        ).fetchall()
        return [Act(_in_utc(at), act, _told(value)) for at, act, value in rows]

    return store.ask(question) if store.layout.exists else []


def _told(value: str) -> dict[str, Any]:
    return {name: told for name, told in json.loads(value).items() if name != "act"}


def tell(store: Store, name: str, act: str, told: Mapping[str, Any]) -> None:
    """Put an act on record."""
    text = json.dumps({"act": act, **told}, default=_plain, ensure_ascii=False, allow_nan=False)
    store.append_events("study", [_ABOUT + name], text)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def open_study(store: Store, name: str, opening: Mapping[str, Any]) -> Standing:
    """Open a study; one that is open as it is asked for is left as it is."""

    def act(_: Lock) -> None:
        there = standings(store, [name]).get(name)
        if there is None:
            tell(store, name, "open", opening)
            return
        differs = [n for n, value in there.opening.items() if value != opening[n]]
        if differs:
            own = getattr(there, differs[0])
            raise BadInput(
                f"study '{name}' was opened on {there.opened_at:%Y-%m-%d} with "
                f"{differs[0]} {own if own is not None else 'none'}: what was fixed beforehand "
                "does not change. Open another study."
            )

    store.create()
    alone(store.layout, "study", act)
    return standing(store, name)


def record_of(connection: DuckDBPyConnection, names: Sequence[str]) -> pa.Table:
    """All acts of these studies, as they stand among the events."""
    columns = ", ".join(f'"{name}"' for name in TABLES["events"].names)
    return connection.sql(
        f"select {columns} from events where kind = 'study' "
        'and run_id in (select unnest($1::varchar[])) order by "at", event_id',
        params=[[_ABOUT + name for name in names]],
    ).to_arrow_table()


def take_record(store: Store, acts: pa.Table) -> None:
    """Put acts from the record of another lake on that of this one; those it has stay."""
    import pyarrow as pa

    def question(connection: DuckDBPyConnection) -> set[str]:
        known = "select event_id from events where event_id in (select unnest($1::varchar[]))"
        rows = connection.execute(known, [acts["event_id"].to_pylist()]).fetchall()
        return {event_id for (event_id,) in rows}

    store.create()
    there = store.ask(question)
    new = [act for act in acts.to_pylist() if act["event_id"] not in there]
    if new:
        append_events(store.layout, pa.Table.from_pylist(new, schema=arrow_schema("events")))


def names_in(runs: pa.Table) -> list[str]:
    """The studies that these rows of `runs` belong to."""
    if "study" not in runs.column_names:
        return []
    return sorted(name for name in runs["study"].unique().to_pylist() if name is not None)
