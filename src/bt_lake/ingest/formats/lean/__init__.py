"""LEAN (QuantConnect): the result file of a backtest, with keys in either case.

Next to it lie a summary with a cut-down curve, order events and reports on data: they hold no run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bt_lake.ingest.engines.reading import number, one, untexted
from bt_lake.ingest.formats.foreign import expected, json_object
from bt_lake.ingest.formats.lean import charts, statistics
from bt_lake.ingest.formats.lean import trades as closed_trades
from bt_lake.ingest.formats.lean.keys import get, low
from bt_lake.ingest.formats.reading import content
from bt_lake.ingest.report import BadRow
from bt_lake.ingest.run import Run
from bt_lake.warehouse.errors import LakeError

RESULT = re.compile(
    rb'"(?:rollingWindow|totalPerformance|runtimeStatistics|algorithmConfiguration)"\s*:'
    rb'|\A\s*\{\s*"charts"\s*:.*"Strategy Equity"',
    re.IGNORECASE | re.DOTALL,
)
SUMMARY = "-summary.json"
BESIDE = re.compile(
    r".*-(?:order-events|alpha-results|alpha-insights)\.json|data-monitor-report-.*\.json"
)


def matches(path: Path, head: bytes) -> bool:
    return bool(BESIDE.fullmatch(path.name)) or (
        head.lstrip()[:1] == b"{" and bool(RESULT.search(head))
    )


def read(path: Path) -> Iterator[Run | BadRow]:
    if path.name.endswith(SUMMARY) or BESIDE.fullmatch(path.name):
        return
    try:
        result = json_object(content(path), "it")
        with expected("the result of a LEAN backtest"):
            yield _run(result, path)
    except LakeError as error:
        yield BadRow(str(path), None, str(error).removeprefix(f"{path}: "))


def _run(result: Mapping[str, Any], path: Path) -> Run:
    configuration = get(result, "algorithmConfiguration") or {}
    curve = charts.curve(get(result, "charts"))
    trades = closed_trades.read(get(result, "totalPerformance", "closedTrades") or [])
    parameters = get(configuration, "parameters") or {}
    started, ended = (_time(get(result, "state", key)) for key in ("StartTime", "EndTime"))
    return Run(
        get(configuration, "name") or _project(path),
        equity=curve,
        trades=trades,
        metrics=statistics.read(result),
        # every parameter is stored as text
        params={name: untexted(value) for name, value in parameters.items()} or None,
        config={
            **{k: v for k, v in configuration.items() if k.lower() != "parameters"},
            "lean_algorithm_id": path.stem,
        },
        error=_error(get(result, "state")),
        tags=get(configuration, "tags") or None,
        origin=str(path),
        symbol=one(trades["symbol"]) or _ordered(get(result, "orders")),
        currency=get(configuration, "accountCurrency"),
        # the curve begins with the capital, at midnight before the first bar
        initial_capital=None if curve else number(statistics.start_equity(result)),
        start_at=None if curve else get(configuration, "startDate"),
        end_at=None if curve else get(configuration, "endDate"),
        created_at=ended,
        duration_s=max((ended - started).total_seconds(), 0) if started and ended else None,
        engine="lean",
    )


def _project(path: Path) -> str | None:
    """<project>/backtests/<time>/<id>.json, as the command line of LEAN lays results out."""
    folders = path.resolve().parents
    return folders[2].name if len(folders) > 2 and folders[1].name == "backtests" else None


def _error(state: Any) -> str | None:
    failed = str(get(state, "Status") or "").lower() == "runtimeerror"
    told = (get(state, "RuntimeError"), get(state, "StackTrace"))
    lines = [str(text) for text in told if text]
    return "\n".join(lines) or ("RuntimeError" if failed else None)


def _ordered(orders: Any) -> str | None:
    """The only symbol ordered, where nothing was closed."""
    return one(get(order, "symbol", "value") for order in low(orders).values())


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
