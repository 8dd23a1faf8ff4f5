"""Which trials of a sweep the lake holds already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

from bt_lake.queries.names import metric
from bt_lake.running.calling import Job, Trial
from bt_lake.running.windows import Window
from bt_lake.warehouse.params import params_hash
from bt_lake.warehouse.schema import NAMED, TOLD
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

_WINDOW = tuple(part.name for part in fields(Window))


class HeldTrial(NamedTuple):
    """A trial in the lake: how it ended, in which sweep it was run, and its runs."""

    status: str
    sweep: str | None
    run_ids: list[str]


def held(store: Store, job: Job, trials: Sequence[Trial]) -> dict[int, HeldTrial]:
    """By their places the trials that the lake holds, deleted runs not.

    A run is the same if function, code, arguments, window and data are, and each label: what was
    asked for is there, and what was not asked for was not then (`schema.SAME_RUN`). Where the
    function does not name its data, data is not compared, nor the seed where it drew nothing. A
    study has trials of its own.
    """
    if not store.layout.exists or not trials:
        return {}
    wanted = _table(job, trials)
    sql = f"""
        with made as (
          select
            * replace (coalesce(config ->> '/run/arguments_hash', params_hash) as params_hash),
            config -> '/run' as run
          from runs
          where list_contains($names, entrypoint) and code_hash is not distinct from $code_hash
            and study is not distinct from $study
            -- few rows, so that little JSON is read
            and (params_hash in (select params_hash from wanted)
                 or contains(config, '"arguments_hash"'))
        )
        select
          w.place,
          max(r.status),  -- ok, if any of several is
          first(r.sweep order by r.sweep is not distinct from $sweep desc),
          list(r.run_id)
        from wanted w join made r
          on w.params_hash = r.params_hash
          and w.start is not distinct from r.run ->> '/start'
          and w."end" is not distinct from r.run ->> '/end'
          and (w.data_hash is null or w.data_hash = r.data_hash)
          and coalesce(r.run ->> '/seed', $seed) = $seed
          and {" and ".join([*map(_told, TOLD), *map(_named, NAMED)])}
        group by w.place
    """
    values = {
        "names": list(job.names),
        "code_hash": job.code_hash,
        "sweep": job.columns.get("sweep"),
        "study": job.columns.get("study"),
        "seed": str(job.seed),
    }

    def question(connection: DuckDBPyConnection) -> dict[int, HeldTrial]:
        connection.register("wanted", wanted)
        try:
            rows = connection.execute(sql, values).fetchall()
        finally:
            connection.unregister("wanted")
        return {place: HeldTrial(*found) for place, *found in rows}

    return store.ask(question)


def best_held(
    store: Store, metric_name: str, run_ids: Sequence[str]
) -> tuple[float | None, dict[str, Any] | None]:
    """The best value of a metric among these runs, and the parameters of the first that has it."""
    wanted = metric(metric_name)
    sql = (
        f"select {wanted.sql}::double, params from runs "
        f"where run_id in (select unnest($run_ids::varchar[])) and {wanted.sql} is not null "
        f"order by 1 {'' if wanted.ascending else 'desc'}, run_id limit 1"
    )
    values = {"run_ids": list(run_ids)}
    found = store.ask(lambda connection: connection.execute(sql, values).fetchall())
    return (found[0][0], json.loads(found[0][1] or "{}")) if found else (None, None)


def _told(name: str) -> str:
    """A label that is passed on: the same was asked for; a run that was saved has what it says."""
    asked = f"case when r.run is null then r.{name} else r.run ->> '/labels/{name}' end"
    return f"w.{name} is not distinct from {asked}"


def _named(name: str) -> str:
    """A label that only names the run: what was asked for, or what it is called by itself."""
    own = f"r.run ->> '/named/{name}' is null"
    if name != "strategy":  # every run has one
        own += f" and (r.run is not null or r.{name} is null)"
    return f"case when w.{name} is null then {own} else w.{name} = r.{name} end"


def _table(job: Job, trials: Sequence[Trial]) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    from bt_lake.warehouse.arrays import array, of_numpy

    rows = [
        {
            "params_hash": params_hash(trial.params),
            "data_hash": trial.data_hash,
            "strategy": job.strategy,
            **{name: trial.labels.get(name) for name in TOLD},
            **{name: getattr(trial.window, name) for name in _WINDOW},
        }
        for trial in trials
    ]
    places = of_numpy(np.arange(len(rows)), pa.int64())
    columns = [array([row[name] for row in rows], pa.string()) for name in rows[0]]
    return pa.Table.from_arrays([places, *columns], ["place", *rows[0]])
