"""The journal of Optuna: a line an operation, played again from the first to the last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bt_lake.ingest.stores.report import Unread
from bt_lake.ingest.stores.trial import METRIC_NAMES, Trial, instant, suggested

_STATES = ("running", "complete", "pruned", "failed", "waiting")  # as the journal counts them
_ENDED = ("complete", "pruned", "failed")


class Journal:
    """Trials and studies are numbered by the order of the lines that made them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._studies: list[str | None] = []  # None once it is deleted
        self._trials: list[tuple[int, Trial]] = []
        self._counts: dict[int, int] = {}
        self.objectives: dict[str, list[str]] = {}
        self.unread: list[Unread] = []

    def trials(self) -> list[Trial]:
        """Those of all studies that are there; after a line that cannot be read no more is told."""
        with self._path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
        for number, line in enumerate(lines, 1):
            try:
                self._play(json.loads(line))
            except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
                self._stop(number, len(lines), f"{type(error).__name__} {error}")
                break
        return [trial for study, trial in self._trials if self._studies[study] is not None]

    def _stop(self, number: int, count: int, error: str) -> None:
        """The last line may be half-written; any other may have made a trial, so numbers end."""
        left = count - number
        behind = f"; the {left:,} lines behind it cannot be told without it" if left else ""
        self.unread.append(Unread("journal", f"line {number}", "entry", error + behind))

    def _play(self, entry: Mapping[str, Any]) -> None:
        match entry["op_code"]:
            case 0:
                if entry["study_name"] not in self._studies:
                    self._studies.append(entry["study_name"])
            case 1:
                if self._study(entry):
                    self._studies[entry["study_id"]] = None
            case 3:
                if METRIC_NAMES in entry["system_attr"] and (name := self._study(entry)):
                    self.objectives[name] = entry["system_attr"][METRIC_NAMES]
            case 4:
                self._make(entry)
            case 5 | 6 | 8:
                trial = self._going_on(entry)
                if trial:
                    _change(trial, entry)

    def _study(self, entry: Mapping[str, Any]) -> str | None:
        number = entry["study_id"]
        return self._studies[number] if 0 <= number < len(self._studies) else None

    def _make(self, entry: Mapping[str, Any]) -> None:
        name = self._study(entry)
        if name is None:
            return  # another worker deleted its study
        study = entry["study_id"]
        number = self._counts.get(study, 0)
        self._counts[study] = number + 1
        trial = Trial(name, number, attributes=dict(entry.get("user_attrs") or {}))
        shapes = entry.get("distributions") or {}
        for param, value in (entry.get("params") or {}).items():
            trial.params[param] = suggested(value, shapes[param])
        if entry.get("value") is not None:
            trial.values[0] = entry["value"]
        _end(trial, entry)
        self._trials.append((study, trial))

    def _going_on(self, entry: Mapping[str, Any]) -> Trial | None:
        """The trial of an operation; what has ended does not change any more."""
        number = entry["trial_id"]
        if not 0 <= number < len(self._trials):
            return None
        trial = self._trials[number][1]
        return None if trial.state in _ENDED else trial


def _change(trial: Trial, entry: Mapping[str, Any]) -> None:
    match entry["op_code"]:
        case 5:
            value = suggested(entry["param_value_internal"], entry["distribution"])
            trial.params[entry["param_name"]] = value
        case 6:
            _end(trial, entry)
        case 8:
            trial.attributes |= entry["user_attr"]


def _end(trial: Trial, entry: Mapping[str, Any]) -> None:
    if "state" in entry:
        trial.state = _STATES[entry["state"]]
    trial.values |= dict(enumerate(entry.get("values") or []))
    trial.started = instant(entry.get("datetime_start")) or trial.started
    trial.ended = instant(entry.get("datetime_complete")) or trial.ended
