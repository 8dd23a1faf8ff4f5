"""Metrics in words: what one is called, and how a value of it reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bt_lake.warehouse.schema import RUNS, TITLES, Column
from bt_lake.wording.values import (
    MISSING,
    count,
    fine_ratio,
    general,
    money,
    one_decimal,
    one_line,
    percent,
    ratio,
)

_FULL = {
    "max_underwater_days": "days under water",
    "max_consecutive_losses": "losses in a row",
    "avg_trade_hours": "hours",
    "r_squared": "R squared",
}
# Shares of a whole: a plus sign would say nothing.
UNSIGNED = {
    "win_rate", "exposure", "volatility", "ulcer_index", "tracking_error", "months_ahead",
    "time_in_market", "gains",
}  # fmt: skip
# Small by nature: one decimal would show zeros.
FINE = {
    "best_period",
    "worst_period",
    "var_95",
    "cvar_95",
    "avg_trade_return",
    "ulcer_index",
    "trade_cvar_95",
}

BESIDE = "Benchmark"
# The metrics of a run, as they stand together.
SECTIONS = {
    "Returns": ("total_return", "cagr", "best_period", "worst_period"),
    "Ratios": ("sharpe_ratio", "sortino_ratio", "calmar_ratio", "tail_ratio", "skew", "kurtosis"),
    "Risk": (
        "volatility", "max_drawdown", "max_underwater_days", "ulcer_index", "var_95", "cvar_95",
    ),
    "Trades": (
        "total_trades", "winning_trades", "losing_trades", "win_rate", "profit_factor",
        "expectancy", "sqn", "exposure",
    ),
    "Per trade": (
        "avg_win", "avg_loss", "best_trade", "worst_trade", "avg_trade_hours",
        "max_consecutive_losses",
    ),
    BESIDE: (
        "beta", "alpha", "correlation", "r_squared", "tracking_error", "information_ratio",
        "treynor_ratio", "up_capture", "down_capture", "benchmark_return", "excess_return",
        "months_ahead",
    ),
}  # fmt: skip


def metric_name(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))


def full_name(name: str) -> str:
    """A metric in words, where there is room for them."""
    if name not in RUNS:
        return one_line(name)  # the user's own, as they wrote it
    return _FULL.get(name) or name.removeprefix("total_").replace("_", " ")


def metric_text(name: str) -> Callable[[Any], str]:
    """The text of one value of a metric, the user's own included."""
    column = RUNS.by_name.get(name)
    return number(column) if column is not None and column.is_number else general


def number(column: Column) -> Callable[[Any], str]:
    match column.unit:
        case "fraction":
            return fraction(column.name)
        case "ratio":
            return fine_ratio if column.name == "sharpe_period" else ratio
        case "money":
            return money
        case "count" | "bars":
            return count
        case _:
            return one_decimal


def fraction(name: str) -> Callable[[Any], str]:
    sign = "" if name in UNSIGNED else "+"
    digits = 2 if name in FINE else 1

    def show(value: Any) -> str:
        return MISSING if value is None else percent(value, sign=sign, digits=digits)

    return show


def short(name: str) -> str:
    """A parameter or label without what says which of them it is."""
    return one_line(name.removeprefix("param."))
