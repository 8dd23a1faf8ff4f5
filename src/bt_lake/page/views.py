"""What the views of the page ask: each function is one address below /api/ that only reads."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bt_lake.lake import Lake
from bt_lake.page import asked as given
from bt_lake.page.curves import POINTS, curves
from bt_lake.page.told import columns, told
from bt_lake.page.turns import Turns, took
from bt_lake.queries.wholerows import flat
from bt_lake.warehouse.errors import BadInput, NotFound
from bt_lake.warehouse.schema import FILTERS, RUNS, TABLES, metrics
from bt_lake.wording.metrics import FINE, UNSIGNED, metric_name

View = Callable[[Request], Awaitable[Response]]
_LIKE = """
select run_id, strategy, symbol, timeframe, created_at, sharpe_ratio, notes, tags from runs
where contains(lower(concat_ws(chr(10), run_id, strategy, symbol, sweep, notes,
  array_to_string(tags, chr(10)))), lower($text))
order by created_at desc limit 20
"""
_NEAREST = """
select run_id, strategy, symbol, created_at from runs
order by jaro_winkler_similarity(right(run_id, len($name)), $name) desc, created_at desc limit 5
"""
_EVENTS = 'select "at", kind, value from events where run_id = $run_id order by "at", event_id'
# What a table of runs shows unless somebody chose; parameters come as `params`.
ASKED = (
    "run_id", "strategy", "symbol", "timeframe", "exit_rule", "sharpe_ratio", "total_return",
    "cagr", "max_drawdown", "calmar_ratio", "win_rate", "profit_factor", "total_trades",
    "created_at", "status", "tags", "params",
)  # fmt: skip
_NEEDED = ("run_id", "strategy", "status")


def reading(turns: Turns, question: Callable[[Lake, Request], Any], *, slow: bool = False) -> View:
    """A question as an address; `ms` says how long the lake took."""

    async def view(request: Request) -> Response:
        started = time.perf_counter()

        def ask(lake: Lake) -> Any:
            return question(lake, request) if lake.store.layout.exists else None

        body = await turns.ask(request, ask, slow=slow)
        if body is None:
            raise NotFound("there is no lake here yet: the first run that is saved makes it")
        return told({**body, "ms": took(started)})

    return view


def words() -> dict[str, Any]:
    """Every column with its title, unit, direction and meaning: how numbers are written."""
    return {
        "columns": [
            {
                "name": column.name,
                "title": metric_name(column.name),
                "kind": column.kind,
                "unit": column.unit,
                "group": column.group,
                "better": column.better,
                "meaning": column.meaning,
                "signed": column.unit == "fraction" and column.name not in UNSIGNED,
                "fine": column.name in FINE,
            }
            for column in RUNS.columns
        ],
        "facets": [*FILTERS, "tag"],
        "metrics": [column.name for column in metrics()],
        "trades": {
            name: {"title": metric_name(name), "kind": column.kind,
                   "unit": column.unit}
            for name, column in TABLES["trades"].by_name.items()
        },
    }  # fmt: skip


def runs(lake: Lake, request: Request) -> dict[str, Any]:
    """A page of runs in any order; `after` is the last run of the page before."""
    asked = request.query_params
    sort = asked.get("sort") or "created_at"
    chosen = [name for name in asked.get("columns", "").split(",") if name]
    answer = lake.ask.runs(
        sort=sort,
        ascending=asked.get("order") == "asc",
        n=max(1, given.number(asked, "n", 200, most=given.MOST_ROWS)),
        after=asked.get("after") or None,
        columns=list(dict.fromkeys([*_NEEDED, *(chosen or [*ASKED, sort])])),
        **given.filters(asked),
    )
    found = columns(answer)
    # What else there is to say asks the lake once more: `count` does, when the rows are there.
    note = "" if found["rows"] else answer.note()
    return {**found, "note": note, "left_out": lake.reader.left_out}


def count(lake: Lake, request: Request) -> dict[str, Any]:
    """How many runs the filters match, how many there are, and what to know of their order."""
    asked = request.query_params
    sort = asked.get("sort") or "created_at"
    answer = lake.ask.runs(sort=sort, n=1, columns=["run_id"], **given.filters(asked))
    return {"matched": answer.total(), "runs": len(lake), "note": answer.note()}


def facets(lake: Lake, request: Request) -> dict[str, Any]:
    """The commonest values of each label, counted under the filters by the other labels.

    Of one `label` alone, those that contain `like`.
    """
    asked = request.query_params
    labels = [asked["label"]] if asked.get("label") else None
    like = asked.get("like", "")
    return {"facets": lake.facets(labels, most=30, containing=like, **given.filters(asked))}


def histogram(lake: Lake, request: Request) -> dict[str, Any]:
    asked = request.query_params
    found = lake.histogram(asked.get("metric") or "sharpe_ratio", **given.filters(asked))
    return {**asdict(found), "runs": found.runs}


def names(lake: Lake, request: Request) -> dict[str, Any]:
    """The user's own metrics, and the parameters that the newest runs have."""
    own = [each.name for each in lake.metrics() if each.name not in RUNS]
    newest = lake.ask.runs(n=1000, columns=["params"], **given.filters(request.query_params)).rows()
    found = dict.fromkeys(name for (text,) in newest if text for name in flat(json.loads(text)))
    return {"own": own, "params": list(found)}


def run(lake: Lake, request: Request) -> dict[str, Any]:
    """One run in full, but for its curve and its trades."""
    found = lake.run(request.path_params["run"])
    row = found.row
    standing = found.standing()
    return {
        "run": row,
        "metrics": found.metrics,
        "monthly": found.monthly if row["deleted_at"] is None else [],
        "disagreements": found.disagreements,
        "events": lake.ask.sql(_EVENTS, run_id=found.run_id).dicts(),
        "standing": standing
        and {
            "family": standing.family,
            "trials": standing.trials,
            "part": standing.part,
            "text": str(standing),
            "expected_max_sharpe": standing.expected_max_sharpe,
            "dsr": standing.dsr,
            "psr": standing.psr,
        },
    }


def near(lake: Lake, request: Request) -> dict[str, Any]:
    """The runs whose ids look most like a wrong one, the likeliest first."""
    answer = lake.ask.sql(_NEAREST, name=request.query_params.get("run", "")[:64])
    return columns(answer)


def curve(lake: Lake, request: Request) -> dict[str, Any]:
    asked = request.query_params
    points = max(8, given.number(asked, "points", POINTS, most=50_000))
    start, end = (
        given.number(asked, name, 0, kind=float) if asked.get(name) else None
        for name in ("from", "to")
    )
    return {"curves": curves(lake, given.runs(asked), points, (start, end))}


def trades(lake: Lake, request: Request) -> dict[str, Any]:
    return columns(lake.ask.trades(request.path_params["run"]))


def search(lake: Lake, request: Request) -> dict[str, Any]:
    """Runs by a part of their id, strategy, symbol, sweep, notes or a tag, the newest first."""
    text = request.query_params.get("q", "").strip()
    if not text:
        raise BadInput("search for what?")
    return columns(lake.ask.sql(_LIKE, text=text))
