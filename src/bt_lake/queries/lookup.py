"""Exact lookup: the latest run for each of 1 to 100,000 keys, in one query."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Answer, Query
from bt_lake.queries.names import DIMENSIONS
from bt_lake.queries.reading import Reader
from bt_lake.queries.rows import picked, times_of
from bt_lake.queries.text import sql
from bt_lake.warehouse.errors import BadInput, UnknownName
from bt_lake.warehouse.params import params_hash
from bt_lake.warehouse.quoting import identifier
from bt_lake.warehouse.values import parameter

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# What a scanner wants to know of a strategy before it acts on a signal.
STATISTICS = (
    "created_at",
    "total_trades",
    "win_rate",
    "profit_factor",
    "total_return",
    "cagr",
    "sharpe_ratio",
    "max_drawdown",
)
KEYS = tuple(name for name in DIMENSIONS if name not in ("run_id", "commit_id", "error", "notes"))
_PARAMS = "params"


def lookup(
    reader: Reader,
    keys: Sequence[Mapping[str, Any]],
    *,
    columns: Sequence[str] = STATISTICS,
) -> Answer:
    """A row for each key, in their order: the key, run_id and `columns` of the latest run.

    A key names labels and `params` (a mapping or its JSON), which must fit exactly; None fits
    runs that have none. `param.fast` and its like are parts of `params`. A label that no key names
    may be anything. NULLs where nothing fits.
    """
    keys = [_gathered(key, place) for place, key in enumerate(keys)]
    names = list(dict.fromkeys(name for key in keys for name in key))
    _check(names)
    wanted = [name for name in columns if name != "run_id"]

    def plan(connection: DuckDBPyConnection) -> Query:
        lists = {f"key{at}": [key.get(name) for key in keys] for at, name in enumerate(names)}
        values: dict[str, Any] = {"places": list(range(len(keys)))}
        parts, fits, asked = ["unnest($places) as place"], [], []
        for (key, found), name in zip(lists.items(), names, strict=True):
            values[key] = [_shown(name, value) for value in found]
            parts.append(f"unnest(${key})::varchar as {key}")
            asked.append(f"{key} as {identifier(name)}")
            column, compared = identifier(name), key
            if name == _PARAMS:
                column, compared = "params_hash", f"{key}_hash"
                values[compared] = [_hash(value, at) for at, value in enumerate(found)]
                parts.append(f"unnest(${compared})::varchar as {compared}")
            fits.append(f"runs.{column} is not distinct from keys.{compared}")
        chosen = picked(connection, wanted, without=names) if wanted else {}
        text = sql(
            "lookup",
            keys=", ".join(parts),
            fits=" and ".join(fits),
            asked=", ".join(asked),
            columns="".join(f", {column}" for column in chosen.values()),
        )
        return Query(text, values, times_of(chosen))

    return Answer(reader, plan)


def _check(names: Sequence[str]) -> None:
    if not names:
        raise BadInput("look up what? A key names a strategy, symbol, params or other labels")
    for name in names:
        if name != _PARAMS and name not in KEYS:
            raise UnknownName.near("key", name, (*KEYS, _PARAMS))


def _shown(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if name == _PARAMS:
        return json.dumps(value, default=str)
    raise BadInput(f"lookup: {name} {value!r} is not a text")


def _gathered(key: Mapping[str, Any], place: int) -> Mapping[str, Any]:
    """The key with each parameter that has a column of its own among its `params`."""
    own = {name: parameter(name) for name in key}
    if not any(own.values()):
        return key
    given = _parsed(key.get(_PARAMS), place) or {}
    if not isinstance(given, Mapping):
        raise BadInput(f"key {place + 1}: params is not an object of names and values")
    params = {name: key[at] for at, name in own.items() if name and key[at] is not None}
    return {
        **{at: value for at, value in key.items() if not own[at]},
        _PARAMS: {**given, **params} or None,
    }


def _hash(value: Any, place: int) -> str | None:
    return params_hash(_parsed(value, place))


def _parsed(params: Any, place: int) -> Any:
    if not isinstance(params, str):
        return params
    try:
        return json.loads(params)
    except ValueError as error:
        raise BadInput(f"key {place + 1}: params is not JSON: {error}") from None
