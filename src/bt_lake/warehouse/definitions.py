"""Where a source is known to mean another thing by the name of a metric.

What such a source reports stays in `reported`; the column is for the lake's own definition (see
"How each number is computed" in docs/design.md) and for sources whose definition is not known.
"""

from __future__ import annotations

_RATIOS = ("sharpe_ratio", "sortino_ratio", "calmar_ratio")
DIFFERENT: dict[str, tuple[str, ...]] = {
    # Annual returns are geometric; the profit factor is of returns, not of money; beta is of log
    # returns, alpha of total ones.
    "backtesting.py": (*_RATIOS, "volatility", "profit_factor", "alpha", "beta"),
    "vectorbt": _RATIOS,  # a year has 365 days, whatever is traded
    "freqtrade": _RATIOS,  # of closed trades by day
    "backtrader": ("sharpe_ratio",),  # of yearly returns, ddof 0
    "nautilus_trader": ("sharpe_ratio", "sortino_ratio", "volatility"),  # of closed positions
    # Less a risk-free rate; beside the benchmark of annual returns.
    "lean": ("sharpe_ratio", "sortino_ratio", "alpha", "information_ratio", "treynor_ratio"),
    "zipline": ("alpha",),  # compounded
    "pybroker": ("total_return",),  # realised, before fees
    "metatrader4": ("sharpe_ratio",),  # of trades, not of time
    "metatrader5": ("sharpe_ratio",),
    "tradingview": ("sharpe_ratio", "sortino_ratio"),  # of months, less a risk-free rate
    "ninjatrader": ("sharpe_ratio", "sortino_ratio"),  # of months
}


def differs(engine: object, metric: str) -> bool:
    return isinstance(engine, str) and metric in DIFFERENT.get(engine, ())


def differs_sql() -> dict[str, str]:
    """For each column that a source may mean otherwise: SQL that is true of such rows of `runs`."""
    columns = dict.fromkeys(name for names in DIFFERENT.values() for name in names)
    return {
        column: "metrics_from = 'reported' and engine in ("
        + ", ".join(f"'{engine}'" for engine, names in DIFFERENT.items() if column in names)
        + ")"
        for column in columns
    }
