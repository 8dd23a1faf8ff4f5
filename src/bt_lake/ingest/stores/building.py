"""Rows of a store -> runs, as the plan says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bt_lake.ingest.run import Run
from bt_lake.ingest.stores.draft import Draft, kept
from bt_lake.ingest.stores.mapping import IMPORTED, REST, bare, extra_name
from bt_lake.ingest.stores.planning import FROM_US, SCALES, UNTIL_US, Plan
from bt_lake.ingest.stores.rowunits import proved
from bt_lake.ingest.stores.source import NOTHING, Rows, Unloaded
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
_FIRST_YEAR = 1990  # no run was made before
_CAPITAL = "initial_capital"
_ESSENTIAL = {"run_id", "status", "strategy"}


Writer = Callable[[Draft, Any], None]


def drafts(rows: Rows, objects: set[str], places: Sequence[int], plan: Plan) -> list[Draft]:
    """The rows at these places, every value where it belongs."""
    made = [Draft() for _ in places]
    columns = expanded(rows.at(places), objects).columns
    turn = {name: number for number, name in enumerate(plan.fills, 1)}  # they fill in by rank
    for name in sorted(columns, key=lambda name: turn.get(name, 0)):
        write, meant = writer(name, plan), plan.values.get(name)
        takes_none = plan.target(name).root == "params"
        for draft, value in zip(made, columns[name], strict=True):
            if value is None or value == "" or (value is NOTHING and not takes_none):
                continue
            try:
                if isinstance(value, Unloaded):
                    value = value.load()
                    if value is None:
                        continue
                write(draft, meant.get(str(value), value) if meant else value)
            except ValueError as error:
                _refuse(draft, name, value, str(error), plan)
    for draft in made:
        _settle(draft, plan)
    return made


def _refuse(draft: Draft, name: str, value: Any, reason: str, plan: Plan) -> None:
    """A bad cell costs its value, which is kept as it is, unless the run rests on it."""
    if plan.strict or plan.target(name).root in _ESSENTIAL:
        draft.fault = draft.fault or (name, reason)
        return
    draft.cells.append((name, reason))
    if not isinstance(value, Unloaded):
        draft.imported[bare(name)] = kept(value)


def _settle(draft: Draft, plan: Plan) -> None:
    """Fractions by their column's unit, or by that which their own row proves."""
    for root, (name, value) in draft.fractions.items():
        decision = plan.decisions[name]
        unit = decision.unit
        told = None if decision.told else proved(root, value, draft.metrics)
        if told is not None and told is not unit:
            draft.proved.append((name, told))
            unit = told
        if unit is Unit.MONEY:
            capital = draft.metrics.get(_CAPITAL)
            draft.metrics[root] = value / capital if capital else None
            continue
        fraction = value / 100 if unit is Unit.PERCENT else value
        draft.metrics[root] = -abs(fraction) if root in _LOSSES else fraction


def run_of(draft: Draft, plan: Plan) -> Run:
    """The run of a finished draft."""
    config = draft.objects.get("config", {})
    params = draft.objects.get("params") or _snapshot_params(config)
    columns = draft.columns
    columns.setdefault("strategy", _strategy_in(config) or plan.strategy)
    run = Run(
        metrics=draft.metrics,
        params=params,
        config={**config, "imported": {**plan.provenance, **draft.imported, **_of_theirs(config)}},
        tags=draft.tags or None,
        duplicates="last",  # as older stores kept them
        extra=draft.objects.get("extra"),
        **columns,
    )
    return run.with_columns(plan.columns) if plan.columns else run


def writer(name: str, plan: Plan) -> Writer:
    """What puts a value of this column where the plan wants it."""
    target = plan.target(name)
    write = _writer(name, target.root, target.key, plan)
    return _write_fill(name, target.root, write) if name in plan.fills else write


def _writer(name: str, root: str, key: str, plan: Plan) -> Writer:
    if root == REST:
        return _write_rest(key)
    if root == IMPORTED:
        return lambda draft, value: draft.imported.__setitem__(key, kept(value))
    if root == "extra":
        return lambda draft, value: draft.member(root, extra_name(key), number(value))
    if root in ("params", "config") and key:
        return lambda draft, value: draft.member(root, key, kept(value))
    if root in ("params", "config", "metrics"):
        return _write_object(root)
    if root == "tags":
        return _write_tag(key)
    if root == "status":
        return lambda draft, value: draft.columns.__setitem__(root, status(value))
    if name in plan.decisions:
        return _write_fraction(name, root)
    if _KINDS.get(root) in ("double", "int64"):
        return _write_number(root)
    if name in plan.times:
        return _write_time(root, plan.times[name])
    if root in ("equity", "trades"):
        return lambda draft, value: draft.columns.__setitem__(root, parsed(value))
    return lambda draft, value: draft.columns.__setitem__(root, value)


def _write_fill(name: str, root: str, write: Writer) -> Writer:
    """Another column of the same meaning: it fills in; where it says otherwise, that is kept."""
    keep = _write_rest(bare(name))

    def fill(draft: Draft, value: Any) -> None:
        scratch = Draft()
        write(scratch, value)
        there, here = draft.get(root), scratch.get(root)
        if there is None:
            draft.columns |= scratch.columns
            draft.metrics |= scratch.metrics
            draft.fractions |= scratch.fractions
        elif here is not None and here != there:
            keep(draft, value)
            if _KINDS.get(root) in ("double", "int64"):
                draft.conflicts.append(name)

    return fill


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
        f"{shown(value)} is no status; --map-value status.{word}=failed says what it means "
        f"(bt-lake knows {', '.join(sorted(_OK | _FAILED))})"
    )


def _write_rest(key: str) -> Writer:
    """Numbers are metrics of the user's own, anything else tells how the run came about."""

    def write(draft: Draft, value: Any) -> None:
        if type(value) is float or type(value) is int:
            found = number(value)
            if found is not None:
                draft.member("extra", extra_name(key), found)
        elif not missing(value):
            draft.imported[key] = kept(value)

    return write


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


def _write_fraction(name: str, root: str) -> Writer:
    def write(draft: Draft, value: Any) -> None:
        found = number(value)
        if found is not None:
            draft.fractions[root] = (name, found)

    return write


def _write_time(root: str, scale: float) -> Writer:
    def write(draft: Draft, value: Any) -> None:
        if type(value) is int or type(value) is float:
            try:
                moment = _EPOCH + timedelta(microseconds=round(value * _scale_of(value, scale)))
            except (OverflowError, ValueError):
                raise ValueError(f"{shown(value)} is not a time") from None
            if root == "created_at" and moment.year < _FIRST_YEAR:
                raise ValueError(f"{shown(value)} is no time at which a run was made")
            value = moment
        draft.columns[root] = value

    return write


def _scale_of(value: float, scale: float) -> float:
    """That of the column, unless another alone puts this value into the years of backtests."""
    if FROM_US <= value * scale < UNTIL_US:
        return scale
    fitting = [s for s in SCALES.values() if FROM_US <= value * s < UNTIL_US]
    return fitting[0] if len(fitting) == 1 else scale


def _snapshot_params(config: Mapping[str, Any]) -> Any:
    """The parameters within a snapshot of a strategy's configuration."""
    inner = config.get("config")
    return inner if "strategy_path" in config and isinstance(inner, dict) else None


def _of_theirs(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the store's own configuration has under the name that the lake gives to the rest."""
    return {"imported": config["imported"]} if "imported" in config else {}


def _strategy_in(config: Mapping[str, Any]) -> str | None:
    named = config.get("strategy_name") or config.get("strategy")
    return named if isinstance(named, str) else None
