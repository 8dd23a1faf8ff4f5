"""What the analyzers of backtrader claim, told by their type whatever name they were given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bt_lake.ingest.engines import reading
from bt_lake.ingest.engines.reading import POSITIVE_DRAWDOWN_PERCENT, SAME, is_a, number

YEARS = 8  # backtrader.TimeFrame.Years

# Break-even trades count as won here.
TRADES = {
    "won.total": ("winning_trades", SAME),
    "lost.total": ("losing_trades", SAME),
    "pnl.net.average": ("expectancy", SAME),
    "won.pnl.average": ("avg_win", SAME),
    "lost.pnl.average": ("avg_loss", SAME),
    "won.pnl.max": ("best_trade", SAME),
    "lost.pnl.max": ("worst_trade", SAME),
    "streak.lost.longest": ("max_consecutive_losses", SAME),
}


def report(analyzers: list[Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, read in READERS.items():
        for analyzer in analyzers:
            if is_a(analyzer, "backtrader", name):
                found |= read(analyzer.get_analysis())
    return found | _sharpe(analyzers)


def returns(analyzers: list[Any]) -> Iterator[Mapping[Any, float]]:
    """Returns of the account by time; a TimeReturn with `data` tracks that data instead."""
    for analyzer in analyzers:
        if is_a(analyzer, "backtrader", "TimeReturn"):
            if getattr(analyzer.p, "data", None) is None:
                yield analyzer.get_analysis()
        elif is_a(analyzer, "backtrader", "PyFolio"):
            yield analyzer.get_analysis().get("returns", {})


def _sharpe(analyzers: list[Any]) -> dict[str, float]:
    """The annual one of the finest time frame; a ratio per day or month is something else."""
    annual = {
        analyzer.p.timeframe: value
        for analyzer in analyzers
        if is_a(analyzer, "backtrader", "SharpeRatio")
        and (analyzer.p.annualize or analyzer.p.timeframe == YEARS)
        and (value := number(analyzer.get_analysis().get("sharperatio"))) is not None
    }
    return {"sharpe_ratio": annual[min(annual)]} if annual else {}


def _drawdown(analysis: Mapping[str, Any]) -> dict[str, float]:
    deepest = {"max": _dig(analysis, "max.drawdown"), "money": _dig(analysis, "max.moneydown")}
    return reading.report(
        deepest,
        {
            "max": ("max_drawdown", POSITIVE_DRAWDOWN_PERCENT),
            "money": ("max_drawdown_money", -1.0),
        },
    )


def _time_drawdown(analysis: Mapping[str, Any]) -> dict[str, float]:
    return reading.report(analysis, {"maxdrawdown": ("max_drawdown", POSITIVE_DRAWDOWN_PERCENT)})


def _returns(analysis: Mapping[str, Any]) -> dict[str, float]:
    """`rtot` is a log return; -inf where the account went below zero."""
    total = number(analysis.get("rtot"))
    found = {} if total is None else {"total_return": math.expm1(total)}
    return found | reading.report(analysis, {"rnorm": ("annual_return", SAME)})


def _trades(analysis: Mapping[str, Any]) -> dict[str, float]:
    """Keys appear only once something happened."""
    closed = _dig(analysis, "total.closed") or 0
    if not closed:
        return {"total_trades": 0.0}
    found = reading.report({path: _dig(analysis, path) for path in TRADES}, TRADES)
    found["total_trades"] = float(closed)
    found["win_rate"] = found.get("winning_trades", 0.0) / closed
    profit, loss = (number(_dig(analysis, f"{side}.pnl.total")) for side in ("won", "lost"))
    if loss:
        found["profit_factor"] = (profit or 0.0) / -loss
    return found


def _sqn(analysis: Mapping[str, Any]) -> dict[str, float]:
    return reading.report(analysis, {"sqn": ("sqn", SAME)}) if analysis.get("trades") else {}


def _vwr(analysis: Mapping[str, Any]) -> dict[str, float]:
    return reading.report(analysis, {"vwr": ("vwr", SAME)})


def _dig(analysis: Mapping[str, Any], path: str) -> Any:
    """A nested value; `get`, because indexing these dicts creates what is missing."""
    found: Any = analysis
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


READERS: dict[str, Callable[[Mapping[str, Any]], dict[str, float]]] = {
    "TimeDrawDown": _time_drawdown,
    "DrawDown": _drawdown,
    "Returns": _returns,
    "TradeAnalyzer": _trades,
    "SQN": _sqn,
    "VWR": _vwr,
}
