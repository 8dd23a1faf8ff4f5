"""A trial of Optuna, whichever store it comes from."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bt_lake.ingest.stores.source import NOTHING

METRIC_NAMES = "study:metric_names"  # the attribute of a study that names its objectives
_WORDS = {"fail": "failed", "waiting": "pending"}
_PRUNED = "pruned by Optuna"


@dataclass(slots=True)
class Trial:
    study: str
    number: int
    state: str = "running"
    started: str | None = None
    ended: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    values: dict[int, float | None] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    def flat(self, names: list[str]) -> dict[str, Any]:
        """One value a column; `names` are those of the study's objectives, if they have some."""
        state = self.state.lower()
        numbers = {k: v for k, v in self.attributes.items() if _is_number(v)}
        others = {k: v for k, v in self.attributes.items() if k not in numbers}
        return {
            "study": self.study,
            "number": self.number,
            "strategy": self.study,
            "sweep": self.study,
            "status": "failed" if state == "pruned" else _WORDS.get(state, state),
            "error": _PRUNED if state == "pruned" else None,
            "created_at": self.started,
            "duration_s": _seconds(self.started, self.ended),
            **{f"params.{n}": NOTHING if v is None else v for n, v in self.params.items()},
            **{f"metrics.{_objective(i, names, self.values)}": v for i, v in self.values.items()},
            **{f"metrics.{name}": value for name, value in numbers.items()},
            **{f"user_attributes.{name}": value for name, value in others.items()},
        }


def suggested(value: float, distribution: str) -> Any:
    """A parameter as the trial saw it: a choice by its place, an integer as one."""
    shape = json.loads(distribution)
    kind = shape["name"]
    if kind == "CategoricalDistribution":
        return shape["attributes"]["choices"][int(value)]
    return int(value) if kind.startswith("Int") else value


def _objective(place: int, names: list[str], values: dict[int, Any]) -> str:
    if place < len(names):
        return names[place]
    return "objective" if len(values) == 1 else f"objective_{place}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def instant(value: Any) -> str | None:
    """A time in one form, whichever store it comes from; what has no zone is UTC."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="microseconds")


def _seconds(start: str | None, end: str | None) -> float | None:
    if start is None or end is None:
        return None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
