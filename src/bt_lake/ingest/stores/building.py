"""Rows of a store -> runs, as the plan says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bt_lake.ingest.run import KEYS, Run
from bt_lake.ingest.stores.mapping import IMPORTED, REST
from bt_lake.ingest.stores.planning import Plan
from bt_lake.ingest.stores.source import Rows
from bt_lake.ingest.stores.survey import expanded, parsed
from bt_lake.ingest.stores.units import Unit
from bt_lake.ingest.times import missing, shown
from bt_lake.warehouse.schema import RUNS

_KINDS = {c.name: c.kind for c in RUNS.columns}
_LOSSES = {"max_drawdown", "avg_loss"}  # stores write them with either sign
_OK = {"ok", "success", "successful", "succeeded", "completed", "complete", "finished", "done"}
_FAILED = {"failed", "failure", "error", "killed", "crashed", "aborted", "cancelled", "canceled"}
UNFINISHED = {"running", "scheduled", "pending", "queued", "started", "in_progress"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_TAG = 100
_CAPITAL = "initial_capital"


@dataclass(slots=True)
class Draft:
    """A run in the making."""

    columns: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)  # params, config, extra
    imported: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    in_money: float | None = None  # a total return that is still to be divided by the capital
    fault: tuple[str, str] | None = None  # the first column that cannot be read, and why

    def member(self, root: str, key: str, value: Any) -> None:
        self.objects.setdefault(root, {})[key] = value


Writer = Callable[[Draft, Any], None]


def drafts(rows: Rows, objects: set[str], places: Sequence[int], plan: Plan) -> list[Draft]:
    """The rows at these places, every value where it belongs."""
    made = [Draft() for _ in places]
    for name, values in expanded(rows, objects).columns.items():
        write = writer(name, plan)
        for draft, place in zip(made, places, strict=True):
            value = values[place]
            if value is None or value == "":
                continue
            try:
                write(draft, value)
            except ValueError as error:
                draft.fault = draft.fault or (name, str(error))
    return made


def run_of(draft: Draft, plan: Plan) -> Run:
    """The run of a finished draft."""
    config = draft.objects.get("config", {})
    params = draft.objects.get("params") or _snapshot_params(config)
    columns = draft.columns
    if draft.in_money is not None:
        capital = draft.metrics.get(_CAPITAL)
        draft.metrics["total_return"] = draft.in_money / capital if capital else None
    columns.setdefault("strategy", _strategy_in(config) or plan.strategy)
    run = Run(
        metrics=draft.metrics,
        params=params,
        config={**config, "imported": {**plan.provenance, **draft.imported}},
        tags=draft.tags or None,
        duplicates="last",  # as older stores kept them
        extra=draft.objects.get("extra"),
        **columns,
    )
    return run.with_columns(plan.columns) if plan.columns else run


def writer(name: str, plan: Plan) -> Writer:
    """What puts a value of this column where the plan wants it."""
    target = plan.target(name)
    root, key = target.root, target.key
    if root == REST:
        return _write_rest(key)
    if root == IMPORTED:
        return lambda draft, value: draft.imported.__setitem__(key, _kept(value))
    if root == "extra":
        return lambda draft, value: draft.member(root, _extra_name(key), number(value))
    if root in ("params", "config") and key:
        return lambda draft, value: draft.member(root, key, _kept(value))
    if root in ("params", "config", "metrics"):
        return _write_object(root)
    if root == "tags":
        return _write_tag(key)
    if root == "status":
        return lambda draft, value: draft.columns.__setitem__(root, status(value))
    if name in plan.decisions:
        return _write_fraction(root, plan.decisions[name].unit)
    if _KINDS.get(root) in ("double", "int64"):
        return _write_number(root)
    if name in plan.times:
        return _write_time(root, plan.times[name])
    return lambda draft, value: draft.columns.__setitem__(root, value)


def number(value: Any) -> float | int | None:
    """A number, also one that is written as text; None where it is not finite."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is not float:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError(f"{shown(value)} is not a number")
        try:
            value = float(value)
        except (ValueError, OverflowError):
            raise ValueError(f"{shown(value)} is not a number") from None
    return value if abs(value) < _INFINITE else None


# MLflow writes an infinite metric as the largest number there is.
_INFINITE = 1.79e308


def status(value: Any) -> str:
    word = str(value).strip().lower()
    if word in _OK | _FAILED:
        return "ok" if word in _OK else "failed"
    raise ValueError(
        f"{shown(value)} is no status; bt-lake knows {', '.join(sorted(_OK | _FAILED))}"
    )


def _write_rest(key: str) -> Writer:
    """Numbers are metrics of the user's own, anything else tells how the run came about."""

    def write(draft: Draft, value: Any) -> None:
        if type(value) is float or type(value) is int:
            found = number(value)
            if found is not None:
                draft.member("extra", _extra_name(key), found)
        elif not missing(value):
            draft.imported[key] = _kept(value)

    return write


def _kept(value: Any) -> Any:
    """A value that nobody reads, in a form that JSON has."""
    if isinstance(value, bytes):
        return value.hex()
    # Only objects and lists: "1.10" may be a version.
    return parsed(value) if isinstance(value, str) and value[:1] in "{[" else value


def _extra_name(key: str) -> str:
    """A metric of the user's own must not look like one of the lake's."""
    return f"imported_{key}" if key in KEYS else key


def _write_object(root: str) -> Writer:
    def write(draft: Draft, value: Any) -> None:
        found = parsed(value)
        if isinstance(found, dict):
            draft.objects.setdefault(root, {}).update(found)
        elif found is not None:
            raise ValueError(f"{shown(value)} is not a JSON object")

    return write


def _write_tag(key: str) -> Writer:
    def write(draft: Draft, value: Any) -> None:
        if not key:
            found = parsed(value)
            listed = found if isinstance(found, list) else str(value).split(",")
            draft.tags += [str(tag).strip() for tag in listed]
        elif len(str(value)) > _LONGEST_TAG:
            draft.imported[key] = value
        else:
            draft.tags.append(key if str(value).lower() == "true" else f"{key}={value}")

    return write


def _write_number(root: str) -> Writer:
    def write(draft: Draft, value: Any) -> None:
        found = number(value)
        draft.metrics[root] = -abs(found) if found is not None and root in _LOSSES else found

    return write


def _write_fraction(root: str, unit: Unit) -> Writer:
    def write(draft: Draft, value: Any) -> None:
        found = number(value)
        if found is None:
            return
        if unit is Unit.MONEY:
            draft.in_money = found
            return
        fraction = found / 100 if unit is Unit.PERCENT else found
        draft.metrics[root] = -abs(fraction) if root in _LOSSES else fraction

    return write


def _write_time(root: str, scale: float) -> Writer:
    def write(draft: Draft, value: Any) -> None:
        if type(value) is int or type(value) is float:
            try:
                value = _EPOCH + timedelta(microseconds=round(value * scale))
            except (OverflowError, ValueError):
                raise ValueError(f"{shown(value)} is not a time") from None
        draft.columns[root] = value

    return write


def _snapshot_params(config: Mapping[str, Any]) -> Any:
    """The parameters within a snapshot of a strategy's configuration."""
    inner = config.get("config")
    return inner if "strategy_path" in config and isinstance(inner, dict) else None


def _strategy_in(config: Mapping[str, Any]) -> str | None:
    named = config.get("strategy_name") or config.get("strategy")
    return named if isinstance(named, str) else None
