"""What describes a run beside its numbers: labels, times, parameters, status, tags."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from bt_lake.ingest import texts, times
from bt_lake.ingest.faults import Faults
from bt_lake.ingest.run import Run
from bt_lake.ingest.secrets import without_secrets
from bt_lake.ingest.times import Micros, missing, shown
from bt_lake.metrics import NONE
from bt_lake.warehouse.errors import LakeError
from bt_lake.warehouse.params import params_hash, to_json
from bt_lake.warehouse.schema import RUNS, SAMPLES, STATUSES

T = TypeVar("T")

# The lake fills these in itself; rows that were exported from a lake carry them.
_DERIVED = {"commit_id", "ingested_at", "params_hash", "metrics_from", "sealed"}
_OF_RUN = {"strategy", "error"}
_TEXTS = {c.name for c in RUNS.columns if c.kind == "string"} - _DERIVED - _OF_RUN
_TIMES = {c.name for c in RUNS.columns if c.kind == "timestamp"} - _DERIVED
_CHOICES = {"sample": SAMPLES, "status": STATUSES}
_LONGEST_ID = 200


@dataclass(slots=True)
class Labels:
    """Columns over all runs of a batch; a column that no run has may be absent."""

    texts: dict[str, list[str | None]]
    times: dict[str, Micros]
    tags: list[list[str] | None]

    def text(self, name: str) -> list[str | None]:
        return self.texts.get(name) or [None] * len(self.tags)


def gather(runs: Sequence[Run], faults: Faults) -> Labels:
    """The labels of a batch; what is wrong goes to `faults`."""

    def each(read: Callable[[Run], T | None]) -> list[T | None]:
        found: list[T | None] = []
        for place, run in enumerate(runs):
            try:
                found.append(read(run))
            except (LakeError, ValueError) as error:
                faults.add(place, str(error))
                found.append(None)
        return found

    labels = Labels(
        texts={
            "strategy": each(_strategy),
            "params": each(lambda run: _json(run.params, "params")),
            "params_hash": each(lambda run: params_hash(run.params)),
            "config": each(lambda run: _json(run.config, "config")),
            "error": each(lambda run: _error(run.error)),
        },
        times={},
        tags=each(lambda run: _tags(run.tags)),
    )
    for name, values in _by_column(runs).items():
        if name in _TEXTS:
            labels.texts[name] = _texts(name, values, faults)
        elif name in _TIMES:
            labels.times[name] = _times(name, values, faults)
    labels.texts["status"] = _statuses(labels)
    _check(runs, labels, faults)
    return labels


def _by_column(runs: Sequence[Run]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for place, run in enumerate(runs):
        for name, value in run.columns.items():
            if name not in columns:
                columns[name] = [None] * len(runs)
            columns[name][place] = value
    return columns


def _texts(name: str, values: list[Any], faults: Faults) -> list[str | None]:
    column, problems = texts.parse(values)
    for place, reason in problems:
        faults.add(place, f"{name}: {reason}")
    found: list[str | None] = column.to_pylist()
    return found


def _times(name: str, values: list[Any], faults: Faults) -> Micros:
    micros, problems = times.parse(values)
    if problems:
        # One by one: together numbers of several runs may be of different units.
        for place, value in enumerate(values):
            try:
                micros[place] = times.one(value)
            except ValueError as error:
                faults.add(place, f"{name}: {error}")
    return micros


def _strategy(run: Run) -> str:
    name = _text("strategy", run.strategy)
    if not name or not name.strip():
        raise ValueError("strategy is missing; name it with strategy=..., or --set strategy=NAME")
    return name


def _json(value: Any, name: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is {shown(value)}, not an object of names and values")
    return to_json(value, name)


def _error(error: BaseException | str | None) -> str | None:
    if isinstance(error, BaseException):
        summary = "".join(traceback.format_exception_only(error))
        trace = "".join(traceback.format_tb(error.__traceback__))
        text = f"{summary}\nTraceback (most recent call last):\n{trace}" if trace else summary
        return without_secrets(text.strip().encode("utf-8", "replace").decode())
    said = _text("error", error)
    return None if said is None else without_secrets(said)


def _text(name: str, value: Any) -> str | None:
    try:
        return texts.one(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _tags(tags: Any) -> list[str] | None:
    if missing(tags):
        return None
    if isinstance(tags, (set, frozenset)):
        tags = sorted(tags, key=str)
    if not isinstance(tags, (str, list, tuple)) and not hasattr(tags, "tolist"):
        raise ValueError(f"tags: {shown(tags)} is no list of texts")
    if isinstance(tags, str):
        listed = [tag.strip() for tag in tags.split(",")]
    else:
        listed = texts.as_list(tags)
    named = dict.fromkeys(_text("tags", tag) for tag in listed)
    return [tag for tag in named if tag] or None


def _statuses(labels: Labels) -> list[str | None]:
    errors = labels.texts["error"]
    given = labels.text("status")
    return [
        status or ("failed" if error else "ok") for status, error in zip(given, errors, strict=True)
    ]


def _check(runs: Sequence[Run], labels: Labels, faults: Faults) -> None:
    for name, choices in _CHOICES.items():
        for place, value in enumerate(labels.texts.get(name, ())):
            if value is not None and value not in choices:
                faults.add(
                    place, f"{name}: {shown(value)} is not {' or '.join(map(repr, choices))}"
                )
    for place, run in enumerate(runs):
        if run.columns.get("run_id") is not None:
            _check_id(place, labels.texts["run_id"][place], faults)
    start, end = labels.times.get("start_at"), labels.times.get("end_at")
    if start is not None and end is not None:
        for place in np.flatnonzero((start != NONE) & (end != NONE) & (end < start)).tolist():
            faults.add(place, "end_at is before start_at")


def _check_id(place: int, run_id: str | None, faults: Faults) -> None:
    if run_id is None or not run_id.strip() or not run_id.isprintable():
        faults.add(
            place, "run_id is empty or has unprintable characters; leave it out for a new one"
        )
    elif len(run_id) > _LONGEST_ID:
        faults.add(place, f"run_id has {len(run_id)} characters; at most {_LONGEST_ID} are allowed")
