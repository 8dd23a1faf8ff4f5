"""bt: a Result of one or many backtests; round trips come from its transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bt_lake.ingest.engines.fifo import round_trips
from bt_lake.ingest.engines.reading import SAME, dated, is_a, one, report, timeframe, version
from bt_lake.ingest.run import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Intraday backtests are measured on days here, so what says daily stays apart from per-period.
STATS = {
    "total_return": ("total_return", SAME),
    "cagr": ("cagr", SAME),
    "max_drawdown": ("max_drawdown", SAME),
    "calmar": ("calmar_ratio", SAME),
    "daily_sharpe": ("sharpe_ratio", SAME),
    "daily_sortino": ("sortino_ratio", SAME),
    "daily_vol": ("volatility", SAME),
    "monthly_sharpe": ("monthly_sharpe", SAME),
    "monthly_vol": ("monthly_volatility", SAME),
    "best_day": ("best_day", SAME),
    "worst_day": ("worst_day", SAME),
    "best_month": ("best_month", SAME),
    "worst_month": ("worst_month", SAME),
    "best_year": ("best_year", SAME),
    "worst_year": ("worst_year", SAME),
    "avg_drawdown": ("avg_drawdown", SAME),
    "win_year_perc": ("win_years", SAME),
}


def matches(obj: object) -> bool:
    return is_a(obj, "bt", "Result")


def to_runs(obj: Any) -> list[Run]:
    return [
        _run(name, backtest.strategy, obj.stats[name]) for name, backtest in obj.backtests.items()
    ]


def _run(name: str, strategy: Any, stats: Any) -> Run:
    # `values` begins a day before the first bar with the capital; `prices` of a Result is an index
    # of 100, cut to the days that all its backtests share.
    index = dated(strategy.values.index, "bt")
    return Run(
        str(name),
        equity={
            "ts": index,
            "equity": strategy.values.to_numpy(),
            "cash": strategy.cash.to_numpy(),
        },
        trades=_trades(strategy),
        metrics=report(stats.to_dict(), STATS),
        symbol=one(security.name for security in strategy.securities),
        timeframe=timeframe(index[1:]),
        engine="bt",
        engine_version=version("bt"),
    )


def _trades(strategy: Any) -> dict[str, Any] | list[Any]:
    import numpy as np

    try:
        frame = strategy.get_transactions()
    except IndexError:  # how bt says that there are none
        return []
    at = frame.index.get_level_values(0).to_numpy().astype("datetime64[us]")
    symbols = frame.index.get_level_values(1).tolist()
    quantity, price = (frame[name].to_numpy(np.float64) for name in ("quantity", "price"))
    multipliers = {security.name: security.multiplier for security in strategy.securities}
    return round_trips(
        symbols,
        at,
        quantity,
        price,
        fee=_fees(at, np.abs(quantity * price), strategy.fees),
        multiplier=[multipliers.get(symbol, 1.0) for symbol in symbols],
    )


def _fees(at: NDArray[Any], value: NDArray[np.float64], fees: Any) -> NDArray[np.float64]:
    """bt knows the fees of a bar, not of a fill: they are shared out by the money moved."""
    import numpy as np

    bars, bar = np.unique(at, return_inverse=True)
    paid = fees.reindex(bars).fillna(0.0).to_numpy(np.float64)
    moved = np.bincount(bar, weights=value, minlength=len(bars))
    shared: NDArray[np.float64] = paid[bar] * value / np.where(moved == 0, 1.0, moved)[bar]
    return shared
