"""Budgets of studies: what a trial costs, and that no more go in than a study has left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bt_lake.warehouse.commit import append
from bt_lake.warehouse.errors import BudgetSpent
from bt_lake.warehouse.locks import Both, HeldLock, Lock, alone
from bt_lake.warehouse.studies import Standing, known, names_in, standing, tell

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from bt_lake.warehouse.frames import Frames
    from bt_lake.warehouse.store import Store

# What the price of a trial goes by, beside the labels of a configuration (see studies.sql).
_PRICED = (
    "run_id", "study", "strategy", "symbol", "timeframe", "exit_rule", "params_hash", "fold",
    "sample", "error", "sharpe_period", "sharpe_ratio", "n_returns", "total_return",
    "final_equity",
)  # fmt: skip


def within_budget(
    store: Store, frames: Frames, lock: HeldLock | None, *, whole: bool = False
) -> str:
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
    studies = known(store, names)
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
