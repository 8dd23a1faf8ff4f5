"""Columns of trades under a name that the lake does not know: refused where it would matter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bt_lake.ingest.columns import Columns
from bt_lake.ingest.texts import as_list
from bt_lake.ingest.times import missing
from bt_lake.metrics import NONE

# Without all of these, trades cannot even be counted.
_TELLING = ("entry_at", "exit_at", "pnl", "return")
# The names of others, in small letters without marks between, and what they mean.
_MEANINGS = {
    **dict.fromkeys(("entrytime", "entrydate", "entryts", "entrytimestamp"), ("entry_at",)),
    **dict.fromkeys(("exittime", "exitdate", "exitts", "exittimestamp"), ("exit_at",)),
    **dict.fromkeys(("entrydatetime", "opentime", "opendate", "openedat"), ("entry_at",)),
    **dict.fromkeys(("exitdatetime", "closetime", "closedate", "closedat"), ("exit_at",)),
    "entry": ("entry_at", "entry_price"),
    "exit": ("exit_at", "exit_price"),
    **dict.fromkeys(("profit", "profitloss", "pl", "netpnl", "netprofit"), ("pnl", "return")),
    **dict.fromkeys(("qty", "size", "shares"), ("quantity",)),
    "direction": ("side",),
    **dict.fromkeys(("commission", "commissions", "fee"), ("fees",)),
}
_MARKS = re.compile(r"[^a-z0-9]+")


def misnamed(
    given: Columns, known: Columns, starts: NDArray[np.int64]
) -> Iterator[tuple[int, str]]:
    """Runs of a chunk that lack a column and have it under another name, with what is wrong.

    `given` are the columns that the lake does not know, `known` the parsed ones; run i has the
    rows from starts[i] to starts[i + 1].
    """
    if not given:
        return
    lacks_all = _lacking(_TELLING, known, starts)
    doubts = [
        (name, meant, lacking)
        for name in given
        if (meant := _MEANINGS.get(_MARKS.sub("", name.lower())))
        and (lacking := _lacking(meant, known, starts)).any()
    ]
    suspects = np.flatnonzero(np.any([lacks_all, *(doubt[2] for doubt in doubts)], axis=0))
    listed = {name: as_list(values) for name, values in given.items()} if len(suspects) else {}
    for run in suspects.tolist():
        rows = slice(starts[run], starts[run + 1])
        names = [name for name in listed if not all(map(missing, listed[name][rows]))]
        meanings = {name: meant for name, meant, lacking in doubts if lacking[run]}
        if found := {name: meanings[name] for name in names if name in meanings}:
            yield run, _renaming(found)
        elif names and lacks_all[run]:
            yield (
                run,
                (
                    f"trades have none of {', '.join(_TELLING)}, and these columns are not known: "
                    f"{_quoted(names)}. Rename them to what they are"
                ),
            )


def _lacking(names: Sequence[str], known: Columns, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Runs that have rows, and no value in any of the columns."""
    some = np.zeros(int(starts[-1]), bool)
    for name in names:
        if name in known:
            some |= _defined(name, known[name])
    counts = np.diff(np.concatenate(([0], some.cumsum()))[starts])
    return np.asarray((counts == 0) & (np.diff(starts) > 0))


def _defined(name: str, values: Any) -> NDArray[np.bool_]:
    nothing = 0 if name == "side" else NONE
    there: NDArray[np.bool_] = ~np.isnan(values) if values.dtype.kind == "f" else values != nothing
    return there


def _renaming(meanings: Mapping[str, Sequence[str]]) -> str:
    advice = (f"`{name}` to {' or '.join(meant)}" for name, meant in meanings.items())
    return f"trades have columns under names of others: rename {', '.join(advice)}"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
