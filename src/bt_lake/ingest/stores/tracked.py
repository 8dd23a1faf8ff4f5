"""A run as MLflow tracks it, in the columns that an import reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bt_lake.ingest.stores.source import NOTHING
from bt_lake.ingest.stores.steps import Step, curve_of
from bt_lake.warehouse.values import found

# Tags that MLflow itself sets, and what they say.
_TAGS = {"mlflow.note.content": "notes", "mlflow.parentRunId": "sweep"}
_SYSTEM = "mlflow."
_STRATEGY = ("strategy", "strategy_name")
# Of the columns of `runs`, those that are read here; the rest tells how the run came about.
_READ = {
    *("run_uuid", "run_id", "start_time", "end_time", "deleted_time", "lifecycle_stage"),
    *("name", "run_name"),
}


@dataclass(slots=True)
class Tracked:
    info: dict[str, Any]  # a row of `runs`, or a file meta.yaml; times in milliseconds
    metrics: dict[str, float | None] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)  # of metrics of equity

    def step(self, metric: str, step: Step) -> None:
        self.steps.setdefault(metric.lower(), []).append(step)

    def flat(self) -> dict[str, Any]:
        """One value a column; parameters, metrics and tags under names such as `params.fast`."""
        info, start, end = self.info, self.info.get("start_time"), self.info.get("end_time")
        return {
            "run_id": info.get("run_uuid") or info.get("run_id"),
            "created_at": start,
            "duration_s": (end - start) / 1000 if start and end else None,
            "deleted_at": self._deleted_at(),
            "strategy": self._strategy(),
            **{name: value for name, value in info.items() if name not in _READ},
            "equity": curve_of(self.steps, start),
            "tags.name": self._name(),
            **{f"metrics.{key}": value for key, value in self.metrics.items()},
            **{f"params.{k}": scalar(v) for k, v in self.params.items() if k not in _STRATEGY},
            **{_tag(k): v for k, v in self.tags.items() if k not in _STRATEGY},
        }

    def _deleted_at(self) -> int | None:
        if self.info.get("lifecycle_stage") != "deleted":
            return None
        times = (self.info.get(name) for name in ("deleted_time", "end_time", "start_time"))
        return next(filter(None, times), None)

    def _name(self) -> str | None:
        names = (self.info.get("name"), self.info.get("run_name"), self.tags.get("mlflow.runName"))
        return next(filter(None, names), None)

    def _strategy(self) -> str | None:
        named = (group.get(name) for group in (self.tags, self.params) for name in _STRATEGY)
        return next(filter(None, named), None) or self.info.get("experiment")


def scalar(text: str) -> Any:
    """A parameter, which MLflow keeps as text, as what it was: `10`, `0.5`, `True`, `None`."""
    return NOTHING if text == "None" else found(text)


def _tag(key: str) -> str:
    return _TAGS.get(key) or (key if key.startswith(_SYSTEM) else f"tags.{key}")
