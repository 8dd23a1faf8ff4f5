"""Keys that come as a frame, and answers that go back as one of its kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bt_lake.queries.answer import Answer
from bt_lake.queries.lookup import STATISTICS, lookup
from bt_lake.queries.reading import Reader
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import LABELS
from bt_lake.warehouse.values import parameter

if TYPE_CHECKING:
    import polars as pl

_KEY = (*LABELS, "params")


def lookup_frame(reader: Reader, keys: Any, *, columns: Sequence[str] | None = None) -> Any:
    """`lookup` for a frame or a list of mappings; pandas gives pandas, all else polars."""
    columns = columns or STATISTICS
    if _kind(keys) == "rows":
        return lookup(reader, _as_rows(keys), columns=columns).frame()
    return _like(keys, _ask(reader, keys, _names(keys), columns))


def enrich(
    reader: Reader,
    signals: Any,
    *,
    on: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> Any:
    """The same frame with `run_id` and `columns` of the run that fits each row.

    `on` names the columns that are the key: by default those of strategy, symbol, timeframe,
    exit_rule and params that are there, and all of single parameters, such as `param.fast`.
    """
    columns = columns or STATISTICS
    if _kind(signals) == "rows":
        raise BadInput(f"enrich takes a polars or pandas frame, not {type(signals).__name__}")
    present = _names(signals)
    key = list(on) if on is not None else _key_among(present)
    for name in key:
        if name not in present:
            raise BadInput(f"enrich: there is no column '{name}'; there are {', '.join(present)}")
    added = [name for name in ("run_id", *columns) if name in present]
    if added:
        raise BadInput(
            f"enrich would overwrite {', '.join(added)}: rename them, or name other `columns`"
        )
    asked = {"params" if parameter(name) else name for name in key}
    found = _ask(reader, signals, key, columns).drop(asked.difference(columns))
    if _kind(signals) == "polars":
        return signals.hstack(found)
    return signals.assign(**_as_pandas(found, signals.index).to_dict("series"))


def _key_among(present: Sequence[str]) -> list[str]:
    labels = [name for name in _KEY if name in present]
    return labels + [name for name in present if parameter(name)]


def _ask(reader: Reader, frame: Any, names: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    values = {name: _values(frame[name]) for name in names}
    keys = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    answer: Answer = lookup(reader, keys or [dict.fromkeys(names)], columns=columns)
    found = answer.frame()
    return found if keys else found.clear()


def _kind(frame: Any) -> str:
    """By the name of its library, which need not be imported for that."""
    library = type(frame).__module__.partition(".")[0]
    return library if library in ("polars", "pandas") else "rows"


def _names(frame: Any) -> list[str]:
    return [str(name) for name in frame.columns]


def _as_rows(keys: Any) -> list[Mapping[str, Any]]:
    if isinstance(keys, Mapping):
        return [keys]
    rows = list(keys) if isinstance(keys, Iterable) else [keys]
    for row in rows:
        if not isinstance(row, Mapping):
            raise BadInput(f"a key is a mapping such as {{'strategy': 'x'}}, not {row!r}")
    return rows


def _values(column: Any) -> list[Any]:
    """Plain values: a missing one is None, and so is a missing part of a struct."""
    values = column.to_list()
    if type(column).__module__.startswith("pandas"):
        return [None if gone else value for value, gone in zip(values, column.isna(), strict=True)]
    if str(column.dtype).startswith("Struct"):
        return [
            None if value is None else {k: v for k, v in value.items() if v is not None}
            for value in values
        ]
    return list(values)


def _like(frame: Any, found: pl.DataFrame) -> Any:
    return found if _kind(frame) == "polars" else _as_pandas(found, frame.index)


def _as_pandas(found: pl.DataFrame, index: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(found.to_dict(as_series=False), index=index)
