"""What several runs together tell: beside each other, over a grid, and against luck."""

from __future__ import annotations

import json
from dataclasses import asdict
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
    return {"shares": found.frame().rows()}


def strategies(lake: Lake, request: Request) -> dict[str, Any]:
    """Every strategy with its number of runs, the largest first."""
    return {"strategies": lake.facets(["strategy"], most=500)["strategy"]}


def axes(lake: Lake, request: Request) -> dict[str, Any]:
    """What varies among the newest runs of a strategy, parameters first: each with its values."""
    strategy = request.path_params["strategy"]
    labels = [name for name in SHOWN if name != "strategy"]
    rows = lake.ask.runs(strategy=strategy, n=_SAMPLE, columns=["params", *labels]).rows()
    values: dict[str, dict[str, None]] = {}
    for params, *told in rows:
        own = flat(json.loads(params)) if params else {}
        pairs = [(f"param.{name}", json.dumps(value)) for name, value in own.items()]
        pairs += [(name, text) for name, text in zip(labels, told, strict=True) if text is not None]
        for name, value in pairs:
            values.setdefault(name, {})[value] = None
    varied = {name: list(found) for name, found in values.items() if len(found) > 1}
    order = sorted(varied, key=lambda name: (not name.startswith("param."), -len(varied[name])))
    return {
        "axes": [[name, len(varied[name]), varied[name][:_MOST_VALUES]] for name in order],
        "runs": len(rows),
    }


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
