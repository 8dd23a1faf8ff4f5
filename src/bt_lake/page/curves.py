"""A curve as few points as a screen has: of each stretch its first, lowest, highest and last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bt_lake.lake import Lake
from bt_lake.page.told import milliseconds

POINTS = 2_000
_OF_EACH = 4


def curves(lake: Lake, run_ids: Sequence[str], points: int = POINTS) -> list[dict[str, Any]]:
    """Time, equity, drawdown and, where there is one, benchmark of runs, each in a list.

    `base` is what returns are of: the capital before the first point, or that point.
    """
    answer = lake.ask.equity(run_ids)
    rows = answer.rows()
    place = {name: number for number, name in enumerate(answer.columns)}
    of: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        of.setdefault(row[place["run_id"]], []).append(row)
    capital = dict(lake.ask.runs(run_ids=list(of), columns=["run_id", "initial_capital"]).rows())
    return [
        {
            **_drawn(run_id, own, place, points),
            "base": capital.get(run_id) or own[0][place["equity"]],
        }
        for run_id, own in of.items()
    ]


def _drawn(
    run_id: str, rows: list[tuple[Any, ...]], place: dict[str, int], points: int
) -> dict[str, Any]:
    kept = _few(rows, place, points)
    names = ["equity", "drawdown"]
    if any(row[place["benchmark"]] is not None for row in kept):
        names.append("benchmark")
    return {
        "run_id": run_id,
        "points": len(rows),
        "ts": [milliseconds(row[place["ts"]]) for row in kept],
        **{name: [row[place[name]] for row in kept] for name in names},
    }


def _few(rows: list[tuple[Any, ...]], place: dict[str, int], points: int) -> list[tuple[Any, ...]]:
    if len(rows) <= points:
        return rows
    import numpy as np  # only where a curve is long: it takes a while to load

    from bt_lake.drawing.thinning import thinned

    times = np.array([row[place["ts"]] for row in rows], dtype="datetime64[us]").astype(float)
    values = np.array([row[place["equity"]] for row in rows], dtype=float)
    return [rows[kept] for kept in thinned(times, values, points // _OF_EACH)]
