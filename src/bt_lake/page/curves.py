"""A curve as few points as a screen has: of each stretch its first, lowest, highest and last."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bt_lake.lake import Lake
from bt_lake.page.told import milliseconds

if TYPE_CHECKING:
    from bt_lake.queries.answer import Answer

POINTS = 2_000
_OF_EACH = 4
_LONG = 20_000  # points from which arrays are quicker than rows, even if they must be loaded
_NAMES = ("equity", "drawdown", "benchmark")
Columns = dict[str, Sequence[Any]]


def curves(
    lake: Lake,
    run_ids: Sequence[str],
    points: int = POINTS,
    within: tuple[float | None, float | None] = (None, None),
) -> list[dict[str, Any]]:
    """Time, equity, drawdown and, where there is one, benchmark of runs, each in a list.

    `base` is what returns are of: the capital before the first point, or that point. `within` two
    times, and from the points next to them, the fewer points are finer ones.
    """
    answer, known = lake.ask.equity(run_ids), _known(lake, run_ids)
    long = sum(returns or 0 for _, returns in known.values()) > _LONG
    of = _in_arrays(answer) if long else _in_rows(answer)
    known |= _known(lake, [run_id for run_id in of if run_id not in known])  # named by a part
    return [
        {
            **_drawn(run_id, curve, points, within),
            "base": known[run_id][0] or curve["equity"][0],
        }
        for run_id, curve in of.items()
    ]


def _known(lake: Lake, run_ids: Sequence[str]) -> dict[str, tuple[float | None, int | None]]:
    """The capital of runs, and how many returns they have."""
    if not run_ids:
        return {}
    columns = ["run_id", "initial_capital", "n_returns"]
    rows = lake.ask.runs(run_ids=run_ids, columns=columns).rows()
    return {run_id: (capital, returns) for run_id, capital, returns in rows}


def _in_rows(answer: Answer) -> dict[str, Columns]:
    rows = answer.rows()
    place = {name: number for number, name in enumerate(answer.columns)}
    return {
        run_id: {
            name: [row[place[name]] for row in own] if name != "ts"
            else [milliseconds(row[place["ts"]]) for row in own]
            for name in ("ts", *_NAMES)
        }
        for run_id, own in (
            (run_id, list(group)) for run_id, group in groupby(rows, lambda row: row[0])
        )
    }  # fmt: skip


def _in_arrays(answer: Answer) -> dict[str, Columns]:
    parts = answer.frame().partition_by("run_id", as_dict=True, maintain_order=True)
    return {
        run_id: {
            "ts": own["ts"].dt.epoch("ms").to_list(),
            **{name: own[name].to_list() for name in _NAMES},
        }
        for (run_id,), own in parts.items()
    }


def _drawn(
    run_id: str, curve: Columns, points: int, within: tuple[float | None, float | None]
) -> dict[str, Any]:
    ts = curve["ts"]
    start = 0 if within[0] is None else max(0, bisect_right(ts, within[0]) - 1)
    stop = len(ts) if within[1] is None else bisect_left(ts, within[1]) + 1
    shown = {name: values[start:stop] for name, values in curve.items()}
    kept = _few(shown, points)
    few = {name: [values[at] for at in kept] for name, values in shown.items()}
    if all(value is None for value in few["benchmark"]):
        del few["benchmark"]
    return {"run_id": run_id, "points": len(ts), "within": len(shown["ts"]), **few}


def _few(curve: Columns, points: int) -> Sequence[int]:
    """The places of the points to draw."""
    if len(curve["ts"]) <= points:
        return range(len(curve["ts"]))
    import numpy as np  # only where a curve is long: it takes a while to load

    from bt_lake.drawing.thinning import thinned

    ts, equity = (np.asarray(curve[name], dtype=float) for name in ("ts", "equity"))
    kept: list[int] = thinned(ts, equity, points // _OF_EACH).tolist()
    return kept
