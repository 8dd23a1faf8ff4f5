"""Which trials of a sweep the lake holds already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from bt_lake.running.calling import Job, Trial
from bt_lake.warehouse.params import params_hash
from bt_lake.warehouse.schema import TOLD
from bt_lake.warehouse.store import Store

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection


class Held(NamedTuple):
    """A trial in the lake: how it ended, in which sweep it was run, and its runs."""

    status: str
    sweep: str | None
    run_ids: list[str]


def held(store: Store, job: Job, trials: Sequence[Trial]) -> dict[int, Held]:
    """By their places the trials that the lake holds, deleted runs not.

    A run is the same if entrypoint, code, arguments, window and data are, and every label that was
    asked for. Where the function does not name its data, data is not compared.
    """
    if not store.layout.exists or not trials:
        return {}
    wanted = _table(trials)
    asked = (*TOLD, "fold", "sample", "data_hash")
    same = " and ".join(f"(w.{name} is null or w.{name} = r.{name})" for name in asked)
    sql = f"""
        with made as (
          select
            * replace (coalesce(config ->> '/run/arguments_hash', params_hash) as params_hash),
            config ->> '/run/start' as start,
            config ->> '/run/end' as "end"
          from runs
          where entrypoint = $entrypoint and code_hash is not distinct from $code_hash
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
          and w.start is not distinct from r.start and w."end" is not distinct from r."end"
          and {same}
        group by w.place
    """
    values = {
        "entrypoint": job.entrypoint,
        "code_hash": job.code_hash,
        "sweep": job.columns.get("sweep"),
    }

    def question(connection: DuckDBPyConnection) -> dict[int, Held]:
        connection.register("wanted", wanted)
        try:
            rows = connection.execute(sql, values).fetchall()
        finally:
            connection.unregister("wanted")
        return {place: Held(*found) for place, *found in rows}

    return store.ask(question)


def _table(trials: Sequence[Trial]) -> pa.Table:
    import pyarrow as pa

    rows = [
        {
            "params_hash": params_hash(trial.params),
            "data_hash": trial.data_hash,
            **{name: trial.labels.get(name) for name in TOLD},
            **asdict(trial.window),
        }
        for trial in trials
    ]
    columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]}
    return pa.table({"place": pa.array(range(len(rows)), pa.int64()), **columns})
