"""Save what a script has at hand: a document, a Run, an engine's object, or several of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bt_lake.ingest.assemble import frames_of, ids_for
from bt_lake.ingest.claims import METRICS
from bt_lake.ingest.gathering import gather
from bt_lake.ingest.run import Run, adapt
from bt_lake.ingest.sealing import sealed
from bt_lake.warehouse.errors import BadInput, Duplicate
from bt_lake.warehouse.frames import Frames
from bt_lake.warehouse.schema import SAME_RUN
from bt_lake.warehouse.store import Store

# What there is to save of a run, beside its labels.
_RESULTS = ("equity", "trades", "metrics", "error", "reported", "extra", *METRICS)
_SAME = ", ".join(name.removesuffix("_hash") for name in SAME_RUN)


def save(store: Store, obj: Any = ..., *, unique: bool = False, **columns: Any) -> Any:
    """Commit what `obj` holds; gives the run id, or a list of them where it holds several runs."""
    runs = some_runs_of(obj, columns)
    batch = sealed(store, gather(runs))
    frames = frames_of(batch, ids_for(batch))
    commit(store, frames, named=has_own_id(runs), unique=unique, whole=True)
    return ids_of(frames.runs["run_id"].to_pylist(), obj)


def has_own_id(runs: list[Run]) -> bool:
    return any(run.columns.get("run_id") is not None for run in runs)


def ids_of(run_ids: list[str], obj: Any) -> Any:
    """One id for one run; a list where the object may hold several."""
    return run_ids if len(run_ids) > 1 or isinstance(obj, (list, tuple)) else run_ids[0]


def some_runs_of(obj: Any, columns: Mapping[str, Any]) -> list[Run]:
    """The runs that an object holds, at least one."""
    runs = runs_of(obj, columns)
    if not runs:
        raise BadInput("there is no run to save: the list is empty")
    return runs


def runs_of(obj: Any, columns: Mapping[str, Any]) -> list[Run]:
    """The runs that an object holds; `columns` are what the caller knows better.

    `...` stands for no object: all that is known comes by name.
    """
    if obj is ... and columns.get("returns") is not None:
        from bt_lake.ingest.engines import returns

        named = {name: value for name, value in columns.items() if name != "returns"}
        return adapt(returns, columns["returns"], named)
    if obj is ...:
        return [Run.from_document(columns)]
    if isinstance(obj, Run):
        return [obj.with_columns(columns)]
    if obj is None or type(obj) is dict:
        return [_documented(obj, columns)]
    from bt_lake.ingest.engines import recognise

    engine = recognise(obj)
    if engine is not None:
        return adapt(engine, obj, columns)
    if isinstance(obj, Mapping):
        return [_documented(obj, columns)]
    if isinstance(obj, (list, tuple)):
        return [run for item in obj for run in runs_of(item, columns)]
    if type(obj).__name__ in ("Series", "DataFrame", "LazyFrame", "Table"):
        raise BadInput(
            f"a {type(obj).__name__} may be an account or its returns: "
            "say which, equity=... or returns=..."
        )
    raise BadInput(
        f"cannot save a {type(obj).__module__}.{type(obj).__name__}: give an engine's result, a "
        "run document (dict), a Run, or equity=..., trades=..., metrics=... by name; "
        "files are taken in by `ingest`"
    )


def _documented(document: Mapping[str, Any] | None, columns: Mapping[str, Any]) -> Run:
    """The run of a document; without one, results must be among what the caller names."""
    if document:
        return Run.from_document(document).with_columns(columns)
    if not any(columns.get(name) is not None for name in _RESULTS):
        raise BadInput("nothing to save: did the function forget to return its result?")
    return Run.from_document(columns)


def commit(
    store: Store, frames: Frames, *, named: bool, unique: bool = False, whole: bool = False
) -> None:
    """Append; ids that the caller chose, and `unique` runs, must not be in the lake yet.

    The others go in, unless the commit is to be `whole`.
    """
    if not (named or unique):
        store.append(frames, whole=whole)
        return
    appended = store.append_new(frames, unique=unique, whole=whole)
    others = f"; the other {len(appended.added)} are saved" if appended.added else ""
    if whole and len(frames.runs) > 1:
        others = f"; none of these {len(frames.runs)} runs is saved"
    refused = [f"run {run_id} is in the lake already" for run_id in appended.already]
    refused += [
        f"run {other} has the same {_SAME}; leave out `unique` to save {run_id} nevertheless"
        for run_id, other in appended.duplicates.items()
    ]
    if refused:
        error = Duplicate(refused[0] + others)
        error.saved = appended.added
        raise error
