"""What several runs together tell: beside each other, over a grid, and against luck."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from starlette.requests import Request

from bt_lake.lake import Lake
from bt_lake.page import asked as given
from bt_lake.page.curves import POINTS
from bt_lake.page.told import columns
from bt_lake.queries.wholerows import flat
from bt_lake.warehouse.errors import BadInput
from bt_lake.warehouse.schema import SHOWN

_SAMPLE = 5_000  # of the newest runs: what a strategy's parameters are
_MOST_BEST = 50
_FALLS = 5
_MOST_VALUES = 100
_FEWEST_RETURNS, _STEPS = 12, 60


def compare(lake: Lake, request: Request) -> dict[str, Any]:
    """Runs side by side, in the order they were asked for."""
    found = lake.compare(given.runs(request.query_params))
    return {
        "ids": found.ids,
        "runs": [
            {name: row[name] for name in ("run_id", "strategy", "symbol", "timeframe", "status")}
            for row in found.runs
        ],
        "differences": [asdict(line) for line in found.differences],
        "metrics": [asdict(line) for line in found.metrics],
        "correlation": found.correlation,
        "overlap": found.overlap,
        "standings": [each and asdict(each) for each in found.standings],
    }


def mix(lake: Lake, request: Request) -> dict[str, Any]:
    """Runs as one, in equal parts, over the days that they have in common."""
    found = lake.portfolio(given.runs(request.query_params))
    curve = found.equity()
    return {
        "metrics": found.metrics,
        "base": found.capital,
        "ts": curve["ts"].to_list(),
        "equity": curve["equity"].to_list(),
    }


def importance(lake: Lake, request: Request) -> dict[str, Any]:
    """What share of a metric's variance each parameter of a strategy brings, alone and in pairs."""
    asked = request.query_params
    filters = given.filters(asked)
    filters.pop("strategy", None)
    found = lake.importance(
        request.path_params["strategy"], asked.get("metric") or "sharpe_ratio", **filters
    )
    return {"shares": found.frame().rows(), "words": found.words}


def strategies(lake: Lake, request: Request) -> dict[str, Any]:
    """Every strategy with its number of runs, the largest first."""
    return {"strategies": lake.facets(["strategy"], most=500)["strategy"]}


def axes(lake: Lake, request: Request) -> dict[str, Any]:
    """What varies among the newest runs of a strategy, parameters first: each with its values."""
    labels = [name for name in SHOWN if name != "strategy"]
    answer = lake.ask.runs(
        strategy=request.path_params["strategy"], n=_SAMPLE, columns=["params", *labels]
    )
    params, *told = columns(answer)["data"]
    values = {
        **{f"param.{name}": [json.dumps(value) for value in own if value is not None]
           for name, own in _flat(params).items()},
        **{name: [text for text in own if text is not None]
           for name, own in zip(labels, told, strict=True)},
    }  # fmt: skip
    varied = {name: list(dict.fromkeys(own)) for name, own in values.items() if len(set(own)) > 1}
    order = sorted(varied, key=lambda name: (not name.startswith("param."), -len(varied[name])))
    return {
        "axes": [[name, len(varied[name]), varied[name][:_MOST_VALUES]] for name in order],
        "runs": len(params),
    }


def parallel(lake: Lake, request: Request) -> dict[str, Any]:
    """What the newest runs of a strategy were given where it varies, beside a metric of theirs."""
    asked = request.query_params
    filters = given.filters(asked)
    filters["strategy"] = request.path_params["strategy"]
    metric = asked.get("metric") or "sharpe_ratio"
    labels = [name for name in SHOWN if name != "strategy"]
    answer = lake.ask.runs(n=_SAMPLE, columns=["run_id", metric, "params", *labels], **filters)
    ids, values, params, *told = columns(answer)["data"]
    varied = dict(zip(labels, told, strict=True))
    varied |= {f"param.{name}": own for name, own in _flat(params).items()}
    varied = {name: own for name, own in varied.items() if len(set(map(json.dumps, own))) > 1}
    return {
        "columns": ["run_id", metric, *varied],
        "data": [ids, values, *varied.values()],
        "rows": len(ids),
        "total": answer.total(),
    }


def _flat(params: Sequence[str | None]) -> dict[str, list[Any]]:
    """Of each parameter its value in every run; None where a run has none of it."""
    rows = [flat(json.loads(text)) if text else {} for text in params]
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(chain(*rows))}


def sweep(lake: Lake, request: Request) -> dict[str, Any]:
    """A metric over one or two parameters, and where it is good all around."""
    asked = request.query_params
    if not asked.get("x"):
        raise BadInput("sweep: which x?")
    filters = given.filters(asked)
    filters.pop("strategy", None)
    grid = lake.sweep(
        request.path_params["strategy"],
        asked["x"],
        asked.get("y") or None,
        asked.get("metric") or "sharpe_ratio",
        how=asked.get("how") or "mean",
        **filters,
    )
    plateau = grid.plateau() if grid.y else None
    return {
        "x": grid.x,
        "y": grid.y,
        "metric": grid.metric,
        "how": grid.how,
        "xs": grid.xs,
        "ys": grid.ys,
        "data": list(zip(*grid.rows, strict=True)),
        "runs": grid.runs,
        "mixed": grid.mixed,
        "note": grid.note,
        "plateau": plateau and asdict(plateau),
    }


def best(lake: Lake, request: Request) -> dict[str, Any]:
    """The best by Sharpe ratio, and what each is worth beside all the trials that fit."""
    asked = request.query_params
    answer = lake.ask.best(
        "sharpe_ratio",
        max(1, given.number(asked, "n", 10, most=_MOST_BEST)),
        deflate=True,
        columns=[
            "run_id",
            "strategy",
            "symbol",
            "params",
            "sharpe_ratio",
            "total_return",
            "max_drawdown",
        ],
        **given.filters(asked),
    )
    return {**columns(answer), "note": answer.note(), "total": answer.total()}


def overfit(lake: Lake, request: Request) -> dict[str, Any]:
    """The report on the best of the trials that fit: what the search for it is worth."""
    asked = request.query_params
    filters = given.filters(asked)
    report = lake.overfit(**filters)
    spread = lake.histogram("sharpe_ratio", **filters)
    return {
        "report": report.to_dict(),
        "text": str(report),
        "histogram": {**asdict(spread), "runs": spread.runs},
    }


def drawdowns(lake: Lake, request: Request) -> dict[str, Any]:
    """The deepest falls of a run."""
    frame = lake.drawdowns([request.path_params["run"]], _FALLS)
    lists = [column.to_list() for column in frame.get_columns()]
    return {"columns": frame.columns, "data": lists, "rows": frame.height}


def rolling(lake: Lake, request: Request) -> dict[str, Any]:
    """Sharpe ratio and volatility of a run over a window of its returns, at each time."""
    window = given.number(request.query_params, "window", 0) or None
    frame = lake.rolling([request.path_params["run"]], window)
    times = frame["ts"].to_list()
    found = {name: frame[name].to_list() for name in ("sharpe_ratio", "volatility")}
    step = max(1, len(times) // POINTS)  # smooth already: every n-th looks the same
    return {"ts": times[::step], **{name: values[::step] for name, values in found.items()}}


def returns(lake: Lake, request: Request) -> dict[str, Any]:
    """How the returns of a run are spread; those of 0, when nothing was held, are counted apart.

    As in a histogram of runs, the outermost half percent at each end is in the outermost steps.
    """
    import numpy as np  # the page starts without it

    r = lake.returns([request.path_params["run"]])["return"].to_numpy()
    moved = r[r != 0]
    if moved.size < _FEWEST_RETURNS:
        return {"returns": r.size, "counts": []}
    low, high = np.quantile(moved, [0.005, 0.995]).tolist()
    step = (high - low) / _STEPS or abs(high) or 1.0
    first, last = math.floor(low / step), math.ceil(high / step)  # so that 0 is an edge
    steps = max(1, last - first)
    at = np.clip(np.floor(moved / step).astype(int) - first, 0, steps - 1)
    return {
        "returns": r.size,
        "still": r.size - moved.size,
        "counts": np.bincount(at, minlength=steps).tolist(),
        "low": first * step,
        "high": (first + steps) * step,
        "lowest": float(moved.min()),
        "highest": float(moved.max()),
        "mean": float(r.mean()),
        "quantile_05": float(np.quantile(r, 0.05)),
        "gains": float(np.mean(r > 0)),
    }
