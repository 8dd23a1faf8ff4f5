"""What saves each trial of an Optuna study as it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bt_lake.ingest.run import Run
from bt_lake.ingest.saving import save
from bt_lake.ingest.stores.optuna import run_id_of
from bt_lake.ingest.stores.trial import Trial, instant
from bt_lake.warehouse.store import Store

_ENDED = {"COMPLETE", "PRUNED", "FAIL"}


def callback(store: Store, columns: Mapping[str, Any]) -> Callable[[Any, Any], None]:
    """For `study.optimize(objective, callbacks=[...])`; numbers are in the lake's units."""

    def saved(study: Any, frozen: Any) -> None:
        if frozen.state.name not in _ENDED:
            return
        names = list(getattr(study, "metric_names", None) or [])
        trial = Trial(
            study.study_name,
            frozen.number,
            frozen.state.name,
            instant(frozen.datetime_start),
            instant(frozen.datetime_complete),
            dict(frozen.params),
            dict(enumerate(frozen.values or [])),
            dict(frozen.user_attrs),
        )
        flat = trial.flat(names)
        metrics = _space(flat, "metrics.")
        run = Run(
            flat["strategy"],
            params=trial.params,
            metrics=metrics,
            config={"user_attributes": others}
            if (others := _space(flat, "user_attributes."))
            else None,
            error=flat["error"],
            sweep=flat["sweep"],
            status="failed" if flat["status"] == "failed" else "ok",
            created_at=flat["created_at"],
            duration_s=flat["duration_s"],
        )
        save(store, run, run_id=run_id_of(trial, names), **columns)

    return saved


def _space(flat: Mapping[str, Any], space: str) -> dict[str, Any]:
    return {k.removeprefix(space): v for k, v in flat.items() if k.startswith(space)}
