"""Studies: how many trials a hypothesis may have, and that no more go in.

A study is its acts, events of the kind `study` about `study:NAME`: opened, looked at its holdout,
decided. Its trials are runs with its name in the column `study`. So a lake of an older writer has
none, and one that knows no studies carries both along.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.commit import append, append_events
from bt_lake.warehouse.errors import BadInput, BudgetSpent, UnknownName
from bt_lake.warehouse.locks import Both, Held, Lock, alone
from bt_lake.warehouse.schema import TABLES, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.frames import Frames
    from bt_lake.warehouse.store import Store

_ABOUT = "study:"
OVERRUNS = ("refuse", "record")
# What the price of a trial goes by, beside the labels of a configuration (see studies.sql).
_PRICED = (
    "run_id", "study", "strategy", "symbol", "timeframe", "exit_rule", "params_hash", "fold",
    "sample", "error", "sharpe_period", "sharpe_ratio", "n_returns", "total_return",
    "final_equity",
)  # fmt: skip
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
        return {
            row[0]: Standing(*row) for row in connection.execute(_STANDINGS, [given]).fetchall()
        }

    return store.ask(question)


_STANDINGS = (
    f"select {', '.join(_COLUMNS)} from lake_study_rows "
    "where $1::varchar[] is null or study in (select unnest($1::varchar[])) "
    "order by opened_at, study"
)


def standing(store: Store, name: str) -> Standing:
    return _standing([name], standings(store, [name]), store)[name]


def _standing(
    names: Sequence[str], found: dict[str, Standing], store: Store
) -> dict[str, Standing]:
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
            'select "at", act, value from lake_study_acts where study = $1 order by "at", event_id',
            [name],
        ).fetchall()
        return [Act(at, act, _told(value)) for at, act, value in rows]

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


def remember_forgotten(store: Store, run_ids: Sequence[str]) -> None:
    """What the runs have cost their studies stays spent when they are forgotten."""

    def question(connection: DuckDBPyConnection) -> list[tuple[str, int]]:
        if not connection.execute(
            "select count(study) from lake_rows where run_id in (select unnest($1))", [run_ids]
        ).fetchall()[0][0]:
            return []
        connection.execute(
            "create or replace temp table lake_leaving as select unnest($1) as run_id", [run_ids]
        )
        return connection.execute(_LEAVING).fetchall()

    for name, trials in store.ask(question):
        if trials:
            tell(store, name, "forget", {"trials": trials})


_LEAVING = """
  with every as (from lake_study_parts('lake_rows')),
  parts as (
    select
      study, config, part, count(distinct figures) as results,
      count(distinct figures) filter (run_id not in (select run_id from lake_leaving)) as staying
    from every group by all
  )
  select study, sum(cost)::bigint
  from (
    select study, config, max(results) - max(staying) as cost from parts group by all
  ) group by study
"""


def names_in(runs: pa.Table) -> list[str]:
    """The studies that these rows of `runs` belong to."""
    if "study" not in runs.column_names:
        return []
    return sorted(name for name in runs["study"].unique().to_pylist() if name is not None)


def within_budget(store: Store, frames: Frames, lock: Held | None, *, whole: bool = False) -> str:
    """Append the runs that their studies have trials left for; the others are refused.

    The look and the commit happen under a lock, so that of any number of processes exactly as many
    trials go in as there are.
    """

    def look_and_commit(own: Lock) -> str:
        refused = _refused(store, frames.runs)
        run_ids = frames.runs["run_id"].to_pylist()
        kept = [] if refused and whole else [i for i in run_ids if i not in refused]
        commit = ""
        if kept:
            some = frames if len(kept) == len(run_ids) else frames.only(set(kept))
            commit = append(store.layout, some, Both(own, lock))
        if refused:
            raise _spent(next(iter(refused.values())), len(run_ids) - len(kept), kept)
        return commit

    return alone(store.layout, "study", look_and_commit)


def left_for(store: Store, name: str, wanted: int) -> None:
    """Refuse, before anything is run, more trials than a study has left."""
    found = standing(store, name)
    if found.decided_at is not None:
        raise BudgetSpent(_closed(found))
    if found.overrun == "refuse" and wanted > found.left:
        raise BudgetSpent(
            f"study '{name}' has {found.left:,} of {found.budget:,} trials left, and this is "
            f"{wanted:,}: narrow the grid, or --random {found.left}"
            if found.left
            else _all_spent(found)
        )


def _spent(study: Standing, count: int, saved: list[str]) -> BudgetSpent:
    runs = f"{count:,} run{' is' if count == 1 else 's are'}"
    why = _all_spent(study) if study.decided_at is None else _closed(study)
    error = BudgetSpent(f"{why}; {runs} not saved" + (f", {len(saved):,} are" if saved else ""))
    error.saved = saved
    return error


def _all_spent(study: Standing) -> str:
    return (
        f"study '{study.study}' has spent its budget of {study.budget:,} trials. `bt-lake study "
        f"{study.study} --decide` closes it; another question needs another study"
    )


def _closed(study: Standing) -> str:
    return (
        f"study '{study.study}' was decided on {study.decided_at:%Y-%m-%d} and takes no more "
        "trials: open another study"
    )


def _refused(store: Store, runs: pa.Table) -> dict[str, Standing]:
    """The runs for which there is no trial left, each with its study."""
    names = names_in(runs)
    studies = _standing(names, standings(store, names), store)
    refused: dict[str, Standing] = {}
    spent = {name: study.trials for name, study in studies.items()}
    parts: dict[Any, dict[Any, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for new, name, run_id, config, part, figures in _priced(store, runs):
        seen = parts[name, config]
        before = max(map(len, seen.values()), default=0)
        told = figures in seen[part]
        costs = not told and len(seen[part]) + 1 > before
        study = studies[name]
        full = study.overrun == "refuse" and spent[name] >= study.budget
        if new and costs and (full or study.decided_at is not None):
            refused[run_id] = study
            continue
        seen[part].add(figures)
        spent[name] += new and costs
    return refused


def _priced(store: Store, runs: pa.Table) -> list[tuple[Any, ...]]:
    """What these runs would cost, after those of the same configurations that are in the lake."""
    names = [name for name in _PRICED if name in runs.column_names]
    quoted = ", ".join(f'"{name}"' for name in names)
    of_lake = ", ".join(f'"{name}"' for name in _PRICED)
    incoming = runs.select(names)
    new = f"select * from (select {of_lake} from lake_rows limit 0) union all by name "
    old = f"select {of_lake} from lake_rows where study in (select study from lake_study_new)"

    def question(connection: DuckDBPyConnection) -> list[tuple[Any, ...]]:
        connection.register("lake_incoming", incoming)
        try:
            connection.execute(
                "create or replace temp table lake_study_new as "
                f"{new} select {quoted} from lake_incoming"
            )
            connection.execute(f"create or replace temp view lake_study_old as {old}")
            return connection.execute(_PRICES).fetchall()
        finally:
            connection.unregister("lake_incoming")

    return store.ask(question)


_PRICES = """
  with new as (select *, row_number() over () as place from lake_study_parts('lake_study_new')),
  every as (
    select true as is_new, * from new
    union all
    select false, *, 0 from lake_study_parts('lake_study_old')
    where (study, config) in (select (study, config) from new)
  )
  select is_new, study, run_id, config, part, figures from every order by is_new, place
"""
