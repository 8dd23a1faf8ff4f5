"""What LEAN claims: decimals as text, drawdowns positive, 0 and 10 for what is undefined."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bt_lake.ingest.engines.reading import POSITIVE_DRAWDOWN, SAME, number, report
from bt_lake.ingest.formats.lean.keys import get, low

PORTFOLIO = {
    "totalnetprofit": ("total_return", SAME),
    "compoundingannualreturn": ("cagr", SAME),
    "drawdown": ("max_drawdown", POSITIVE_DRAWDOWN),
    "annualstandarddeviation": ("volatility", SAME),
    "endequity": ("final_equity", SAME),
    "valueatrisk95": ("var_95", SAME),
    "probabilisticsharperatio": ("probabilistic_sharpe", SAME),
    "portfolioturnover": ("turnover", SAME),
    "alpha": ("alpha", SAME),
    "beta": ("beta", SAME),
}
RATIOS = {
    "sharperatio": ("sharpe_ratio", SAME),
    "sortinoratio": ("sortino_ratio", SAME),
    "informationratio": ("information_ratio", SAME),
    "treynorratio": ("treynor_ratio", SAME),
}
# The formatted table, for files too old to have the numbers. Its 'Total Trades' are orders.
FORMATTED = {
    "net profit": ("total_return", SAME),
    "compounding annual return": ("cagr", SAME),
    "drawdown": ("max_drawdown", POSITIVE_DRAWDOWN),
    "annual standard deviation": ("volatility", SAME),
    "end equity": ("final_equity", SAME),
    "alpha": ("alpha", SAME),
    "beta": ("beta", SAME),
}
FORMATTED_RATIOS = {
    "sharpe ratio": ("sharpe_ratio", SAME),
    "sortino ratio": ("sortino_ratio", SAME),
    "information ratio": ("information_ratio", SAME),
    "treynor ratio": ("treynor_ratio", SAME),
}
# Profits are before fees.
TRADES = {
    "numberofwinningtrades": ("winning_trades", SAME),
    "numberoflosingtrades": ("losing_trades", SAME),
    "winrate": ("win_rate", SAME),
    "profitfactor": ("profit_factor", SAME),
    "averageprofitloss": ("expectancy", SAME),
    "averageprofit": ("avg_win", SAME),
    "averageloss": ("avg_loss", SAME),
    "largestprofit": ("best_trade", SAME),
    "largestloss": ("worst_trade", SAME),
    "maxconsecutivelosingtrades": ("max_consecutive_losses", SAME),
    "totalfees": ("total_fees", SAME),
}
# sign, sign of the currency, number, percent
AMOUNT = re.compile(
    r"\s*(-?)[^\w.+-]{0,3}([+-]?(?:[\d,]*+\.\d++|[\d,]*+(?<=\d))(?:[eE][+-]?\d+)?)\s*+(%?)\s*"
)


def read(result: Mapping[str, Any]) -> dict[str, float]:
    portfolio = _amounts(get(result, "totalPerformance", "portfolioStatistics"))
    names, ratios = PORTFOLIO, RATIOS
    if not portfolio:
        portfolio = _amounts(get(result, "statistics"))
        names, ratios = FORMATTED, FORMATTED_RATIOS
    found = report(portfolio, names)
    found |= {name: value for name, value in report(portfolio, ratios).items() if value}
    return found | _trades(_amounts(get(result, "totalPerformance", "tradeStatistics")))


def start_equity(result: Mapping[str, Any]) -> float | None:
    known = _amounts(get(result, "totalPerformance", "portfolioStatistics"))
    return known.get("startequity") or _amounts(get(result, "statistics")).get("start equity")


def _trades(told: Mapping[str, float | None]) -> dict[str, float]:
    closed = told.get("totalnumberoftrades")
    if not closed:
        return {} if closed is None else {"total_trades": 0.0}
    found = report(told, TRADES) | {"total_trades": closed}
    if not told.get("numberoflosingtrades"):
        found.pop("profit_factor", None)
    return found


def _amounts(table: Any) -> dict[str, float | None]:
    return {name: _amount(value) for name, value in low(table).items()}


def _amount(value: Any) -> float | None:
    """0.3133 of '0.3133', -0.2 of '-20 %', 1728.37 of '$1,728.37'."""
    if not isinstance(value, str):
        return number(value)
    found = AMOUNT.fullmatch(value)
    if not found:
        return None
    amount = number(float(found[2].replace(",", "")))
    if amount is None:
        return None
    return (-amount if found[1] else amount) / (100 if found[3] else 1)
