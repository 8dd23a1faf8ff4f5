"""Run again what made a run, and see whether the same comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bt_lake.running.allowed import remember
from bt_lake.running.calling import Trial, execute, frames_of_all
from bt_lake.running.planning import job_of
from bt_lake.running.printed import kept
from bt_lake.running.provenance import data_hash
from bt_lake.running.remixing import remixed
from bt_lake.running.target import load
from bt_lake.running.trust import Code, find, permit
from bt_lake.running.windows import Window
from bt_lake.warehouse.errors import BadInput, Damaged, NotFound, UnknownName
from bt_lake.warehouse.schema import METRIC_GROUPS, RUNS
from bt_lake.warehouse.store import Store

METRICS = tuple(c.name for c in RUNS.columns if c.group in METRIC_GROUPS)
_ASKED = (
    "run_id",
    "strategy",
    "study",
    "entrypoint",
    "code_hash",
    "data_hash",
    "params",
    "config",
    "fold",
    "sample",
    "error",
    *METRICS,
    "extra",
)


@dataclass(frozen=True)
class Reproduction:
    """A run and its repetition; a changed hash is None where one of the two is not known."""

    run_id: str
    reproduced_from: str
    code_changed: bool | None
    data_changed: bool | None
    commits: tuple[str | None, str | None]
    differences: dict[str, tuple[Any, Any]]  # of metrics: before and now
    error: str | None  # why the repetition failed

    @property
    def same(self) -> bool:
        return self.error is None and not self.differences

    @property
    def unexplained(self) -> bool:
        """Other numbers from the same code, and the data is not known to have changed."""
        differs = self.error is None and bool(self.differences)
        return differs and self.code_changed is False and not self.data_changed


@dataclass(frozen=True)
class Call:
    """What is about to run for a lake: code that was found and not imported, and its arguments."""

    code: Code
    trial: Trial

    def __str__(self) -> str:
        return f"{self.code} with {self.trial}"


def reproduce(
    store: Store,
    run_id: str,
    *,
    allow: Collection[str] = (),
    changed_code: bool = False,
    agree: Callable[[Call], None] | None = None,
) -> Reproduction:
    """Call the stored entrypoint with the stored arguments and window; save what it gives.

    The code must be trusted (`running.trust`); `agree` is told what is about to run, and raises if
    it shall not.
    """
    old = _row(store, run_id)
    if (config := _parsed(old, "config")) and isinstance(config, dict) and "portfolio" in config:
        new_id = remixed(store, old, _parsed(old, "params"), config["portfolio"])
        differences = _differences(old, _row(store, new_id))
        return Reproduction(new_id, run_id, None, None, (None, None), differences, None)
    made = _made(old)
    call = Call(_found(_entrypoint(old), made.root), made.trial)
    permit(
        call.code,
        store.layout,
        recorded=old["code_hash"],
        allow=allow,
        changed_code=changed_code,
    )
    if agree is not None:
        agree(call)
    if call.code.entrypoint in allow:
        remember(store.layout, call.code)
    target = load(call.code.entrypoint, made.root)
    call.code.confirm(target)
    target.check_arguments(call.trial.arguments(target))
    data = data_hash(target.function, call.trial.arguments(target))
    known = {"reproduced_from": run_id, "study": old["study"]}  # whose holdout stays out of sight
    job = job_of(target, old["strategy"], {n: v for n, v in known.items() if v}, made.seed)
    with kept() as said:
        outcome = execute(target, job, replace(call.trial, data_hash=data), only=made.part)
    store.append(frames_of_all(store, [replace(outcome, log=said.text)]))
    new_id = outcome.run_ids[0]
    new = _row(store, new_id)
    return Reproduction(
        run_id=new_id,
        reproduced_from=run_id,
        code_changed=_changed(old["code_hash"], target.code_hash),
        data_changed=_changed(old["data_hash"], data),
        commits=(made.git_commit, job.made_from.get("git_commit")),
        differences=_differences(old, new),
        error=outcome.error,
    )


def _found(entrypoint: str, root: str | None) -> Code:
    try:
        return find(entrypoint, root)
    except UnknownName as error:  # the file is there, and the function is not: gone, or renamed
        raise NotFound(str(error)) from None


def _entrypoint(old: Mapping[str, Any]) -> str:
    if old["entrypoint"] is None:
        raise BadInput(
            f"run {old['run_id']} does not say which function made it; runs of `bt-lake run` do, "
            "and others that were saved with entrypoint='package.module:function'"
        )
    return str(old["entrypoint"])


@dataclass(frozen=True)
class _Made:
    """How a run was made, as its `config` and `params` say: data of JSON types, each looked at."""

    root: str | None
    trial: Trial
    part: int
    seed: int
    git_commit: str | None


def _made(old: Mapping[str, Any]) -> _Made:
    config, params = _parsed(old, "config"), _parsed(old, "params")
    made = config.get("run") if isinstance(config, dict) else None
    made = made if isinstance(made, dict) else {}
    arguments = made.get("arguments", params)
    labels = made.get("labels", {})
    exact = made.get("exact", {})
    part, seed = made.get("part", 0), made.get("seed", 0)
    texts = {name: made.get(name) for name in ("root", "start", "end", "git_commit")}
    sound = (
        isinstance(arguments, dict)
        and isinstance(labels, dict)
        and isinstance(exact, dict)
        and all(isinstance(text, str) for text in labels.values())
        and all(isinstance(text, str | None) for text in texts.values())
        and isinstance(part, int)
        and isinstance(seed, int)
    )
    if not sound:
        raise Damaged(f"run {old['run_id']}: its config does not say how it was made")
    window = Window(texts["start"], texts["end"], old["fold"], old["sample"])
    trial = Trial(arguments, labels, window, exact=exact)
    return _Made(texts["root"], trial, part, seed, texts["git_commit"])


def _parsed(old: Mapping[str, Any], column: str) -> Any:
    try:
        return json.loads(old[column] or "{}")
    except (ValueError, RecursionError):
        raise Damaged(f"run {old['run_id']}: its {column} is no JSON") from None


def _row(store: Store, run_id: str) -> dict[str, Any]:
    def question(connection: Any) -> dict[str, Any]:
        sql = f"select {', '.join(_ASKED)} from trials where run_id = ?"
        # naive times: DuckDB needs pytz to give others
        times = [c for c in METRICS if RUNS[c].kind == "timestamp"]
        plain = ", ".join(f"make_timestamp(epoch_us({name})) as {name}" for name in times)
        found = connection.execute(f"select * replace ({plain}) from ({sql})", [run_id])
        names = [column[0] for column in found.description]
        rows = found.fetchall()
        if not rows:
            raise NotFound(f"there is no run {run_id}")
        return dict(zip(names, rows[0], strict=True))

    return store.ask(question)


def _changed(before: str | None, now: str | None) -> bool | None:
    return None if before is None or now is None else before != now


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    found = {name: (old[name], new[name]) for name in METRICS if old[name] != new[name]}
    before, now = old["extra"] or {}, new["extra"] or {}
    for name in dict.fromkeys((*before, *now)):
        if before.get(name) != now.get(name):
            found[name] = (before.get(name), now.get(name))
    return found
